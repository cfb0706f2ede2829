-- Lines of an outbox become promises. Nothing at all happens unless every position is still as the caller read it:
-- so two indexers never pass each other, a repeated call is harmless, and after Redis was wiped all lines come again.
-- KEYS  1 prefix of every key
-- ARGV  1 now  2 spool  3 JSON [[file, position read, position reached], …]  then for each line: id, due, JSON {field: text}
-- Answers applied (0 or 1) and how many promises are new.
-- Keys: see README.md beside this file.
local P, now = KEYS[1], tonumber(ARGV[1])
local positions = P .. 'outbox:' .. ARGV[2]
local steps = cjson.decode(ARGV[3])

for _, step in ipairs(steps) do
  if (redis.call('HGET', positions, step[1]) or '0') ~= step[2] then return '{"applied": 0, "added": 0}' end
end

local added = 0
for i = 4, #ARGV, 3 do
  local id, due = ARGV[i], ARGV[i + 1]
  local promise = P .. 'promise:' .. id
  if redis.call('EXISTS', promise) == 0 then
    local state = tonumber(due) <= now and 'due' or 'captured'
    for field, text in pairs(cjson.decode(ARGV[i + 2])) do redis.call('HSET', promise, field, text) end
    redis.call('HSET', promise, 'state', state, 'due', due)
    redis.call('ZADD', P .. 'promises:' .. state, due, id)
    added = added + 1
  end
end
for _, step in ipairs(steps) do redis.call('HSET', positions, step[1], step[3]) end
return cjson.encode({ applied = 1, added = added })
