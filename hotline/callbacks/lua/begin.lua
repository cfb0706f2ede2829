-- May the customer's phone be rung now? Asked after the line of the attempt is on disk and was indexed.
-- KEYS  1 prefix of every key
-- ARGV  1 now  2 promise  3 claim token  4 day  5 most dials of it  6 most to one number
-- Answers "go", "stale" (somebody else's attempt came first, or it has ended), "number-busy" (another attempt at this
-- number is under way), "day-full" or "number-full".
-- include lib/promises.lua
local promise = load(ARGV[2])
if not promise or promise.state ~= 'dialing' or promise.token ~= ARGV[3] then return '"stale"' end

local ringing = P .. 'ringing'
local token, lease = (redis.call('HGET', ringing, promise.number) or ''):match('^(%S+) (%S+)$')
if token and token ~= ARGV[3] then
  if tonumber(lease) > NOW then return '"number-busy"' end
  redis.call('HDEL', ringing, promise.number)
end
local dials = P .. 'dials:' .. ARGV[4]
if tonumber(redis.call('HGET', dials, dialed(promise.number, ARGV[4])) or '0') > tonumber(ARGV[6]) then return '"number-full"' end
if tonumber(redis.call('HGET', dials, 'all') or '0') > tonumber(ARGV[5]) then return '"day-full"' end

set(promise, 'lease', moment(NOW + LEASE))
redis.call('ZADD', P .. 'leases', promise.lease, promise.id)
redis.call('HSET', ringing, promise.number, ARGV[3] .. ' ' .. promise.lease)
return '"go"'
