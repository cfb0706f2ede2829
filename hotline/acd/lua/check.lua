-- Whether Redis takes a write: one that is out of memory, a read-only replica or out of disk still answers a ping.
-- ARGV  none
redis.call('SET', KEYS[1] .. 'health', '1', 'EX', 60)
return 'true'
