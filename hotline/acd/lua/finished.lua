-- The conversation is over: the call ends as served, the agent wraps up. Also when nobody had reported the answer.
-- ARGV  5 call  6 agent  7 token
-- Not applied when it comes twice, or the call is with someone else. Standing: the call's last one.
-- include lib/change.lua
local id = ARGV[5]
local call = load('call', id)
if not calls.held_by(call, ARGV[6], ARGV[7]) then return answer(false, id) end

local was = standing(id)
if call.state == 'lost' then
  calls.finish(call, 'served') -- its lease ran out meanwhile, and with it the hold on the agent
else
  calls.hang_up(call)
end
return answer(true, was)
