-- Agents: the table of their states, and the one function through which every change of state goes.

-- From a row's state to these. Talking follows idle, wrap-up and paused when an answer comes after its lease ran out.
local NEXT = {
  offline     = { idle = true },
  idle        = { idle = true, offered = true, talking = true, paused = true, offline = true },
  offered     = { idle = true, talking = true, ['wrap-up'] = true, paused = true, offline = true },
  talking     = { idle = true, ['wrap-up'] = true, paused = true, offline = true },
  ['wrap-up'] = { idle = true, talking = true, paused = true, offline = true },
  paused      = { idle = true, talking = true, paused = true, offline = true },
}

local find_call -- in calls.lua: an agent who becomes idle looks for work at once

-- `new`: since (idle agents: the moment they became idle, kept through an offer), deadline, call, token, reason.
local function become(agent, state, new)
  new = new or {}
  assert(NEXT[agent.state][state], 'an agent cannot go from ' .. agent.state .. ' to ' .. state)
  if agent.state == 'idle' then redis.call('ZREM', key('idle', agent.profile), agent.id) end
  redis.call('ZREM', P .. 'due', 'agent:' .. agent.id)
  if not moved[agent.id] then moved[#moved + 1] = agent.id end
  moved[agent.id] = state

  if state == 'offline' then
    redis.call('DEL', key('agent', agent.id))
    redis.call('SREM', P .. 'agents', agent.id)
    agent.state = state
    return
  end

  set('agent', agent, 'state', state, 'since', new.since or agent.since, 'deadline', new.deadline or '',
    'call', new.call or '', 'token', new.token or '', 'reason', new.reason or '')
  if new.deadline then redis.call('ZADD', P .. 'due', new.deadline, 'agent:' .. agent.id) end
  if state == 'idle' then
    redis.call('ZADD', key('idle', agent.profile), agent.since, agent.id)
    find_call(agent)
  end
end

-- An agent's offer or conversation is over: what they asked for meanwhile comes first, else `state`.
local function release(agent, state, new)
  local wish, reason = agent.wish, agent.wish_reason
  if wish ~= '' then set('agent', agent, 'wish', '', 'wish_reason', '') end
  if wish == 'offline' then
    become(agent, 'offline')
  elseif wish == 'paused' then
    become(agent, 'paused', { reason = reason })
  else
    become(agent, state, new)
  end
end
