-- What befell a call, for `hotline why`: a list of JSON objects, `kind` and `at` in each. hotline.acd.story has their
-- words. Kept for a day after the last; of a long story the middle is left out.
local KEPT, MOST, EITHER_END = 86400, 60, 29

local told, tales = {}, {} -- ids of calls, in order; id → what is new

local function tell(call, kind, about)
  if not STORY then return end
  about = about or {}
  about.at, about.kind = moment(NOW), kind
  if not tales[call.id] then tales[call.id], told[#told + 1] = {}, call.id end
  table.insert(tales[call.id], cjson.encode(about))
end

write_stories = function()
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

-- How many agents could serve a class, and how many of them are idle.
local function tell_of_agents(class, about)
  if not STORY then return about end
  about.idle, about.able = 0, able(class)
  for _, profile in ipairs(redis.call('HKEYS', key('profiles-for', class))) do
    about.idle = about.idle + redis.call('ZCARD', key('idle', profile))
  end
  return about
end
