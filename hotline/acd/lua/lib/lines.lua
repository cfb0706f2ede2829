-- Lines: who waits behind whom, for whom, and which call meets which agent. A line is a sorted set of calls by virtual
-- arrival: one for each class, and one for each class and agent for whom alone its calls wait. Decisions read heads
-- only; their order is (virtual arrival, call id) for calls and (rank, idle since, name) for agents.

local AT_ONCE = 20 -- calls of stranded lines that one script moves; the rest follow, by ticks

-- Whether `a` sorts before `b` as Redis sorts members: by bytes, whatever the locale.
local function before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- The order of { number, text }.
local function earlier(a, b)
  if a[1] ~= b[1] then return a[1] < b[1] end
  return before(a[2], b[2])
end

-- The first of a line as { virtual arrival, id }, or nil.
local function head_of(line)
  local head = redis.call('ZRANGE', key('waiting', line), 0, 0, 'WITHSCORES')
  return head[1] and { tonumber(head[2]), head[1] }
end

local function line_of(call) return call.class .. call.last end

local function leave_line(call)
  local line = line_of(call)
  redis.call('ZREM', key('waiting', line), call.id)
  if call.deadline ~= '' then
    redis.call('ZREM', P .. 'due', 'call:' .. call.id)
    set('call', call, 'deadline', '')
  end
  if call.last == '' or redis.call('EXISTS', key('waiting', line)) == 1 then return end
  redis.call('SREM', key('alone', call.last), call.class)
  redis.call('SREM', key('alone-in', call.queue), line)
  local agent = load('agent', call.last)
  if agent and redis.call('EXISTS', key('alone', call.last)) == 0 then set('agent', agent, 'alone', '') end
end

local function enter_line(call)
  redis.call('ZADD', key('waiting', line_of(call)), call.virtual, call.id)
  if call.deadline ~= '' then redis.call('ZADD', P .. 'due', call.deadline, 'call:' .. call.id) end
  if call.last == '' then return end
  redis.call('SADD', key('alone', call.last), call.class)
  redis.call('SADD', key('alone-in', call.queue), line_of(call))
  set('agent', load('agent', call.last), 'alone', '1')
end

local COUNTED = { waiting = true, offered = true, talking = true }

-- The one place where a call's state changes: its line, and the queue's figures, follow. "" and "ended": no state.
local function turn(call, state)
  local was, queue = call.state, queue_of(call.queue)
  touch(queue)
  if was == 'waiting' and state ~= was then leave_line(call) end
  if was == 'lost' then redis.call('ZREM', P .. 'due', 'call:' .. call.id) end
  if was ~= state then
    if COUNTED[was] then count(queue, was, -1) end
    if COUNTED[state] then count(queue, state, 1) end
  end
  set('call', call, 'state', state)
  if state == 'waiting' then
    set('call', call, 'agent', '', 'token', '', 'stood', '1')
    enter_line(call)
  end
end

