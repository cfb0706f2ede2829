-- Calls that change lines: needs that widen, sites that cease to matter, callers who wait for one agent alone, and what
-- becomes of all these when agents go.
moves = lazy(function(moves)
  local AT_ONCE = 20 -- calls that one script moves when an agent goes; the rest follow, by ticks

  local function passed(call, seconds) return NOW >= tonumber(moment(tonumber(call.arrival) + seconds)) end

  -- As far as the call's needs have widened, and its site while that matters. What nobody at work could serve is
  -- passed over; the site first. Never back. Answers when time will widen it.
  local function widen(call, queue)
    local rules = queues.rules(queue)
    local step = math.min(number(call, 'step'), #rules.widen) -- there may be fewer steps than there were
    local site, own_site = call.site, rules.own_site
    local function later() return rules.widen[step + 1] end
    local function widen_needs(why)
      step = step + 1
      tell(call, 'widened', { needs = rules.widen[step][2], why = why })
    end
    local function widen_site(why)
      site = ''
      tell(call, 'any site', { why = why })
    end
    local function class()
      local needs = rules.widen[step] and rules.widen[step][2] or call.needs
      local name = '[' .. call.quoted .. ',' .. needs .. ',' .. (site == '' and '""' or site) .. ']'
      lines.know(name, queue)
      return name
    end

    while later() and passed(call, later()[1]) do widen_needs('time') end
    if site ~= '' and passed(call, own_site) then widen_site('time') end
    local name = class()
    while (later() or site ~= '') and classes.able(name) == 0 do
      if site ~= '' then widen_site('nobody') else widen_needs('nobody') end
      name = class()
    end
    set('call', call, 'step', tostring(step), 'site', site, 'class', name)
    local next_step, own = later() and later()[1], site ~= '' and own_site
    local seconds = next_step and own and math.min(next_step, own) or next_step or own
    return seconds and moment(tonumber(call.arrival) + seconds)
  end

  -- Whether the caller's last agent is to be waited for: at work, able, and the time for that not over.
  local function sticks(call, queue, class)
    local agent = load('agent', call.last)
    if not agent or not agents.on_staff(agent) or passed(call, number(queue, 'sticky')) then return false end
    local terms = redis.call('HGET', key('classes-for', agent.profile), class)
    return terms and not terms:match('^%S+ m?r ')
  end

  -- The class and the agent that a call waits for from now on. Answers when that will change by time.
  function moves.place(call, queue, waited)
    local deadline = call.needs ~= '' and widen(call, queue)
    if call.last == '' then return deadline end
    local class = call.site == '' and call.class or call.class:sub(1, -#call.site - 2) .. '""]'
    if class ~= call.class then lines.know(class, queue) end
    if sticks(call, queue, class) then
      set('call', call, 'class', class)
      return moment(tonumber(call.arrival) + number(queue, 'sticky'))
    end
    if waited then tell(call, 'waits for all', { agent = call.last }) end
    set('call', call, 'last', '')
    return deadline
  end

  -- A call waits for its last agent alone, or does so no longer.
  function moves.entered_alone(call)
    redis.call('SADD', key('alone', call.last), call.class)
    redis.call('SADD', key('alone-in', call.queue), lines.name(call))
    set('agent', load('agent', call.last), 'alone', '1')
  end

  function moves.left_alone(call)
    if redis.call('EXISTS', key('waiting', lines.name(call))) == 1 then return end
    redis.call('SREM', key('alone', call.last), call.class)
    redis.call('SREM', key('alone-in', call.queue), lines.name(call))
    local agent = load('agent', call.last)
    if agent and redis.call('EXISTS', key('alone', call.last)) == 0 then set('agent', agent, 'alone', '') end
  end

  -- The agent whom a call waits for, if idle.
  function moves.idle_one(call)
    local agent = load('agent', call.last)
    return agent and agent.state == 'idle' and agent, { by = 'last' }
  end

  -- Classes and their terms, as in classes-for, and the same for the lines of who waits for this agent alone.
  function moves.with_lines_of(agent, served)
    local all, terms = {}, {}
    for i = 1, #served, 2 do
      all[i], all[i + 1], terms[served[i]] = served[i], served[i + 1], served[i + 1]
    end
    for _, class in ipairs(redis.call('SMEMBERS', key('alone', agent.id))) do
      if terms[class] then all[#all + 1], all[#all + 2] = class .. agent.id, terms[class] end
    end
    return all
  end

  -- The first calls of some lines, in their order, look for a place anew. A line that has more is due at once, unless
  -- those of it who looked all stayed.
  local function move_on(names)
    local heads, rest, stayed = {}, {}, {}
    for _, line in ipairs(names) do
      rest[line] = redis.call('ZCARD', key('waiting', line))
      local first = redis.call('ZRANGE', key('waiting', line), 0, AT_ONCE - 1, 'WITHSCORES')
      for i = 1, #first, 2 do heads[#heads + 1] = { tonumber(first[i + 1]), first[i], line } end
    end
    table.sort(heads, lines.earlier)
    for i = 1, math.min(#heads, AT_ONCE) do
      local call, line = load('call', heads[i][2]), heads[i][3]
      meetings.wait(call)
      rest[line] = rest[line] - 1
      stayed[line] = stayed[line] ~= false and call.state == 'waiting' and lines.name(call) == line
    end
    for _, line in ipairs(names) do
      if rest[line] > 0 and not stayed[line] then
        redis.call('ZADD', P .. 'due', moment(NOW), 'line:' .. line)
      else
        redis.call('ZREM', P .. 'due', 'line:' .. line)
      end
    end
  end

  -- An agent is at work no longer, takes a break, or has other skills than this profile. Callers who waited for them
  -- alone go on; so do, if they were the `last` of the profile at work, those whom now nobody at work could serve.
  function moves.let_go(agent, profile, last)
    local names = {}
    if agent.alone ~= '' then
      for _, class in ipairs(redis.call('SMEMBERS', key('alone', agent.id))) do names[#names + 1] = class .. agent.id end
    end
    if last then
      for _, class in ipairs(redis.call('HKEYS', key('classes-for', profile))) do
        local waiting = redis.call('EXISTS', key('waiting', class)) == 1
        if waiting and classes.able(class) == 0 then names[#names + 1] = class end
      end
    end
    if names[1] then move_on(names) end
  end

  -- The rest of a line that was too long to be moved at once.
  function moves.more(line)
    local head = lines.head(line)
    local call = head and load('call', head[2])
    local stranded = call and (call.last == '' and classes.able(call.class) == 0
      or call.last ~= '' and not sticks(call, queue_of(call.queue), call.class))
    if stranded then move_on({ line }) else redis.call('ZREM', P .. 'due', 'line:' .. line) end
  end

  -- An agent has other skills from now on.
  function moves.change_profile(agent, profile)
    local work, staff = agents.at_work(agent) and 1 or 0, agents.on_staff(agent) and 1 or 0
    if agent.state == 'idle' then redis.call('ZREM', key('idle', agent.profile), agent.id) end
    local left, before = agents.count(agent, -work, -staff), agent.profile
    set('agent', agent, 'profile', profile)
    agents.count(agent, work, staff)
    if left == 0 or agent.alone ~= '' then moves.let_go(agent, before, left == 0) end
  end
end)
