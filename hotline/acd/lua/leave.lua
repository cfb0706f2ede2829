-- A call leaves, from whatever state: an agent held for it is as idle as before, one who talked wraps up (and the
-- reason is then "served").
-- ARGV  5 call  6 reason (a value of hotline.acd.model.Left)
-- Not applied to an unknown call, but that its caller hung up is remembered: a join that was overtaken finds it.
-- Standing: the call's last one.
-- include lib/change.lua
local id, reason = ARGV[5], ARGV[6]
local call = load('call', id)
local was = standing(id)
if not call then
  if reason == 'abandoned' then redis.call('SET', key('ended', id), reason, 'EX', TOMBSTONE, 'NX') end
  return answer(false, was)
end

if call.state == 'talking' then
  calls.hang_up(call)
else
  local agent = call.state == 'offered' and load('agent', call.agent)
  calls.finish(call, reason)
  if agent then agents.release(agent, function() agents.free(agent, agent.since) end) end
end
return answer(true, was)
