-- A call joins a queue, or its session comes back.
-- ARGV  4 call  5 queue  6 class  7 arrival  8 virtual arrival  9 wrap-up seconds  10 delays after misses (JSON)
--       11 channel  12 pbx  13 most callers in the queue (0: any number)  14 "force" or ""
-- Known: place, arrival and offer stay, the channel is noted; applied only if its session had been lost.
-- Ended by the caller's hanging up: not applied, a late join brings nobody back, unless forced by a session that has
-- heard of the caller since. Ended otherwise: joins anew. No place left: not applied, the standing says "full".
-- include lib/change.lua
-- include lib/matching.lua
local id, channel, pbx = ARGV[4], ARGV[11], ARGV[12]
local call = load('call', id)

if call then
  local revived = call.state == 'lost'
  set('call', call, 'channel', channel, 'pbx', pbx)
  if revived then
    redis.call('ZREM', P .. 'due', 'call:' .. id)
    wait(call)
  end
  return answer(revived, standing(id))
end
if ARGV[14] ~= 'force' and redis.call('GET', key('ended', id)) == 'abandoned' then
  return answer(false, standing(id))
end
local most = tonumber(ARGV[13])
if most > 0 and redis.call('ZCARD', key('queue', ARGV[5])) >= most then return answer(false, { state = 'full' }) end

redis.call('DEL', key('ended', id))
call = { id = id }
know_class(ARGV[6])
redis.call('SADD', P .. 'calls', id)
redis.call('SADD', P .. 'queues', ARGV[5])
redis.call('ZADD', key('queue', ARGV[5]), ARGV[8], id)
set('call', call, 'queue', ARGV[5], 'class', ARGV[6], 'arrival', ARGV[7], 'virtual', ARGV[8], 'wrap_up', ARGV[9],
  'delays', ARGV[10], 'channel', channel, 'pbx', pbx, 'tried', '[]', 'answered', '0')
wait(call)
return answer(true, standing(id))
