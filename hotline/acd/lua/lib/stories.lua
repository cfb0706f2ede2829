-- What befell a call, for `hotline why`: a list of JSON objects, `kind` and `at` in each. hotline.acd.story has their
-- words. Kept for a day after the last; of a long story the middle is left out.
stories = lazy(function(stories)
  local KEPT, MOST, EITHER_END = 86400, 60, 29
  local told, tales = {}, {} -- ids of calls, in order; id → what is new

  function stories.tell(call, kind, about)
    about.at, about.kind = moment(NOW), kind
    if not tales[call.id] then tales[call.id], told[#told + 1] = {}, call.id end
    table.insert(tales[call.id], cjson.encode(about))
  end

  function stories.write()
    for _, id in ipairs(told) do
      local name = key('story', id)
      if redis.call('RPUSH', name, unpack(tales[id])) > MOST then
        local last = redis.call('LRANGE', name, -EITHER_END, -1)
        redis.call('LTRIM', name, 0, EITHER_END - 1)
        redis.call('RPUSH', name, cjson.encode({ at = moment(NOW), kind = 'and so on' }), unpack(last))
      end
      redis.call('EXPIRE', name, KEPT)
    end
  end

  -- Adds how many agents could serve a class, and how many of them are idle.
  function stories.of_agents(class, about)
    about.idle, about.able = 0, classes.able(class)
    for _, profile in ipairs(redis.call('HKEYS', key('profiles-for', class))) do
      about.idle = about.idle + redis.call('ZCARD', key('idle', profile))
    end
    return about
  end

  function stories.why_it_waits(call, queue)
    if call.last ~= '' then
      tell(call, 'waits for one', { agent = call.last, seconds = tonumber(call.deadline) - NOW })
    else
      local place = redis.call('ZRANK', key('queue', queue.id), call.id) + 1
      tell(call, 'waits', stories.of_agents(call.class, { place = place, limit = not figures.room(queue) or nil }))
    end
  end
end)
