-- Queues whose rules may keep a call waiting though an agent is idle: max_calls and reserve_above.
conditions = lazy(function(conditions)
  -- A class's weight, and whether an agent who is idle gets its calls at this moment. See classes.lua for the text.
  function conditions.terms(text)
    local weight, flags, name = text:match('^(%S+) (%a+) (.*)$')
    local queue = queue_of(name)
    local kept = flags:find('m') and not figures.room(queue)
      or flags:find('r') and (number(queue, 'waiting') == 0 or not forecast.reserve_called(queue))
    return tonumber(weight), not kept
  end

  -- A profile's rank, and whether its agents, who are in reserve, get the call at this moment.
  function conditions.rank(text, call)
    return tonumber(text:sub(1, -2)), (forecast.reserve_called(queue_of(call.queue)))
  end

  local function offer_one(queue)
    local heads = {}
    for _, kind in ipairs({ 'lines', 'alone-in' }) do
      for _, line in ipairs(redis.call('SMEMBERS', key(kind, queue.id))) do heads[#heads + 1] = lines.head(line) end
    end
    table.sort(heads, lines.earlier)
    for _, head in ipairs(heads) do
      local call = load('call', head[2])
      local agent, how = meetings.find_agent(call)
      if agent then
        if ARGV[4] ~= '' then stories.of_agents(call.class, how) end
        meetings.offer(call, agent, how)
        return true
      end
    end
  end

  -- Offers the queue's calls, first come first, as long as there is room and anybody for them. Then notes when to
  -- ask again whether reserve agents are to be called.
  function conditions.fill(queue)
    while number(queue, 'waiting') > 0 and figures.room(queue) and offer_one(queue) do end
    local called, at = true, nil
    if queue.reserve_above ~= '' and number(queue, 'waiting') > 0 then called, at = forecast.reserve_called(queue) end
    if called then
      redis.call('ZREM', P .. 'due', 'queue:' .. queue.id)
    else
      redis.call('ZADD', P .. 'due', moment(at), 'queue:' .. queue.id)
    end
  end
end)
