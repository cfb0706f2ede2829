-- An agent is ready: a pause or the wrap-up ends, a pause asked for during a conversation is taken back.
-- ARGV  5 agent
-- Not applied when there is nothing to end.
-- include lib/change.lua
local agent = load('agent', ARGV[5])
if not agent then return answer(false) end

if agent.state == 'paused' then
  agents.free(agent, moment(NOW))
elseif agent.state == 'wrap-up' then
  agents.rest_or_free(agent, moment(NOW))
elseif agent.wish == 'paused' then
  set('agent', agent, 'wish', '', 'wish_reason', '')
else
  return answer(false)
end
return answer(true)
