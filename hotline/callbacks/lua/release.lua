-- Whoever has a promise in hand puts it back to its place, untried.
-- KEYS  1 prefix of every key
-- ARGV  1 now  2 promise  3 claim token
-- Answers 1, or 0 when it is not theirs, or the customer's phone was rung.
-- include lib/promises.lua
local promise = load(ARGV[2])
if not promise or promise.claim ~= ARGV[3] or promise.state ~= 'offered' then return '0' end

set(promise, 'claim', '')
become(promise, 'due', ARGV[1])
return '1'
