-- An agent logs in, idle from now on. Known already: phone and skills are brought up to date, a logout asked for
-- during a conversation is taken back.
-- ARGV  4 agent  5 phone  6 profile  7 "refresh": only phone and skills of who is logged in, else ""
-- Not applied when nothing is new.
-- include lib/change.lua
-- include lib/matching.lua
local agent, refresh = load('agent', ARGV[4]), ARGV[7] == 'refresh'
local known = agent and agent.phone == ARGV[5] and agent.profile == ARGV[6]
local stays = refresh or (agent and agent.wish ~= 'offline')
if (known and stays) or (refresh and not agent) then return answer(false) end

know_profile(ARGV[6])
redis.call('SADD', P .. 'agents', ARGV[4])
agent = agent or { id = ARGV[4], state = 'offline', since = moment(NOW), wish = '', wish_reason = '' }
if agent.state == 'idle' then redis.call('ZREM', key('idle', agent.profile), agent.id) end
if not stays then agent.wish = '' end
set('agent', agent, 'phone', ARGV[5], 'profile', ARGV[6], 'wish', agent.wish, 'wish_reason', agent.wish_reason)
if agent.state == 'offline' or agent.state == 'idle' then become(agent, 'idle') end
return answer(true)
