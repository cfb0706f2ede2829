-- Calls: waiting, matching, and their end. Heads only: a decision reads the first of each compatible set, whose
-- order is (virtual arrival, call id) for calls and (idle since, name) for agents.

local SILENT = 60 -- seconds without a sign of life after which a call whose session was lost is given up

-- Whether `a` sorts before `b` as Redis sorts members: by bytes, whatever the locale.
local function before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- The earlier of two { score, member }; either may be nil.
local function earlier(a, b)
  if not a or not b then return a or b end
  if a[1] == b[1] then return before(b[2], a[2]) and b or a end
  return b[1] < a[1] and b or a
end

local function offer(call, agent)
  local token, lease = tostring(redis.call('INCR', P .. 'token')), moment(NOW + HOLD)
  redis.call('ZREM', key('waiting', call.class), call.id)
  set('call', call, 'state', 'offered', 'agent', agent.id, 'phone', agent.phone, 'token', token, 'lease', lease,
    'taken', '')
  become(agent, 'offered', { deadline = lease, call = call.id, token = token })
  made[#made + 1] = offer_of(call)
end

-- The call that an agent shall get: the first head among the classes that the agent can serve.
find_call = function(agent)
  local first
  for _, class in ipairs(redis.call('SMEMBERS', key('classes-for', agent.profile))) do
    local head = redis.call('ZRANGE', key('waiting', class), 0, 0, 'WITHSCORES')
    if head[1] then first = earlier(first, { tonumber(head[2]), head[1] }) end
  end
  if first then offer(load('call', first[2]), agent) end
end

-- The agent that a call shall get: idle for longest among those who have not missed it in this round; when all
-- idle ones have, a new round begins. Those who missed it may stand in front, so as many more are read.
local function find_agent(call)
  local tried = cjson.decode(call.tried)
  local missed = {}
  for _, name in ipairs(tried) do missed[name] = true end
  local fresh, any
  for _, profile in ipairs(redis.call('SMEMBERS', key('profiles-for', call.class))) do
    local heads = redis.call('ZRANGE', key('idle', profile), 0, #tried, 'WITHSCORES')
    for i = 1, #heads, 2 do
      local head = { tonumber(heads[i + 1]), heads[i] }
      any = earlier(any, head)
      if not missed[head[2]] then fresh = earlier(fresh, head) end
    end
  end
  if any and not fresh then set('call', call, 'tried', '[]') end
  return fresh or any
end

-- A call waits from now on, in the place that its virtual arrival gives it, unless an agent is idle.
local function wait(call)
  local found = find_agent(call)
  if found then return offer(call, load('agent', found[2])) end
  set('call', call, 'state', 'waiting', 'agent', '', 'token', '')
  redis.call('ZADD', key('waiting', call.class), call.virtual, call.id)
end

-- The call waits no longer, in whatever way.
local function out_of_line(call)
  redis.call('ZREM', key('waiting', call.class), call.id)
  redis.call('ZREM', P .. 'due', 'call:' .. call.id)
  redis.call('ZREM', key('queue', call.queue), call.id)
  if redis.call('EXISTS', key('queue', call.queue)) == 0 then redis.call('SREM', P .. 'queues', call.queue) end
end

-- The end of a call, with its one reason. Frees no agent.
local function finish(call, reason)
  out_of_line(call)
  redis.call('DEL', key('call', call.id))
  redis.call('SREM', P .. 'calls', call.id)
  redis.call('SET', key('ended', call.id), reason, 'EX', TOMBSTONE)
end

-- The end of a call of which nobody knows more. Frees no agent.
local function give_up(call)
  given_up[#given_up + 1] = { call.id, standing(call.id) }
  finish(call, 'lost')
end

-- Whether `name` holds the call by `token`; anything older or foreign is fenced off.
local function held_by(call, name, token) return call and call.agent == name and call.token == token end

-- A conversation is over: the call was served, the agent wraps up.
local function hang_up(call)
  local agent, seconds = load('agent', call.agent), tonumber(call.wrap_up)
  finish(call, 'served')
  if seconds > 0 then
    release(agent, 'wrap-up', { deadline = moment(NOW + seconds) })
  else
    release(agent, 'idle', { since = moment(NOW) })
  end
end

local function note_tried(call, name)
  local tried = cjson.decode(call.tried)
  for _, known in ipairs(tried) do
    if known == name then return end
  end
  tried[#tried + 1] = name
  set('call', call, 'tried', cjson.encode(tried))
end

-- An offer came to nothing. The call goes first, so that others are tried before the agent is free again. When its
-- session is lost nobody would take a next offer: the call keeps its place in the line but gets none until it joins
-- again, and the agent, who is not to blame, keeps the idle time.
local function miss(call, outcome)
  local agent, lost = load('agent', call.agent), outcome == 'lost'
  local delay = cjson.decode(call.delays)[outcome] or 0
  if lost then
    set('call', call, 'state', 'lost')
    redis.call('ZADD', P .. 'due', moment(NOW + SILENT), 'call:' .. call.id)
  else
    note_tried(call, agent.id)
    wait(call)
  end
  if delay > 0 then
    release(agent, 'paused', { deadline = moment(NOW + delay), reason = outcome })
  else
    release(agent, 'idle', { since = lost and agent.since or moment(NOW) })
  end
end
