-- Takes in hand the promise whose caller has waited longest, of the first of these queues that has one; or a certain one.
-- KEYS  1 prefix of every key
-- ARGV  1 now  2 spool  3 JSON [[file, position], …]: how far its lines reach  4 JSON [queue, …]  5 claim token
--       6 most in hand of these queues, or "place" for those who keep a place in one, of whom there may be any number; of
--         those that staff gave to an agent, one at a time is taken before either
--       7 day  8 most dials of it  9 most to one number  10 a promise that is wanted, whatever else is in hand, or ""
--       11 since when customers are rung without a break: places of who waits for longer were left over, they go by the pace
--       12 "full": also one whose number had its calls for today, to be put off; its `full` is then "1"
-- Answers the promise's fields; nothing when none is due, enough are in hand, the day's dials are used up, or Redis does
-- not know all the lines: it was wiped, and a promise that looks due may have been kept.
-- include lib/promises.lua
local AMONG = 50 -- of so many who wait in one line, those may be passed over who cannot be rung today
local positions = P .. 'outbox:' .. ARGV[2]
for _, step in ipairs(cjson.decode(ARGV[3])) do
  if tonumber(redis.call('HGET', positions, step[1]) or '0') < tonumber(step[2]) then return '{}' end
end

local place = ARGV[6] == 'place'

local function take(promise)
  set(promise, 'claim', ARGV[5], 'lease', moment(NOW + LEASE))
  if promise.source == 'queue' then set(promise, 'paced', place and '' or '1') end
  become(promise, 'offered', ARGV[1])
  promise.also = redis.call('SMEMBERS', P .. 'also:' .. promise.id)
  return cjson.encode(promise)
end

-- Another process's clock may be ahead of ours: what it found to be due is not due before our own time.
local function is_due(promise) return tonumber(promise.due) <= NOW end

if ARGV[10] ~= '' then
  local promise = load(ARGV[10])
  local waits = promise and promise.state == 'due' and promise.spool == ARGV[2] and is_due(promise)
  return waits and take(promise) or '{}'
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
  for i = 1, #flat, 2 do table.insert(found, { id = flat[i], asked = tonumber(flat[i + 1]), waiting = waiting }) end
  return found
end

local function first(found)
  table.sort(found, function(a, b) return a.asked < b.asked or a.asked == b.asked and a.id < b.id end)
  for _, each in ipairs(found) do
    local promise = load(each.id)
    if not promise or promise.state ~= 'due' then
      redis.call('ZREM', each.waiting, each.id)
    elseif is_due(promise) then
      local full = is_full(promise)
      if full then promise.full = '1' end
      if not full or ARGV[12] == 'full' then return promise end
    end
  end
end

-- One that staff gave to an agent for whom none is in hand.
local function first_given(whose)
  local agents = redis.call('SMEMBERS', P .. 'given-to:' .. whose)
  table.sort(agents)
  for _, agent in ipairs(agents) do
    if redis.call('EXISTS', P .. 'in-hand-of:' .. agent) == 0 then
      local promise = first(look({}, P .. 'given:' .. agent .. ':' .. whose, '-inf', '+inf'))
      if promise then return promise end
    end
  end
end

for _, queue in ipairs(queues) do
  local whose = queue .. ':' .. ARGV[2]
  local places, found = P .. 'places:' .. whose, {}
  if place then
    look(found, places, ARGV[11], '+inf')
  else
    look(look(found, P .. 'ready:' .. whose, '-inf', '+inf'), places, '-inf', '(' .. ARGV[11])
  end
  local promise = first_given(whose) or first(found)
  if promise then return take(promise) end
end
return '{}'
