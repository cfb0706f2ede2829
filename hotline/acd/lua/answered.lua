-- The agent picked up.
-- ARGV  4 call  5 agent  6 token
-- Late, after the lease ran out, it is believed as long as neither the call nor the agent is with anyone else.
-- Not applied when it comes twice or the offer is no longer the call's.
-- include lib/change.lua
local id, name = ARGV[4], ARGV[5]
local call, agent = load('call', id), load('agent', name)
local in_time = held_by(call, name, ARGV[6]) and call.state == 'offered'
local late = held_by(call, name, ARGV[6]) and call.state == 'lost' and agent and agent.call == ''
if not in_time and not late then return answer(false, standing(id)) end

if agent.state == 'paused' and agent.deadline == '' then -- a break begun meanwhile goes on after the conversation
  set('agent', agent, 'wish', 'paused', 'wish_reason', agent.reason)
end
out_of_line(call)
set('call', call, 'state', 'talking', 'answered', moment(NOW))
become(agent, 'talking', { call = id, token = call.token })
return answer(true, standing(id))
