-- Agents: the table of their states, and the one function through which every change of state goes.
agents = {}
do
  -- From a row's state to these. Talking follows states of rest when an answer comes after its lease ran out.
  local NEXT = {
    offline         = 'idle',
    idle            = 'idle offered talking paused device-busy offline',
    offered         = 'idle talking wrap-up paused device-busy offline',
    talking         = 'idle wrap-up paused offline',
    ['wrap-up']     = 'idle talking paused device-busy offline',
    paused          = 'idle talking paused device-busy offline',
    ['device-busy'] = 'idle talking paused offline',
  }

  -- Who could serve calls, now or later: anybody logged in but who is paused for having missed too many.
  function agents.at_work(agent)
    return agent.state ~= 'offline' and not (agent.state == 'paused' and agent.reason == 'missed-calls')
  end

  function agents.on_staff(agent) return agent.state ~= 'offline' and agent.state ~= 'paused' end

  -- One more (1) or less (-1) of the agent's profile at work, on the staff. Answers how many are at work.
  function agents.count(agent, work, staff)
    local left = work ~= 0 and redis.call('HINCRBY', P .. 'work', agent.profile, work)
    if left == 0 then redis.call('HDEL', P .. 'work', agent.profile) end
    if staff ~= 0 then
      if redis.call('HINCRBY', P .. 'staff', agent.profile, staff) == 0 then
        redis.call('HDEL', P .. 'staff', agent.profile)
      end
      for _, name in ipairs(redis.call('SMEMBERS', key('queues-for', agent.profile))) do
        queues.count(queue_of(name), 'staff', staff)
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
  function agents.become(agent, state, new)
    local was, known = agent.state, NEXT[agent.state]
    assert((' ' .. known .. ' '):find(' ' .. state .. ' ', 1, true), 'an agent cannot go from ' .. was .. ' to ' .. state)
    local worked, manned = agents.at_work(agent) and 1 or 0, agents.on_staff(agent) and 1 or 0
    if was == 'idle' then redis.call('ZREM', key('idle', agent.profile), agent.id) end
    if agent.deadline ~= '' and not new.deadline then redis.call('ZREM', P .. 'due', 'agent:' .. agent.id) end
    if not news.moved[agent.id] then table.insert(news.moved, agent.id) end
    news.moved[agent.id] = state

    if was ~= state then set('agent', agent, 'changed', moment(NOW)) end
    set('agent', agent, 'state', state, 'since', new.since or agent.since, 'deadline', new.deadline or '',
      'call', new.call or '', 'token', new.token or '', 'reason', new.reason or '')
    if state == 'paused' then set('agent', agent, 'row', '') end
    if state == 'offline' then forget(agent) end
    if new.deadline then redis.call('ZADD', P .. 'due', new.deadline, 'agent:' .. agent.id) end
    local works, mans = agents.at_work(agent) and 1 or 0, agents.on_staff(agent) and 1 or 0
    local left = (works ~= worked or mans ~= manned) and agents.count(agent, works - worked, mans - manned)
    if state == 'idle' then
      redis.call('ZADD', key('idle', agent.profile), agent.since, agent.id)
      meetings.find_call(agent)
    elseif left == 0 or agent.alone ~= '' and mans == 0 then
      moves.let_go(agent, agent.profile, left == 0)
    end
  end

  -- Ready for a call since that moment, unless on the phone with somebody else.
  function agents.free(agent, since)
    if agent.device == 'busy' then
      agents.become(agent, 'device-busy', {})
    else
      agents.become(agent, 'idle', { since = since })
    end
  end

  -- The same after a conversation and its wrap-up: when there were enough in a row, a rest comes first.
  function agents.rest_or_free(agent, since)
    local most, rest = number(agent, 'max_in_row'), number(agent, 'cool_down')
    if most > 0 and rest > 0 and number(agent, 'row') >= most then
      agents.become(agent, 'paused', { deadline = moment(tonumber(since) + rest), reason = 'cool-down' })
    else
      agents.free(agent, since)
    end
  end

  -- An agent's offer or conversation is over: what they asked for meanwhile comes first, else `onward` does. That the
  -- phone was seen busy was our own call, unless it is what came of the offer.
  function agents.release(agent, onward, outcome)
    local wish, reason = agent.wish, agent.wish_reason
    if outcome ~= 'busy' then set('agent', agent, 'device', '') end
    if wish ~= '' then set('agent', agent, 'wish', '', 'wish_reason', '') end
    if wish == 'offline' then
      agents.become(agent, 'offline', {})
    elseif wish == 'paused' then
      agents.become(agent, 'paused', { reason = reason })
    else
      onward(agent)
    end
  end
end
