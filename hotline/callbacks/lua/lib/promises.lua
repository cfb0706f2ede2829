-- A promise as a record, and the one function through which every change of its state goes. Keys: README.md beside.
-- KEYS[1] is the prefix of every key; scripts that include this have `now` in ARGV[1].
local P, NOW = KEYS[1], tonumber(ARGV[1])
local LEASE = 30 -- seconds that whoever has a promise in hand is believed to be alive
local OPEN = { captured = true, due = true, offered = true, dialing = true, retry = true }
local IN_HAND = { offered = true, dialing = true }

local BLANK = { __index = function() return '' end } -- a field that was never written reads as ""

local function moment(seconds) return string.format('%.6f', seconds) end

-- Whether a number tells one person from another, as in hotline/callbacks/number.py: what a network sends in place of a
-- number that is withheld does not, and strangers have it in common.
local function identifies(number)
  local digits = string.gsub(number, '%D', '')
  if #digits < 6 then return false end
  return string.find(number, '^+[1-9]') ~= nil or digits ~= string.rep(string.sub(digits, 1, 1), #digits)
end

-- Under what a day's dials of a number are counted: not by the number, since the count outlives its erasure.
local function dialed(number, day) return redis.sha1hex(day .. ' ' .. number) end

local function load(id)
  local flat = redis.call('HGETALL', P .. 'promise:' .. id)
  if #flat == 0 then return nil end
  local promise = setmetatable({ id = id }, BLANK)
  for i = 1, #flat, 2 do promise[flat[i]] = flat[i + 1] end
  return promise
end

local function set(promise, ...)
  local fields = { ... }
  for i = 1, #fields, 2 do promise[fields[i]] = fields[i + 1] end
  redis.call('HSET', P .. 'promise:' .. promise.id, ...)
end

-- Where one that is due waits to be taken in hand, and as since when: those who keep a place in a queue have a line of
-- their own, until the first try, and so have those that staff gave to an agent, since one that waits for that agent is in
-- the way of no other.
local function line(promise)
  local whose = promise.queue .. ':' .. promise.spool
  if promise.given ~= '' then return P .. 'given:' .. promise.given .. ':' .. whose, promise.recorded_at end
  local untried = tonumber(promise.attempts) <= (tonumber(promise.spent) or 0)
  if promise.source == 'queue' and untried then
    return P .. 'places:' .. whose, promise.placed ~= '' and promise.placed or promise.kept_at -- an older version's
  end
  return P .. 'ready:' .. whose, promise.recorded_at
end

local function enter_line(promise)
  local waiting, since = line(promise)
  redis.call('ZADD', waiting, since, promise.id)
  if promise.given ~= '' then redis.call('SADD', P .. 'given-to:' .. promise.queue .. ':' .. promise.spool, promise.given) end
end

local function leave_line(promise)
  local waiting = line(promise)
  redis.call('ZREM', waiting, promise.id)
  if promise.given ~= '' and redis.call('EXISTS', waiting) == 0 then
    redis.call('SREM', P .. 'given-to:' .. promise.queue .. ':' .. promise.spool, promise.given)
  end
end

-- Where one in hand is counted: with its queue's, at the pace of that, or with those of the agent to whom staff gave it.
-- Beyond the pace are these and who keeps a place, but for those that the claim took at the pace, which it has noted.
local function hand(promise)
  local beyond = promise.paced == '' and (promise.given ~= '' or promise.source == 'queue')
  if not beyond then return P .. 'in-hand:' .. promise.queue end
  return promise.given ~= '' and P .. 'in-hand-of:' .. promise.given
end

local function leave_state(promise)
  redis.call('ZREM', P .. 'promises:' .. promise.state, promise.id)
  redis.call('ZREM', P .. 'asked-at', promise.id)
  if promise.state == 'due' then leave_line(promise) end
  if IN_HAND[promise.state] then
    redis.call('SREM', P .. 'in-hand:' .. promise.queue, promise.id) -- where an older version counted more
    if hand(promise) then redis.call('SREM', hand(promise), promise.id) end
    redis.call('ZREM', P .. 'leases', promise.id)
  end
end

-- The customer's phone rings no more, nor do the two talk.
local function stop_ringing(promise)
  local token = (redis.call('HGET', P .. 'ringing', promise.number) or ''):match('^%S+')
  if token == promise.token then redis.call('HDEL', P .. 'ringing', promise.number) end
end

local function enter_state(promise, state)
  local score = OPEN[state] and promise.due or promise.moved
  redis.call('ZADD', P .. 'promises:' .. state, score, promise.id)
  if OPEN[state] then redis.call('ZADD', P .. 'asked-at', promise.recorded_at, promise.id) end
  if state == 'due' then enter_line(promise) end
  if IN_HAND[state] then
    if hand(promise) then redis.call('SADD', hand(promise), promise.id) end
    redis.call('ZADD', P .. 'leases', promise.lease, promise.id)
  end
end

-- One that ended gives the number free. What was merged into it ends with it.
local function close(promise, state)
  local name = P .. 'open:' .. promise.number
  if promise.number ~= '' and redis.call('GET', name) == promise.id then redis.call('DEL', name) end
  if state == 'merged' or state == 'erased' then return end
  for _, id in ipairs(redis.call('SMEMBERS', P .. 'also:' .. promise.id)) do
    local other = load(id)
    if other and other.state == 'merged' then
      leave_state(other)
      set(other, 'state', state, 'moved', promise.moved)
      enter_state(other, state)
    end
  end
end

-- `at`: since when. `due`, `lease` and what else the state asks for were set before.
local function become(promise, state, at)
  local was_open = OPEN[promise.state]
  leave_state(promise)
  if promise.state == 'dialing' then stop_ringing(promise) end
  set(promise, 'state', state, 'moved', at)
  enter_state(promise, state)
  if was_open and not OPEN[state] then close(promise, state) end
end
