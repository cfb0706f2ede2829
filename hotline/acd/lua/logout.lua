-- An agent logs out: at once, or after the offer or the conversation in hand.
-- ARGV  5 agent  6 "now": not even after that, the call in hand ends as lost; else ""
-- Not applied when offline or leaving already.
-- include lib/change.lua
local agent, now = load('agent', ARGV[5]), ARGV[6] == 'now'
if not agent or (agent.wish == 'offline' and not now) then return answer(false) end

if agent.call ~= '' and not now then
  set('agent', agent, 'wish', 'offline', 'wish_reason', '')
  return answer(true)
end
local call = load('call', agent.call)
if calls.held_by(call, agent.id, agent.token) then calls.give_up(call) end
agents.become(agent, 'offline', {})
return answer(true)
