-- How many promises there are in each state, how many are due by now, and since when the oldest of them.
-- KEYS  1 prefix of every key
-- ARGV  1 now
-- A promise that is due counts as such even if nobody has moved it yet. `oldest` is text, "0" when none is due.
local P, now = KEYS[1], ARGV[1]
local captured, due = P .. 'promises:captured', P .. 'promises:due'
local oldest = 0
local text = '0'
for _, set in ipairs({ captured, due }) do
  local first = redis.call('ZRANGEBYSCORE', set, '-inf', now, 'WITHSCORES', 'LIMIT', 0, 1)
  if first[1] and (oldest == 0 or tonumber(first[2]) < oldest) then
    oldest, text = tonumber(first[2]), first[2]
  end
end
local ripe = redis.call('ZCOUNT', captured, '-inf', now)
return cjson.encode({
  captured = redis.call('ZCARD', captured) - ripe,
  due = redis.call('ZCARD', due) + ripe,
  oldest = text,
})