-- `how`: for the story.
local function offer(call, agent, how)
  local token, lease = tostring(redis.call('INCR', P .. 'token')), moment(NOW + HOLD)
  turn(call, 'offered')
  set('call', call, 'agent', agent.id, 'phone', agent.phone, 'token', token, 'lease', lease, 'taken', '')
  if agent.row ~= '' and NOW - tonumber(agent.since) >= number(agent, 'cool_down') then set('agent', agent, 'row', '') end
  become(agent, 'offered', { deadline = lease, call = call.id, token = token })
  made[#made + 1] = offer_of(call)
  if STORY then
    how.agent = agent.id
    tell(call, 'offered', how)
  end
end

-- A class's weight, and whether an agent who is idle gets its calls at this moment.
local function terms(value)
  local weight = tonumber(value)
  if weight then return weight, true end
  local text, flags, name = value:match('^(%S+) (%a+) (.*)$')
  local queue = queue_of(name)
  local kept = flags:find('m') and not room(queue)
    or flags:find('r') and (number(queue, 'waiting') == 0 or not reserve_called(queue))
  return tonumber(text), not kept
end

-- The call that an agent shall get: of the heads of all lines, that with the highest weight × (now − virtual arrival).
find_call = function(agent)
  local classes = redis.call('HGETALL', key('classes-for', agent.profile))
  local best, most
  local function consider(line, value)
    local head = value and head_of(line)
    if not head then return end
    local weight, open = terms(value)
    local merit = weight * (NOW - head[1])
    if open and (not best or merit > most or merit == most and earlier(head, best)) then best, most = head, merit end
  end
  for i = 1, #classes, 2 do consider(classes[i], classes[i + 1]) end
  if agent.alone ~= '' then
    for _, class in ipairs(redis.call('SMEMBERS', key('alone', agent.id))) do
      consider(class .. agent.id, redis.call('HGET', key('classes-for', agent.profile), class))
    end
  end
  if best then offer(load('call', best[2]), agent, { by = 'turn' }) end
end

-- The agent that a call shall get: of the best rank, and of those idle for longest, among those who have not missed it
-- in this round; when all idle ones have, a new round begins. Those who missed it may stand in front, so as many more
-- are read.
local function find_agent(call)
  if call.last ~= '' then
    local agent = load('agent', call.last)
    return agent and agent.state == 'idle' and agent, { by = 'last' }
  end
  local tried = call.tried == '' and {} or cjson.decode(call.tried)
  local missed, fresh, any, called = {}, nil, nil, nil
  for _, name in ipairs(tried) do missed[name] = true end
  local function better(a, b)
    if not b or a.rank ~= b.rank then return not b or a.rank < b.rank end
    return earlier(a, b)
  end
  local profiles = redis.call('HGETALL', key('profiles-for', call.class))
  for i = 1, #profiles, 2 do
    local rank, held = profiles[i + 1], profiles[i + 1]:sub(-1) == '!'
    if held and called == nil then called = reserve_called(queue_of(call.queue)) end
    local heads = (not held or called) and redis.call('ZRANGE', key('idle', profiles[i]), 0, #tried, 'WITHSCORES') or {}
    for j = 1, #heads, 2 do
      local head = { tonumber(heads[j + 1]), heads[j], rank = tonumber(held and rank:sub(1, -2) or rank) }
      if better(head, any) then any = head end
      if not missed[head[2]] and better(head, fresh) then fresh = head end
    end
  end
  if any and not fresh then set('call', call, 'tried', '') end
  local found = fresh or any
  return found and load('agent', found[2]), { by = queue_of(call.queue).choice, missed = #tried }
end

-- Offers the calls of a queue with conditions, first come first, as long as there is room and anybody for them. Then
-- notes when reserve agents will be called.
local function fill(queue)
  local function offer_one()
    local heads = {}
    for _, set_of in ipairs({ 'lines', 'alone-in' }) do
      for _, line in ipairs(redis.call('SMEMBERS', key(set_of, queue.id))) do heads[#heads + 1] = head_of(line) end
    end
    table.sort(heads, earlier)
    for _, head in ipairs(heads) do
      local call = load('call', head[2])
      local agent, how = find_agent(call)
      if agent then
        offer(call, agent, STORY and tell_of_agents(call.class, how))
        return true
      end
    end
  end
  while number(queue, 'waiting') > 0 and room(queue) and offer_one() do end
  if queue.reserve_above == '' then return end
  local called, at = true, nil
  if number(queue, 'waiting') > 0 then called, at = reserve_called(queue) end
  if called or not at then
    redis.call('ZREM', P .. 'due', 'queue:' .. queue.id)
  else
    redis.call('ZADD', P .. 'due', moment(at), 'queue:' .. queue.id)
  end
end

-- At the end of a script: queues with conditions, of which it changed anything, by name.
settle = function()
  table.sort(touched, function(a, b) return before(a.id, b.id) end)
  for _, queue in ipairs(touched) do
    if conditional(queue) then fill(queue) end
  end
end

local function passed(call, seconds) return NOW >= tonumber(moment(tonumber(call.arrival) + seconds)) end

-- The call's class for now: its needs as far as they have widened, and its site while that matters. What nobody at
-- work could serve is passed over; the site first. Never back. Answers when time will widen it.
local function place(call, queue)
  local rules = call.needs ~= '' and rules_of(queue)
  if not rules then return end
  local step, site, own_site = number(call, 'step'), call.site, rules.own_site
  local function later() return rules.widen[step + 1] end
  local function widen_step(why)
    step = step + 1
    tell(call, 'widened', { needs = rules.widen[step][2], why = why })
  end
  local function widen_site(why)
    site = ''
    tell(call, 'any site', { why = why })
  end
  while later() and passed(call, later()[1]) do widen_step('time') end
  if site ~= '' and passed(call, own_site) then widen_site('time') end
  local function class()
    local needs = rules.widen[step] and rules.widen[step][2] or call.needs
    local name = '[' .. call.quoted .. ',' .. needs .. ',' .. (site == '' and '""' or site) .. ']'
    know_class(name, queue)
    return name
  end
  local name = class()
  while (later() or site ~= '') and able(name) == 0 do
    if site ~= '' then widen_site('nobody') else widen_step('nobody') end
    name = class()
  end
  set('call', call, 'step', tostring(step), 'site', site, 'class', name)
  local next_step, own = later() and later()[1], site ~= '' and own_site
  local seconds = next_step and own and math.min(next_step, own) or next_step or own
  return seconds and moment(tonumber(call.arrival) + seconds)
end

-- Whether the caller's last agent is to be waited for: at work, able, and the time for that not over.
local function sticks(call, queue, class)
  local agent = load('agent', call.last)
  if not agent or not on_staff(agent) or passed(call, number(queue, 'sticky')) then return false end
  local value = redis.call('HGET', key('classes-for', agent.profile), class)
  return value and not value:match('^%S+ m?r ')
end

local function tell_why_it_waits(call, queue, deadline)
  if call.last ~= '' then
    tell(call, 'waits for one', { agent = call.last, seconds = tonumber(deadline) - NOW })
  else
    local place = redis.call('ZRANK', key('queue', queue.id), call.id) + 1
    tell(call, 'waits', tell_of_agents(call.class, { place = place, limit = not room(queue) or nil }))
  end
end

-- A call waits from now on, in the place that its virtual arrival gives it, unless an agent is idle.
local function wait(call)
  local queue, waited = queue_of(call.queue), call.state == 'waiting'
  if waited then leave_line(call) end
  local deadline = place(call, queue)
  if call.last ~= '' then
    local class = call.site == '' and call.class or call.class:sub(1, -#call.site - 2) .. '""]'
    if class ~= call.class then know_class(class, queue) end
    if sticks(call, queue, class) then
      set('call', call, 'class', class)
      deadline = moment(tonumber(call.arrival) + number(queue, 'sticky'))
    else
      if waited then tell(call, 'waits for all', { agent = call.last }) end
      set('call', call, 'last', '')
    end
  end
  local agent, how
  if not conditional(queue) then agent, how = find_agent(call) end
  if agent then return offer(call, agent, STORY and tell_of_agents(call.class, how)) end
  if deadline then set('call', call, 'deadline', deadline) end
  turn(call, 'waiting')
  if conditional(queue) then fill(queue) end
  if STORY and call.state == 'waiting' and not waited then tell_why_it_waits(call, queue, deadline) end
end

-- The first calls of some lines, in their order, look for a place anew. A line from which some went and that has more
-- is due at once.
local function move_on(lines)
  local calls, rest, went = {}, {}, {}
  for _, line in ipairs(lines) do
    rest[line] = redis.call('ZCARD', key('waiting', line))
    local heads = redis.call('ZRANGE', key('waiting', line), 0, AT_ONCE - 1, 'WITHSCORES')
    for i = 1, #heads, 2 do calls[#calls + 1] = { tonumber(heads[i + 1]), heads[i], line } end
  end
  table.sort(calls, earlier)
  for i = 1, math.min(#calls, AT_ONCE) do
    local call, line = load('call', calls[i][2]), calls[i][3]
    wait(call)
    rest[line] = rest[line] - 1
    went[line] = went[line] or call.state ~= 'waiting' or line_of(call) ~= line
  end
  for _, line in ipairs(lines) do
    if rest[line] > 0 and went[line] then
      redis.call('ZADD', P .. 'due', moment(NOW), 'line:' .. line)
    else
      redis.call('ZREM', P .. 'due', 'line:' .. line)
    end
  end
end

-- An agent is at work no longer, takes a break, or has other skills. Callers who waited for them alone go on; so do,
-- if they were the `last` of their profile at work, those of classes that now nobody at work could serve.
let_go = function(agent, last)
  local lines = {}
  if agent.alone ~= '' then
    for _, class in ipairs(redis.call('SMEMBERS', key('alone', agent.id))) do lines[#lines + 1] = class .. agent.id end
  end
  if last then
    for _, class in ipairs(redis.call('HKEYS', key('classes-for', agent.profile))) do
      if redis.call('EXISTS', key('waiting', class)) == 1 and able(class) == 0 then lines[#lines + 1] = class end
    end
  end
  if lines[1] then move_on(lines) end
end

-- The rest of a line that was too long to be moved at once.
local function move_more(line)
  local head = head_of(line)
  local call = head and load('call', head[2])
  local stranded = call and (call.last == '' and able(call.class) == 0
    or call.last ~= '' and not sticks(call, queue_of(call.queue), call.class))
  if stranded then move_on({ line }) else redis.call('ZREM', P .. 'due', 'line:' .. line) end
end

-- An agent has other skills from now on.
local function change_profile(agent, profile)
  local work, staff = at_work(agent) and 1 or 0, on_staff(agent) and 1 or 0
  if agent.state == 'idle' then redis.call('ZREM', key('idle', agent.profile), agent.id) end
  local left, before = count_agent(agent, -work, -staff), agent.profile
  set('agent', agent, 'profile', profile)
  count_agent(agent, work, staff)
  if left == 0 or agent.alone ~= '' then let_go({ id = agent.id, profile = before, alone = agent.alone }, left == 0) end
end
