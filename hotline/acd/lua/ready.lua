-- An agent is ready: a pause or the wrap-up ends, a pause asked for during a conversation is taken back.
-- ARGV  4 agent  5 the one state to end ("wrap-up"), or "" for any
-- Not applied when there is nothing to end.
-- include lib/change.lua
local agent, only = load('agent', ARGV[4]), ARGV[5]
if not agent or (only ~= '' and agent.state ~= only) then return answer(false) end

if agent.state == 'paused' or agent.state == 'wrap-up' then
  become(agent, 'idle', { since = moment(NOW) })
  return answer(true)
end
if agent.wish ~= 'paused' then return answer(false) end
set('agent', agent, 'wish', '', 'wish_reason', '')
return answer(true)
