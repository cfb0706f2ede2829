-- Calls: their end, and what comes of an offer.

local SILENT = 60               -- seconds without a sign of life after which a call whose session was lost is given up
local REMEMBER_AGENT = 604800   -- seconds that a caller's last agent is known: a week

-- How long a caller who leaves the line waited, and whether an agent took them: for the forecast.
local function note_wait(call, taken)
  local queue = queue_of(call.queue)
  local waited = NOW - tonumber(call.arrival)
  if waited > 0 then sample(queue, 'waited', waited) end
  if not taken then sample(queue, 'left', 1) elseif call.stood ~= '' then sample(queue, 'taken', 1) end
end

-- The call has a conversation, or ends: it stands in line no more.
local function out_of_line(call, state)
  turn(call, state)
  redis.call('ZREM', key('queue', call.queue), call.id)
end

-- The end of a call, with its one reason. Frees no agent.
local function finish(call, reason)
  if call.state ~= 'talking' and reason ~= 'served' then note_wait(call, false) end
  out_of_line(call, 'ended')
  tell(call, 'left', { why = reason })
  drop('call', call)
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
  local agent, seconds = load('agent', call.agent), number(call, 'wrap_up')
  if call.state == 'talking' then
    local queue = queue_of(call.queue)
    sample(queue, 'handled', 1)
    sample(queue, 'handling', math.max(0, NOW - tonumber(call.answered)) + seconds)
  end
  finish(call, 'served')
  if call.caller ~= '' then redis.call('SET', key('last', call.caller), agent.id, 'EX', REMEMBER_AGENT) end
  if agent.max_in_row ~= '' then set('agent', agent, 'row', number(agent, 'row') + 1) end
  release(agent, function()
    if seconds > 0 then
      become(agent, 'wrap-up', { deadline = moment(NOW + seconds) })
    else
      rest_or_free(agent, moment(NOW))
    end
  end)
end

local function note_tried(call, name)
  local tried = call.tried == '' and {} or cjson.decode(call.tried)
  for _, known in ipairs(tried) do
    if known == name then return end
  end
  tried[#tried + 1] = name
  set('call', call, 'tried', cjson.encode(tried))
end

-- The agent after a miss: left alone for a while, or until they say that they are ready.
local function after_miss(agent, rules, outcome)
  local delay, lost = rules.delays[outcome] or 0, outcome == 'lost'
  local too_many = not lost and rules.miss_limit > 0 and number(agent, 'misses') + 1 >= rules.miss_limit
  if not lost then set('agent', agent, 'misses', too_many and '' or number(agent, 'misses') + 1) end
  release(agent, function()
    if too_many then
      become(agent, 'paused', { reason = 'missed-calls' })
    elseif delay > 0 then
      become(agent, 'paused', { deadline = moment(NOW + delay), reason = outcome })
    else
      free(agent, lost and agent.since or moment(NOW))
    end
  end, outcome)
end

-- An offer came to nothing. The call goes first, so that others are tried before the agent is free again. When its
-- session is lost nobody would take a next offer: the call keeps its place in the line but gets none until it joins
-- again, and the agent, who is not to blame, keeps the idle time.
local function miss(call, outcome)
  local agent = load('agent', call.agent)
  tell(call, 'missed', { agent = agent.id, why = outcome })
  if outcome == 'lost' then
    turn(call, 'lost')
    redis.call('ZADD', P .. 'due', moment(NOW + SILENT), 'call:' .. call.id)
  else
    note_tried(call, agent.id)
    if call.last == agent.id then set('call', call, 'last', '') end
    wait(call)
  end
  after_miss(agent, rules_of(queue_of(call.queue)), outcome)
end
