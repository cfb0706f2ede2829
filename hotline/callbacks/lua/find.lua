-- Promises by their ids, or the open one of a number.
-- KEYS  1 prefix of every key
-- ARGV  1 now  2 "number" or ""  then the number, or ids
-- Answers an object of fields for each that there is.
-- include lib/promises.lua
local found = {}
for i = 3, #ARGV do
  local id = ARGV[2] == 'number' and redis.call('GET', P .. 'open:' .. ARGV[i]) or ARGV[2] == '' and ARGV[i]
  local promise = id and load(id)
  if promise then
    promise.also = redis.call('SMEMBERS', P .. 'also:' .. id)
    table.insert(found, promise)
  end
end
return #found > 0 and cjson.encode(found) or '[]'
