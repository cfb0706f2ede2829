-- An agent is held for a call that Redis does not have, or has elsewhere: they are free. For what goes wrong outside.
-- ARGV  5 agent  6 call  7 token
-- Not applied when the agent is not held by this token, or the call is indeed theirs.
-- include lib/change.lua
local agent, call = load('agent', ARGV[5]), load('call', ARGV[6])
local held = agent and agent.call == ARGV[6] and agent.token == ARGV[7]
local theirs = held and calls.held_by(call, agent.id, agent.token) and (call.state == 'offered' or call.state == 'talking')
if not held or theirs then return answer(false, ARGV[6]) end

agents.release(agent, function() agents.free(agent, moment(NOW)) end)
return answer(true, ARGV[6])
