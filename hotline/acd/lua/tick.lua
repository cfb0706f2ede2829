-- Time passes: leases of silent sessions run out, wrap-ups and pauses end, calls silent for too long are given up.
-- In order of the deadlines, MOST at a time; `more` answers the next deadline ("" for none), which lies in the past
-- when there is more to do now.
-- ARGV  4 mercy: until that moment, leases that would run out and calls that would be given up are kept
-- Applied when anything was due. An entry of `due` that belongs to nobody is dropped: it must not stop the time.
-- include lib/change.lua
local MOST, MERCY = 100, tonumber(ARGV[4])

local function keep(entry, agent)
  local later = moment(MERCY)
  redis.call('ZADD', P .. 'due', later, entry)
  if not agent then return end
  set('agent', agent, 'deadline', later)
  set('call', { id = agent.call }, 'lease', later)
end

local function agent_due(entry, agent, deadline)
  local call = load('call', agent.call)
  if agent.state ~= 'offered' or not held_by(call, agent.id, agent.token) then
    become(agent, 'idle', { since = deadline }) -- as idle as if we had looked in time
  elseif NOW < MERCY then
    keep(entry, agent)
  else
    lapsed[#lapsed + 1] = offer_of(call)
    miss(call, 'lost')
  end
end

local function fall_due(entry, deadline)
  local kind, id = entry:match('^(%a+):(.*)$')
  local agent, call = kind == 'agent' and load('agent', id), kind == 'call' and load('call', id)
  if agent and agent.deadline ~= '' then
    agent_due(entry, agent, deadline)
  elseif call and call.state == 'lost' then
    if NOW < MERCY then keep(entry) else give_up(call) end
  else
    redis.call('ZREM', P .. 'due', entry)
  end
end

local any = false
for _ = 1, MOST do
  local due = redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', ARGV[2], 'WITHSCORES', 'LIMIT', 0, 1)
  if not due[1] then break end
  fall_due(due[1], moment(tonumber(due[2])))
  any = true
end
return answer(any, nil, redis.call('ZRANGE', P .. 'due', 0, 0, 'WITHSCORES')[2] or '')
