-- Takes in hand the promise whose caller has waited longest, of the first of these queues that has one; or a certain one.
-- KEYS  1 prefix of every key
-- ARGV  1 now  2 spool  3 JSON [[file, position], …]: how far its lines reach  4 JSON [queue, …]  5 claim token
--       6 most in hand of these queues, or "place" for those who keep a place in one, of whom there may be any number; of
--         those that staff gave to an agent who is at work, one at a time is taken before either
--       7 day  8 most dials of it  9 most to one number  10 a promise that is wanted, whatever else is in hand, or ""
--       11 since when customers are rung without a break: places that were kept before were left over, they go by the pace
-- Answers the promise's fields, with `full` "1" if its number had its calls for today; nothing when none is due, enough are
-- in hand, the day's dials are used up, or Redis does not know all the lines: it was wiped, and a promise that looks due
-- may have been kept.
-- include lib/promises.lua
local AMONG = 50 -- of so many who wait in one line, those may be passed over who are due by another process's clock only
local positions = P .. 'outbox:' .. ARGV[2]
for _, step in ipairs(cjson.decode(ARGV[3])) do
  if tonumber(redis.call('HGET', positions, step[1]) or '0') < tonumber(step[2]) then return '{}' end
end

local place = ARGV[6] == 'place'

-- `beyond` the pace are only those who keep a place, and those who wait for an agent to whom staff gave them.
local function take(promise, beyond)
  local noted = not beyond and (promise.source == 'queue' or promise.given ~= '')
  set(promise, 'claim', ARGV[5], 'lease', moment(NOW + LEASE), 'paced', noted and '1' or '')
  become(promise, 'offered', ARGV[1])
  promise.also = redis.call('SMEMBERS', P .. 'also:' .. promise.id)
  return cjson.encode(promise)
end

-- Another process's clock may be ahead of ours: what it found to be due is not due before our own time.
local function is_due(promise) return tonumber(promise.due) <= NOW end

if ARGV[10] ~= '' then
  local promise = load(ARGV[10])
  local waits = promise and promise.state == 'due' and promise.spool == ARGV[2] and is_due(promise)
  return waits and take(promise, true) or '{}'
end

local queues, in_hand = cjson.decode(ARGV[4]), 0
for _, queue in ipairs(queues) do in_hand = in_hand + redis.call('SCARD', P .. 'in-hand:' .. queue) end
if not place and in_hand >= tonumber(ARGV[6]) then return '{}' end
local dials = P .. 'dials:' .. ARGV[7]
if tonumber(redis.call('HGET', dials, 'all') or '0') >= tonumber(ARGV[8]) then return '{}' end

local function is_full(promise)
  return tonumber(redis.call('HGET', dials, dialed(promise.number, ARGV[7])) or '0') >= tonumber(ARGV[9])
end

-- Adds those who wait in a line, by when they asked.
local function look(found, waiting, from, to)
  local flat = redis.call('ZRANGEBYSCORE', waiting, from, to, 'WITHSCORES', 'LIMIT', 0, AMONG)
  for i = 1, #flat, 2 do
    local asked = redis.call('ZSCORE', P .. 'asked-at', flat[i]) or flat[i + 1] -- a place's score is when it was kept
    table.insert(found, { id = flat[i], asked = tonumber(asked), waiting = waiting })
  end
  return found
end

local function first(found)
  table.sort(found, function(a, b) return a.asked < b.asked or a.asked == b.asked and a.id < b.id end)
  for _, each in ipairs(found) do
    local promise = load(each.id)
    if not promise or promise.state ~= 'due' then
      redis.call('ZREM', each.waiting, each.id)
    elseif is_due(promise) then
      if is_full(promise) then promise.full = '1' end
      return promise
    end
  end
end

local function at_work(agent)
  local state = redis.call('HGET', P .. 'agent:' .. agent, 'state') or 'offline'
  return state ~= 'offline' and state ~= 'paused'
end

-- Whether one that waits for an agent is in hand. What is none, whoever left it here, goes.
local function has_one(agent)
  for _, id in ipairs(redis.call('SMEMBERS', P .. 'in-hand-of:' .. agent)) do
    local promise = load(id)
    if promise and IN_HAND[promise.state] and hand(promise) == P .. 'in-hand-of:' .. agent then return true end
    redis.call('SREM', P .. 'in-hand-of:' .. agent, id)
  end
  return false
end

-- Those that staff gave to agents: the first for one who is at work and has none in hand; those for who is not, for others.
local function given(whose)
  local waiting, for_others = nil, {}
  local agents = redis.call('SMEMBERS', P .. 'given-to:' .. whose)
  table.sort(agents)
  for _, agent in ipairs(agents) do
    local name = P .. 'given:' .. agent .. ':' .. whose
    if not at_work(agent) then
      look(for_others, name, '-inf', '+inf')
    elseif not waiting and not has_one(agent) then
      waiting = first(look({}, name, '-inf', '+inf'))
    end
  end
  return waiting, for_others
end

for _, queue in ipairs(queues) do
  local whose = queue .. ':' .. ARGV[2]
  local places = P .. 'places:' .. whose
  local waiting, found = given(whose)
  if waiting then return take(waiting, true) end
  if place then
    found = look({}, places, ARGV[11], '+inf')
  else
    look(look(found, P .. 'ready:' .. whose, '-inf', '+inf'), places, '-inf', '(' .. ARGV[11])
  end
  local promise = first(found)
  if promise then return take(promise, place) end
end
return '{}'
