-- Everything at one moment, for gauges and reconciliation. Changes nothing; the one script whose cost grows with the
-- number of calls and agents. A name whose record is gone is passed over.
-- include lib/keys.lua
local agents, calls = {}, {}
for _, name in ipairs(redis.call('SMEMBERS', P .. 'agents')) do
  local row = redis.call('HMGET', key('agent', name), 'state', 'call', 'token')
  if row[1] then agents[#agents + 1] = { name, unpack(row) } end
end
for _, id in ipairs(redis.call('SMEMBERS', P .. 'calls')) do
  local row = redis.call('HMGET', key('call', id), 'state', 'channel', 'pbx', 'queue', 'arrival')
  if row[1] then calls[#calls + 1] = { id, unpack(row) } end
end
return cjson.encode({ agents = agents, calls = calls })
