-- How many promises there are in each state, how many are due by now, and since when the oldest of them.
-- KEYS  1 prefix of every key
-- ARGV  1 now  then ages in seconds
-- A promise that is due counts as such even if nobody has moved it yet. `oldest` is text, "0" when none is due.
-- `younger`: for each of the ages, how many open promises were asked for no longer ago than that.
-- include lib/promises.lua
local counts, oldest, text = {}, 0, '0'
for _, state in ipairs({ 'captured', 'due', 'offered', 'dialing', 'retry', 'talked', 'unreachable', 'closed', 'cancelled',
  'superseded', 'merged', 'erased' }) do
  counts[state] = redis.call('ZCARD', P .. 'promises:' .. state)
end
for _, state in ipairs({ 'captured', 'retry', 'due' }) do
  local set = P .. 'promises:' .. state
  local first = redis.call('ZRANGEBYSCORE', set, '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, 1)
  if first[1] and (oldest == 0 or tonumber(first[2]) < oldest) then
    oldest, text = tonumber(first[2]), first[2]
  end
  local ripe = state ~= 'due' and redis.call('ZCOUNT', set, '-inf', ARGV[1]) or 0
  counts[state], counts.due = counts[state] - ripe, counts.due + ripe
end
local younger = {}
for i = 2, #ARGV do younger[i - 1] = redis.call('ZCOUNT', P .. 'asked-at', moment(NOW - tonumber(ARGV[i])), '+inf') end
return cjson.encode({ states = counts, oldest = text, younger = younger })
