-- What befell a call, in order; an empty list where nothing is known. Changes nothing.
-- ARGV  1 call
local found = redis.call('LRANGE', KEYS[1] .. 'story:' .. ARGV[1], 0, -1)
return '[' .. table.concat(found, ',') .. ']'
