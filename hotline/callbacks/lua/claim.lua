-- Takes the promise of a queue whose caller has waited longest in hand.
-- KEYS  1 prefix of every key
-- ARGV  1 now  2 spool  3 JSON [[file, position], …]: how far its lines reach  4 queue  5 claim token
--       6 most in hand of this queue, or "place" for those who keep a place in it, of whom there may be any number
-- Answers the promise's fields; nothing when none is due, enough are in hand, or Redis does not know all the lines: it
-- was wiped, and a promise that looks due may have been kept.
-- include lib/promises.lua
local positions = P .. 'outbox:' .. ARGV[2]
for _, step in ipairs(cjson.decode(ARGV[3])) do
  if tonumber(redis.call('HGET', positions, step[1]) or '0') < tonumber(step[2]) then return '{}' end
end
local place = ARGV[6] == 'place'
if not place and redis.call('SCARD', P .. 'in-hand:' .. ARGV[4]) >= tonumber(ARGV[6]) then return '{}' end

local waiting = P .. (place and 'places:' or 'ready:') .. ARGV[4] .. ':' .. ARGV[2]
local id = redis.call('ZRANGE', waiting, 0, 0)[1]
if not id then return '{}' end

local promise = load(id)
set(promise, 'claim', ARGV[5], 'lease', moment(NOW + LEASE))
become(promise, 'offered', ARGV[1])
promise.also = redis.call('SMEMBERS', P .. 'also:' .. id)
return cjson.encode(promise)
