-- Promises whose time has come go from captured to due, earliest first, MOST at a time.
-- KEYS  1 prefix of every key
-- ARGV  1 now
-- Answers how many moved and whether there are more (0 or 1).
local P, MOST = KEYS[1], 200
local ripe = redis.call('ZRANGEBYSCORE', P .. 'promises:captured', '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, MOST)
for i = 1, #ripe, 2 do
  redis.call('ZREM', P .. 'promises:captured', ripe[i])
  redis.call('ZADD', P .. 'promises:due', ripe[i + 1], ripe[i])
  redis.call('HSET', P .. 'promise:' .. ripe[i], 'state', 'due')
end
return cjson.encode({ moved = #ripe / 2, more = #ripe == 2 * MOST and 1 or 0 })
