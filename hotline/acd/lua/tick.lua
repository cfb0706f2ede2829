-- Time passes: leases of silent sessions run out, wrap-ups and pauses end, calls silent for too long are given up.
-- In order of the deadlines, MOST at a time; `more` answers the next deadline ("" for none), which lies in the past
-- when there is more to do now, and `given_up` the calls given up, with their last standings.
-- include lib/change.lua
local MOST = 100

local function fall_due(kind, id, deadline)
  if kind == 'call' then
    given_up[#given_up + 1] = { id, standing(id) }
    finish(load('call', id), 'lost')
    return
  end
  local agent = load('agent', id)
  if agent.state == 'offered' then
    miss(load('call', agent.call), 'lost')
  else
    become(agent, 'idle', { since = deadline }) -- as idle as if we had looked in time
  end
end

local any = false
for _ = 1, MOST do
  local due = redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', ARGV[2], 'WITHSCORES', 'LIMIT', 0, 1)
  if not due[1] then break end
  local kind, id = due[1]:match('^(%a+):(.*)$')
  fall_due(kind, id, moment(tonumber(due[2])))
  any = true
end
return answer(any, nil, redis.call('ZRANGE', P .. 'due', 0, 0, 'WITHSCORES')[2] or '')
