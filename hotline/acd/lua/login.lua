-- An agent logs in, idle from now on. Known already: phone, skills and limits are brought up to date, a pause is over,
-- and a pause or logout asked for during a conversation is taken back.
-- ARGV  5 agent  6 phone  7 profile  8 "refresh": only to bring up to date who is logged in, else ""
--       9 most conversations in a row  10 seconds of the rest after them ("" for both: no limit)
-- Not applied when nothing is new.
-- include lib/change.lua
local agent, phone, profile, refresh = load('agent', ARGV[5]), ARGV[6], ARGV[7], ARGV[8] == 'refresh'
local limits = { 'max_in_row', ARGV[9], 'cool_down', ARGV[10] }
local known = agent and agent.phone == phone and agent.profile == profile
  and agent.max_in_row == ARGV[9] and agent.cool_down == ARGV[10]
local stays = refresh or (agent and agent.wish == '' and agent.state ~= 'paused')
if (known and stays) or (refresh and not agent) then return answer(false) end

if redis.call('SADD', P .. 'profiles', profile) == 1 then classes.add_profile(profile) end
if not agent then
  redis.call('SADD', P .. 'agents', ARGV[5])
  agent = create('agent', ARGV[5])
  set('agent', agent, 'state', 'offline', 'since', moment(NOW))
  if redis.call('EXISTS', key('alone', agent.id)) == 1 then set('agent', agent, 'alone', '1') end
end
if not stays then set('agent', agent, 'wish', '', 'wish_reason', '') end
if agent.phone ~= phone then
  if redis.call('HGET', P .. 'phones', agent.phone) == agent.id then redis.call('HDEL', P .. 'phones', agent.phone) end
  redis.call('HSET', P .. 'phones', phone, agent.id)
end
set('agent', agent, 'phone', phone, unpack(limits))
if agent.state == 'offline' then
  set('agent', agent, 'profile', profile)
elseif agent.profile ~= profile then
  moves.change_profile(agent, profile)
end
if agent.state == 'offline' or agent.state == 'idle' then agents.become(agent, 'idle', {}) end
if agent.state == 'paused' and not refresh then agents.free(agent, moment(NOW)) end
return answer(true)
