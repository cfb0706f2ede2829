-- An agent takes a break, without an end: at once, or after the offer or the conversation in hand.
-- ARGV  5 agent  6 reason
-- Not applied when offline, leaving after this call, or paused for that reason already.
-- include lib/change.lua
local agent, reason = load('agent', ARGV[5]), ARGV[6]
if not agent or agent.wish == 'offline' then return answer(false) end

if agent.call ~= '' then
  if agent.wish == 'paused' and agent.wish_reason == reason then return answer(false) end
  set('agent', agent, 'wish', 'paused', 'wish_reason', reason)
else
  if agent.state == 'paused' and agent.reason == reason and agent.deadline == '' then return answer(false) end
  agents.become(agent, 'paused', { reason = reason })
end
return answer(true)
