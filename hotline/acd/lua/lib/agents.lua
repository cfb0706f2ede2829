-- Agents: the table of their states, and the one function through which every change of state goes.

-- From a row's state to these. Talking follows states of rest when an answer comes after its lease ran out.
local NEXT = {
  offline         = { idle = true },
  idle            = { idle = true, offered = true, talking = true, paused = true, ['device-busy'] = true, offline = true },
  offered         = { idle = true, talking = true, ['wrap-up'] = true, paused = true, ['device-busy'] = true, offline = true },
  talking         = { idle = true, ['wrap-up'] = true, paused = true, offline = true },
  ['wrap-up']     = { idle = true, talking = true, paused = true, ['device-busy'] = true, offline = true },
  paused          = { idle = true, talking = true, paused = true, ['device-busy'] = true, offline = true },
  ['device-busy'] = { idle = true, talking = true, paused = true, offline = true },
}

-- In lines.lua: an agent who becomes idle looks for work at once; of one who goes, others must know.
local find_call, let_go

-- Who could serve calls, now or later: anybody logged in but who is paused for having missed too many.
local function at_work(agent)
  return agent.state ~= 'offline' and not (agent.state == 'paused' and agent.reason == 'missed-calls')
end

local function on_staff(agent) return agent.state ~= 'offline' and agent.state ~= 'paused' end

-- One more (1) or less (-1) of the agent's profile at work, on the staff. Answers how many are at work.
local function count_agent(agent, work, staff)
  local left = work ~= 0 and redis.call('HINCRBY', P .. 'work', agent.profile, work)
  if left == 0 then redis.call('HDEL', P .. 'work', agent.profile) end
  if staff ~= 0 then
    if redis.call('HINCRBY', P .. 'staff', agent.profile, staff) == 0 then
      redis.call('HDEL', P .. 'staff', agent.profile)
    end
    for _, name in ipairs(redis.call('SMEMBERS', key('queues-for', agent.profile))) do
      count(queue_of(name), 'staff', staff)
    end
  end
  return left
end

local function forget(agent)
  drop('agent', agent)
  redis.call('SREM', P .. 'agents', agent.id)
  if redis.call('HGET', P .. 'phones', agent.phone) == agent.id then redis.call('HDEL', P .. 'phones', agent.phone) end
end

-- `new`: since (idle agents: the moment they became idle, kept through an offer), deadline, call, token, reason.
local function become(agent, state, new)
  new = new or {}
  assert(NEXT[agent.state][state], 'an agent cannot go from ' .. agent.state .. ' to ' .. state)
  local worked, manned = at_work(agent) and 1 or 0, on_staff(agent) and 1 or 0
  if agent.state == 'idle' then redis.call('ZREM', key('idle', agent.profile), agent.id) end
  if agent.deadline ~= '' then redis.call('ZREM', P .. 'due', 'agent:' .. agent.id) end
  if not moved[agent.id] then moved[#moved + 1] = agent.id end
  moved[agent.id] = state

  if agent.state ~= state then set('agent', agent, 'changed', moment(NOW)) end -- for people to look at
  if agent.state ~= state then set('agent', agent, 'changed', moment(NOW)) end
  set('agent', agent, 'state', state, 'since', new.since or agent.since, 'deadline', new.deadline or '',
    'call', new.call or '', 'token', new.token or '', 'reason', new.reason or '')
  if state == 'paused' then set('agent', agent, 'row', '') end
  if state == 'offline' then forget(agent) end
  if new.deadline then redis.call('ZADD', P .. 'due', new.deadline, 'agent:' .. agent.id) end
  local left = count_agent(agent, (at_work(agent) and 1 or 0) - worked, (on_staff(agent) and 1 or 0) - manned)
  if state == 'idle' then
    redis.call('ZADD', key('idle', agent.profile), agent.since, agent.id)
    find_call(agent)
  elseif left == 0 or agent.alone ~= '' and not on_staff(agent) then
    let_go(agent, left == 0)
  end
end

-- Ready for a call since that moment, unless on the phone with somebody else.
local function free(agent, since)
  if agent.device == 'busy' then become(agent, 'device-busy') else become(agent, 'idle', { since = since }) end
end

-- The same after a conversation and its wrap-up: when there were enough in a row, a rest comes first.
local function rest_or_free(agent, since)
  local most, rest = number(agent, 'max_in_row'), number(agent, 'cool_down')
  if most > 0 and rest > 0 and number(agent, 'row') >= most then
    become(agent, 'paused', { deadline = moment(tonumber(since) + rest), reason = 'cool-down' })
  else
    free(agent, since)
  end
end

-- An agent's offer or conversation is over: what they asked for meanwhile comes first, else `onward` does. That the
-- phone was seen busy was our own call, unless it is what came of the offer.
local function release(agent, onward, outcome)
  local wish, reason = agent.wish, agent.wish_reason
  if agent.device ~= '' and outcome ~= 'busy' then set('agent', agent, 'device', '') end
  if wish ~= '' then set('agent', agent, 'wish', '', 'wish_reason', '') end
  if wish == 'offline' then
    become(agent, 'offline')
  elseif wish == 'paused' then
    become(agent, 'paused', { reason = reason })
  else
    onward(agent)
  end
end
