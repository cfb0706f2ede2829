-- Whom a caller spoke with last is forgotten.
-- KEYS  1 the caller's `last:…` of the queue core (see acd/lua/README.md)
return cjson.encode(redis.call('DEL', KEYS[1]))
