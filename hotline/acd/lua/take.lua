-- The call's session begins to ring the agent, or still does: the bell may stop and the lease moves.
-- ARGV  5 call  6 agent  7 token  8 lease (the moment it ends)
-- Not applied when the offer is no longer the call's.
-- include lib/change.lua
local id, lease = ARGV[5], ARGV[8]
local call = load('call', id)
if not calls.held_by(call, ARGV[6], ARGV[7]) or call.state ~= 'offered' then return answer(false, id) end

set('call', call, 'taken', call.token, 'lease', lease)
set('agent', load('agent', call.agent), 'deadline', lease)
redis.call('ZADD', P .. 'due', lease, 'agent:' .. call.agent)
return answer(true, id)
