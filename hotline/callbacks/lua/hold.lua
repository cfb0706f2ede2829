-- Whoever has a promise in hand is alive.
-- KEYS  1 prefix of every key
-- ARGV  1 now  2 promise  3 claim token  4 PBX on which its agent is on the line, or ""
-- Answers 1, or 0 when it is not theirs any more.
-- include lib/promises.lua
local promise = load(ARGV[2])
if not promise or promise.claim ~= ARGV[3] or not IN_HAND[promise.state] then return '0' end

set(promise, 'lease', moment(NOW + LEASE))
if ARGV[4] ~= '' then set(promise, 'pbx', ARGV[4]) end
redis.call('ZADD', P .. 'leases', promise.lease, promise.id)
if promise.state == 'dialing' and promise.number ~= '' then
  -- not over another attempt's: this one was begun at the same moment, and was told that the number is busy
  local token = (redis.call('HGET', P .. 'ringing', promise.number) or ''):match('^%S+')
  if not token or token == promise.claim then
    redis.call('HSET', P .. 'ringing', promise.number, promise.claim .. ' ' .. promise.lease)
  end
end
return '1'
