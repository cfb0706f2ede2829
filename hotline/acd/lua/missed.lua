-- An offer came to nothing: the call goes back to its old place, the agent is left alone for a while.
-- ARGV  5 call  6 agent  7 token  8 outcome (a value of hotline.acd.model.Missed)
-- Not applied when the offer is no longer the call's.
-- include lib/change.lua
local id = ARGV[5]
local call = load('call', id)
if not calls.held_by(call, ARGV[6], ARGV[7]) or call.state ~= 'offered' then return answer(false, id) end

misses.miss(call, ARGV[8])
return answer(true, id)
