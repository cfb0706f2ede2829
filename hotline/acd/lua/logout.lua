-- An agent logs out: at once, or after the offer or the conversation in hand.
-- ARGV  4 agent
-- Not applied when offline or leaving already.
-- include lib/change.lua
local agent = load('agent', ARGV[4])
if not agent or agent.wish == 'offline' then return answer(false) end

if agent.call ~= '' then
  set('agent', agent, 'wish', 'offline', 'wish_reason', '')
else
  become(agent, 'offline')
end
return answer(true)
