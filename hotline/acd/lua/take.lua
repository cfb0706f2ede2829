-- The call's session begins to ring the agent, or still does: the bell may stop and the lease moves.
-- ARGV  4 call  5 agent  6 token  7 lease (the moment it ends)
-- Not applied when the offer is no longer the call's.
-- include lib/change.lua
local id, lease = ARGV[4], ARGV[7]
local call = load('call', id)
if not held_by(call, ARGV[5], ARGV[6]) or call.state ~= 'offered' then return answer(false, standing(id)) end

set('call', call, 'taken', call.token, 'lease', lease)
set('agent', { id = call.agent }, 'deadline', lease)
redis.call('ZADD', P .. 'due', lease, 'agent:' .. call.agent)
return answer(true, standing(id))
