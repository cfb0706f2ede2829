-- Offers that came to nothing.
misses = lazy(function(misses)
  local SILENT = 60 -- seconds without a sign of life after which a call whose session was lost is given up

  local function note_tried(call, name)
    local tried = call.tried == '' and {} or cjson.decode(call.tried)
    for _, known in ipairs(tried) do
      if known == name then return end
    end
    tried[#tried + 1] = name
    set('call', call, 'tried', cjson.encode(tried))
  end

  -- The agent after a miss: left alone for a while, or until they say that they are ready.
  local function after(agent, rules, outcome)
    local delay, lost = rules.delays[outcome] or 0, outcome == 'lost'
    local too_many = not lost and rules.miss_limit > 0 and number(agent, 'misses') + 1 >= rules.miss_limit
    if not lost then set('agent', agent, 'misses', too_many and '' or number(agent, 'misses') + 1) end
    agents.release(agent, function()
      if too_many then
        agents.become(agent, 'paused', { reason = 'missed-calls' })
      elseif delay > 0 then
        agents.become(agent, 'paused', { deadline = moment(NOW + delay), reason = outcome })
      else
        agents.free(agent, lost and agent.since or moment(NOW))
      end
    end, outcome)
  end

  -- The call goes first, so that others are tried before the agent is free again. When its session is lost nobody would
  -- take a next offer: the call keeps its place in the line but gets none until it joins again, and the agent, who is
  -- not to blame, keeps the idle time.
  function misses.miss(call, outcome)
    local agent = load('agent', call.agent)
    tell(call, 'missed', { agent = call.agent, why = outcome })
    if outcome == 'lost' then
      lines.turn(call, 'lost')
      redis.call('ZADD', P .. 'due', moment(NOW + SILENT), 'call:' .. call.id)
    else
      note_tried(call, call.agent)
      if call.last == call.agent then set('call', call, 'last', '') end
      meetings.wait(call)
    end
    if agent then after(agent, queues.rules(queue_of(call.queue)), outcome) end -- else somebody deleted the hash
  end
end)
