-- Which call meets which agent. Decisions read heads of lines only; their order is (virtual arrival, call id) for calls
-- and (rank, idle since, name) for agents.
meetings = lazy(function(meetings)
  local HOLD = tonumber(ARGV[3])

  -- `how`: for the story.
  function meetings.offer(call, agent, how)
    local token, lease = tostring(redis.call('INCR', P .. 'token')), moment(NOW + HOLD)
    lines.turn(call, 'offered')
    set('call', call, 'agent', agent.id, 'phone', agent.phone, 'token', token, 'lease', lease, 'taken', '')
    if agent.row ~= '' and NOW - tonumber(agent.since) >= number(agent, 'cool_down') then
      set('agent', agent, 'row', '')
    end
    agents.become(agent, 'offered', { deadline = lease, call = call.id, token = token })
    table.insert(news.offers, offer_of(call))
    how.agent = agent.id
    tell(call, 'offered', how)
  end

  -- The call that an agent shall get: of the heads of all lines, that with the highest weight × (now − virtual
  -- arrival).
  function meetings.find_call(agent)
    local served = redis.call('HGETALL', key('classes-for', agent.profile))
    if agent.alone ~= '' then served = moves.with_lines_of(agent, served) end
    local best, most
    for i = 1, #served, 2 do
      local head = lines.head(served[i])
      if head then
        local weight, open = tonumber(served[i + 1]), true
        if not weight then weight, open = conditions.terms(served[i + 1]) end
        local merit = weight * (NOW - head[1])
        if open and (not best or merit > most or merit == most and lines.earlier(head, best)) then
          best, most = head, merit
        end
      end
    end
    if best then meetings.offer(load('call', best[2]), agent, { by = 'turn' }) end
  end

  local function better(a, b)
    if not b or a.rank ~= b.rank then return not b or a.rank < b.rank end
    return lines.earlier(a, b)
  end

  -- The agent that a call shall get: of the best rank, and of those idle for longest, among those who have not missed
  -- it in this round; when all idle ones have, a new round begins. Those who missed it may stand in front, so as many
  -- more are read.
  function meetings.find_agent(call)
    if call.last ~= '' then return moves.idle_one(call) end
    local tried = call.tried == '' and {} or cjson.decode(call.tried)
    local missed, fresh, any = {}, nil, nil
    for _, name in ipairs(tried) do missed[name] = true end
    local profiles = redis.call('HGETALL', key('profiles-for', call.class))
    for i = 1, #profiles, 2 do
      local rank, open = tonumber(profiles[i + 1]), true
      if not rank then rank, open = conditions.rank(profiles[i + 1], call) end
      local heads = open and redis.call('ZRANGE', key('idle', profiles[i]), 0, #tried, 'WITHSCORES') or {}
      for j = 1, #heads, 2 do
        local head = { tonumber(heads[j + 1]), heads[j], rank = rank }
        if better(head, any) then any = head end
        if not missed[head[2]] and better(head, fresh) then fresh = head end
      end
    end
    if any and not fresh then set('call', call, 'tried', '') end
    local found = fresh or any
    return found and load('agent', found[2]), { by = queue_of(call.queue).choice, missed = #tried }
  end

  -- A call waits from now on, in the place that its virtual arrival gives it, unless an agent is idle.
  function meetings.wait(call)
    local queue, waited = queue_of(call.queue), call.state == 'waiting'
    if waited then lines.leave(call) end
    if call.state ~= '' and call.needs == '' then lines.know(call.class, queue) end -- it may have been forgotten
    local deadline = (call.needs ~= '' or call.last ~= '') and moves.place(call, queue, waited)
    local conditional, agent, how = queues.conditional(queue), nil, nil
    if not conditional then agent, how = meetings.find_agent(call) end
    if agent then
      if ARGV[4] ~= '' then stories.of_agents(call.class, how) end
      return meetings.offer(call, agent, how)
    end
    if deadline then set('call', call, 'deadline', deadline) end
    lines.turn(call, 'waiting')
    if conditional then conditions.fill(queue) end
    if call.state ~= 'waiting' then return end
    set('call', call, 'stood', '1')
    if ARGV[4] ~= '' and not waited then stories.why_it_waits(call, queue) end
  end
end)
