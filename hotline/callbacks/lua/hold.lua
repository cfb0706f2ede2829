-- Whoever has a promise in hand is alive.
-- KEYS  1 prefix of every key
-- ARGV  1 now  2 promise  3 claim token
-- Answers 1, or 0 when it is not theirs any more.
-- include lib/promises.lua
local promise = load(ARGV[2])
if not promise or promise.claim ~= ARGV[3] or not IN_HAND[promise.state] then return '0' end

set(promise, 'lease', moment(NOW + LEASE))
redis.call('ZADD', P .. 'leases', promise.lease, promise.id)
if promise.state == 'dialing' and promise.number ~= '' then
  redis.call('HSET', P .. 'ringing', promise.number, promise.claim .. ' ' .. promise.lease)
end
return '1'
