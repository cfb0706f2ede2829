-- Classes and profiles, and who can serve whom; worked out once, when either is first seen or a queue's rules change.
-- A class is calls of one queue with equal needs, named [queue, {skill: least level}, site or ""] in JSON. A profile
-- is agents with equal skills, named [{skill: level}, site or "", 1 for reserve agents else 0].
-- profiles-for:<class> holds, of each profile, how good a choice it is (lower is better), with a "!" when it is held in
-- reserve. classes-for:<profile> holds, of each class, its weight, then, where the call may have to wait though the
-- agent is idle: " m" (max_calls), " r" (reserve) or " mr", and the queue.
classes = lazy(function(classes)
  local MOST = 1000 -- values that are handed to one command: Lua's stack has an end

  local RANKS = {
    ['best-skilled'] = function(skills, needs)
      local sum = 0
      for skill in pairs(needs) do sum = sum - skills[skill] end
      return sum
    end,
    ['spare-the-versatile'] = function(skills)
      local many, sum = 0, 0
      for _, level in pairs(skills) do many, sum = many + 1, sum + level end
      return many * 1000000 + sum
    end,
  }

  function classes.serves(skills, needs)
    for skill, level in pairs(needs) do
      if (skills[skill] or 0) < level then return false end
    end
    return true
  end

  -- Whether the queue's rules of now speak of such calls. Others, of older rules, are served while any wait, but count
  -- for nothing.
  local function in_rules(class, queue)
    local rules, _, needs, site = queues.rules(queue), unpack(cjson.decode(class))
    if not rules.needs then return true end -- a version of hotline that did not write them
    for _, text in ipairs(rules.needs) do
      local some = cjson.decode(text)
      if classes.serves(needs, some) and classes.serves(some, needs) then return site == '' or rules.own_site ~= 0 end
    end
    return false
  end

  local function connect(class, profile, counts)
    local name, needs, site = unpack(cjson.decode(class))
    local skills, home, reserve = unpack(cjson.decode(profile))
    if not classes.serves(skills, needs) or (site ~= '' and site ~= home) then return end
    local queue, rank = queue_of(name), 0
    if queue.choice ~= '' then rank = RANKS[queue.choice](skills, needs) end
    local held = reserve == 1 and queue.reserve_above ~= ''
    local flags = (queue.max_calls ~= '' and 'm' or '') .. (held and 'r' or '')
    local terms = queue.weight == '' and '1' or string.format('%.17g', queue.weight)
    if flags ~= '' then terms = terms .. ' ' .. flags .. ' ' .. name end
    redis.call('HSET', key('profiles-for', class), profile, rank .. (held and '!' or ''))
    redis.call('HSET', key('classes-for', profile), class, terms)
    if counts and not held and redis.call('SADD', key('queues-for', profile), name) == 1 then
      queues.count(queue, 'staff', tonumber(redis.call('HGET', P .. 'staff', profile) or 0))
    end
  end

  -- A class, or a profile, that was not known.
  function classes.add(class, queue)
    redis.call('SADD', key('lines', queue.id), class)
    local counts = in_rules(class, queue)
    for _, profile in ipairs(redis.call('SMEMBERS', P .. 'profiles')) do connect(class, profile, counts) end
  end

  function classes.add_profile(profile)
    for _, class in ipairs(redis.call('SMEMBERS', P .. 'classes')) do
      connect(class, profile, in_rules(class, queue_of(cjson.decode(class)[1])))
    end
  end

  local function forget(class, queue)
    for _, profile in ipairs(redis.call('HKEYS', key('profiles-for', class))) do
      redis.call('HDEL', key('classes-for', profile), class)
    end
    redis.call('DEL', key('profiles-for', class))
    redis.call('SREM', key('lines', queue.id), class)
    redis.call('SREM', P .. 'classes', class)
  end

  -- Whether calls of a class wait, for whomever or for one agent alone.
  local function waited_in(class, queue)
    if redis.call('EXISTS', key('waiting', class)) == 1 then return true end
    for _, line in ipairs(redis.call('SMEMBERS', key('alone-in', queue.id))) do
      if line:sub(1, #class) == class then return true end
    end
    return false
  end

  -- After a queue's rules changed. Classes of which they do not speak are forgotten, unless calls wait in them.
  function classes.connect_again(queue)
    local profiles = redis.call('SMEMBERS', P .. 'profiles')
    queues.count(queue, 'staff', -number(queue, 'staff'))
    for _, profile in ipairs(profiles) do redis.call('SREM', key('queues-for', profile), queue.id) end
    for _, class in ipairs(redis.call('SMEMBERS', key('lines', queue.id))) do
      local counts = in_rules(class, queue)
      if counts or waited_in(class, queue) then
        for _, profile in ipairs(profiles) do connect(class, profile, counts) end
      else
        forget(class, queue)
      end
    end
  end

  -- How many at work could serve calls of a class, now or later.
  function classes.able(class)
    local profiles = redis.call('HKEYS', key('profiles-for', class))
    if not profiles[1] then return 0 end
    local sum = 0
    for first = 1, #profiles, MOST do
      local some = redis.call('HMGET', P .. 'work', unpack(profiles, first, math.min(first + MOST - 1, #profiles)))
      for _, many in ipairs(some) do sum = sum + (tonumber(many) or 0) end
    end
    return sum
  end
end)
