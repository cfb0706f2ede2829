-- The agent picked up.
-- ARGV  5 call  6 agent  7 token
-- Late, after the lease ran out, it is believed as long as neither the call nor the agent is with anyone else.
-- Not applied when it comes twice or the offer is no longer the call's.
-- include lib/change.lua
local id, name = ARGV[5], ARGV[6]
local call, agent = load('call', id), load('agent', name)
local in_time = calls.held_by(call, name, ARGV[7]) and call.state == 'offered'
local late = calls.held_by(call, name, ARGV[7]) and call.state == 'lost' and agent and agent.call == ''
if not in_time and not late then return answer(false, id) end

-- a break begun meanwhile goes on after the conversation
if agent.state == 'paused' and agent.deadline == '' and agent.reason ~= 'missed-calls' then
  set('agent', agent, 'wish', 'paused', 'wish_reason', agent.reason)
end
calls.note_wait(call, 'taken')
calls.out_of_line(call, 'talking')
set('call', call, 'answered', moment(NOW))
tell(call, 'answered', { agent = name })
set('agent', agent, 'misses', '')
agents.become(agent, 'talking', { call = id, token = call.token })
return answer(true, id)
