-- Who is at work for callers with these needs: { on duty, idle of those }. Changes nothing.
-- ARGV  1 needs in JSON, with each step to which they widen: [{skill: level}, …]  2 "reserve" when agents in reserve
--       are kept for long waits, or ""
-- The first step counts that somebody at work could serve, as for a call. Agents in reserve count where they are not
-- kept, or where nobody else is on duty. Costs as many lookups as there are profiles.
local classes
-- include lib/keys.lua
-- include lib/classes.lua
local function all(name)
  local flat, result = redis.call('HGETALL', P .. name), {}
  for i = 1, #flat, 2 do result[flat[i]] = tonumber(flat[i + 1]) end
  return result
end
local work, staff = all('work'), all('staff')

-- Agents of the profiles that serve the needs: at work, on duty, idle; the latter two of those in reserve apart.
local function count(needs)
  local sums = { work = 0, [0] = { 0, 0 }, [1] = { 0, 0 } }
  for profile, many in pairs(work) do
    local skills, _, reserve = unpack(cjson.decode(profile))
    if classes.serves(skills, needs) then
      local sum = sums[ARGV[2] == 'reserve' and reserve or 0]
      sums.work = sums.work + many
      sum[1] = sum[1] + (staff[profile] or 0)
      sum[2] = sum[2] + redis.call('ZCARD', key('idle', profile))
    end
  end
  return sums
end

local found
for _, needs in ipairs(cjson.decode(ARGV[1])) do
  found = count(needs)
  if found.work > 0 then break end
end
return cjson.encode(found[0][1] > 0 and found[0] or found[1])
