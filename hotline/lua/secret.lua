-- The secret that all services of an installation share: the one that is there, else the one that is proposed.
-- KEYS  1 the secret's name   ARGV  1 a proposal
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return cjson.encode(redis.call('GET', KEYS[1]))
