-- Classes (calls with equal needs) and profiles (agents with equal skills), each named by its canonical JSON.
-- Who can serve whom is worked out once, when a class or a profile is first seen.

local function serves(skills, needs)
  for skill, level in pairs(needs) do
    if (skills[skill] or 0) < level then return false end
  end
  return true
end

local function connect(class, profile)
  if serves(cjson.decode(profile), cjson.decode(class)) then
    redis.call('SADD', key('profiles-for', class), profile)
    redis.call('SADD', key('classes-for', profile), class)
  end
end

local function know_class(class)
  if redis.call('SADD', P .. 'classes', class) == 0 then return end
  for _, profile in ipairs(redis.call('SMEMBERS', P .. 'profiles')) do connect(class, profile) end
end

local function know_profile(profile)
  if redis.call('SADD', P .. 'profiles', profile) == 0 then return end
  for _, class in ipairs(redis.call('SMEMBERS', P .. 'classes')) do connect(class, profile) end
end
