-- Where a call stands. Changes nothing.
-- ARGV  1 call
-- include lib/keys.lua
return cjson.encode(standing(ARGV[1]))
