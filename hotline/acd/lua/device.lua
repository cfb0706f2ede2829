-- An agent's phone is in use, or no more, as the PBX sees it. Who would be idle gets no calls meanwhile.
-- ARGV  5 agent, or the phone  6 "busy" or ""
-- Not applied to who is offline, or when it is known already.
-- include lib/change.lua
local agent, seen = load('agent', ARGV[5]), ARGV[6]
agent = agent or load('agent', redis.call('HGET', P .. 'phones', ARGV[5]) or '')
if not agent or agent.device == seen then return answer(false) end

set('agent', agent, 'device', seen)
if seen ~= '' and agent.state == 'idle' then agents.become(agent, 'device-busy', {}) end
if seen == '' and agent.state == 'device-busy' then agents.become(agent, 'idle', { since = moment(NOW) }) end
return answer(true)
