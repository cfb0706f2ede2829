-- The ids of the promises in a state, by when they are due or, where that is over, when they ended.
-- KEYS  1 prefix of every key
-- ARGV  1 now  2 state, or "leases" for those in hand whose holder is silent  3 least moment  4 most moment  5 most of them
-- include lib/promises.lua
local name = ARGV[2] == 'leases' and 'leases' or 'promises:' .. ARGV[2]
local ids = redis.call('ZRANGEBYSCORE', P .. name, ARGV[3], ARGV[4], 'LIMIT', 0, ARGV[5])
return #ids > 0 and cjson.encode(ids) or '[]'
