-- Time passes: leases of silent sessions run out, wrap-ups and pauses end, needs widen, callers wait no longer for one
-- agent alone, reserve agents are called, calls silent for too long are given up.
-- In order of the deadlines, MOST at a time; `due` answers the next deadline, which lies in the past when there is more
-- to do now.
-- ARGV  5 mercy: until that moment, leases that would run out and calls that would be given up are kept
-- Applied when anything was due. An entry of `due` that belongs to nobody is dropped: it must not stop the time.
-- include lib/change.lua
local MOST, MERCY = 100, tonumber(ARGV[5])

local function agent_due(agent, deadline)
  local call = load('call', agent.call)
  local held = agent.state == 'offered' and calls.held_by(call, agent.id, agent.token)
  if held and NOW < MERCY then
    local later = moment(MERCY)
    redis.call('ZADD', P .. 'due', later, 'agent:' .. agent.id)
    set('agent', agent, 'deadline', later)
    set('call', call, 'lease', later)
  elseif held then
    table.insert(news.lapsed, offer_of(call))
    misses.miss(call, 'lost')
  elseif agent.state == 'wrap-up' then
    agents.rest_or_free(agent, deadline) -- as if we had looked in time
  else
    agents.free(agent, deadline)
  end
end

local function call_due(call)
  if call.state == 'waiting' then
    meetings.wait(call)
  elseif NOW < MERCY then
    redis.call('ZADD', P .. 'due', moment(MERCY), 'call:' .. call.id)
  else
    calls.give_up(call)
  end
end

local function fall_due(entry, deadline)
  local kind, id = entry:match('^(%a+):(.*)$')
  local agent, call = kind == 'agent' and load('agent', id), kind == 'call' and load('call', id)
  if agent and agent.deadline ~= '' then
    agent_due(agent, deadline)
  elseif call and (call.state == 'lost' or call.state == 'waiting' and call.deadline ~= '') then
    call_due(call)
  elseif kind == 'line' then
    moves.more(id)
  else
    redis.call('ZREM', P .. 'due', entry)
    if kind == 'queue' then conditions.fill(queue_of(id)) end
  end
end

local any = false
for _ = 1, MOST do
  local due = redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', ARGV[2], 'WITHSCORES', 'LIMIT', 0, 1)
  if not due[1] then break end
  fall_due(due[1], moment(tonumber(due[2])))
  any = true
end
return answer(any)
