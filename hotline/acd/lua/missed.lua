-- An offer came to nothing: the call goes back to its old place, the agent is left alone for a while.
-- ARGV  4 call  5 agent  6 token  7 outcome (a value of hotline.acd.model.Missed)
-- Not applied when the offer is no longer the call's.
-- include lib/change.lua
local id = ARGV[4]
local call = load('call', id)
if not held_by(call, ARGV[5], ARGV[6]) or call.state ~= 'offered' then return answer(false, standing(id)) end

miss(call, ARGV[7])
return answer(true, standing(id))
