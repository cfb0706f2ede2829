-- Lines of an outbox become promises, and what becomes of these. Nothing at all happens unless every position is still
-- as the caller read it: so two indexers never pass each other, a repeated call is harmless, and after Redis was wiped
-- all lines come again. What a line does depends on the lines before it alone, not on when it is read.
-- KEYS  1 prefix of every key
-- ARGV  1 now  2 spool  3 JSON [[file, position read, position reached], …]  then for each line: kind, id, JSON {field: text}
-- Answers applied (0 or 1) and how many promises are new.
-- include lib/promises.lua
local KEEP_DIALS = 3 * 86400 -- seconds that the dials of a day are counted
local positions = P .. 'outbox:' .. ARGV[2]
local steps = cjson.decode(ARGV[3])

for _, step in ipairs(steps) do
  if (redis.call('HGET', positions, step[1]) or '0') ~= step[2] then return '{"applied": 0, "added": 0}' end
end

-- Goes into another promise of the same number, to be heard and to end with that.
local function merge(promise, other)
  redis.call('SADD', P .. 'also:' .. other.id, promise.id)
  for _, id in ipairs(redis.call('SMEMBERS', P .. 'also:' .. promise.id)) do
    redis.call('SADD', P .. 'also:' .. other.id, id)
    redis.call('HSET', P .. 'promise:' .. id, 'into', other.id)
  end
  redis.call('DEL', P .. 'also:' .. promise.id)
  set(promise, 'into', other.id)
end

-- A later message is not to wait for a promise that was put off, nor to be given up with it: the attempts before it are
-- `spent`, they do not count any more. It is due at the earlier of the two moments. Who keeps their place once more keeps it
-- as of now: it was not left over.
local function hear(other, promise)
  leave_state(other)
  set(other, 'spent', other.attempts)
  if promise.placed ~= '' and other.source == 'queue' then set(other, 'placed', promise.placed) end
  if tonumber(promise.due) < tonumber(other.due) then
    local ripe = (other.state == 'captured' or other.state == 'retry') and tonumber(promise.due) <= NOW
    set(other, 'due', promise.due, 'state', ripe and 'due' or other.state)
  end
  enter_state(other, other.state)
end

local added = 0
local kinds = {}

function kinds.kept(id, fields)
  if redis.call('EXISTS', P .. 'promise:' .. id) == 1 then return end
  local promise = setmetatable({ id = id }, BLANK)
  for field, text in pairs(fields) do set(promise, field, text) end
  set(promise, 'spool', ARGV[2], 'attempts', '0', 'moved', fields.kept_at, 'promised', fields.due)
  if promise.source == 'queue' then set(promise, 'placed', fields.kept_at) end
  added = added + 1
  redis.call('HSETNX', P .. 'queues', promise.queue, '1')
  local name = P .. 'open:' .. promise.number
  local known = identifies(promise.number)
  local other = known and redis.call('GET', name)
  other = other and load(other)
  -- who keeps a place in the queue is called back from there, and has the place that they took first
  local same_place = other and other.source == 'queue' and other.queue == promise.queue
  local ahead = other and (promise.source ~= 'queue' or same_place or other.state == 'dialing')
  if ahead then
    set(promise, 'state', 'merged')
    enter_state(promise, 'merged')
    merge(promise, other)
    hear(other, promise)
    return
  end
  if other then
    become(other, 'merged', promise.moved)
    merge(other, promise)
  end
  local state = tonumber(promise.due) <= NOW and 'due' or 'captured'
  set(promise, 'state', state)
  enter_state(promise, state)
  if known then redis.call('SET', name, id) end
end

local ENDS = { cancelled = true, superseded = true, closed = true }

-- Whether a line about a promise in this state is believed. One that begins an attempt must know of all those before it:
-- whoever slept through one began too late. One that ends an attempt must be the first about the one under way, but that
-- they talked is believed after all where the attempt was taken for lost. Beside an attempt the caller and staff may end
-- the promise; an agent who says something about it without one has slept through the beginning of this one.
local function believed(promise, fields)
  if not OPEN[promise.state] then return false end
  local under_way = promise.state == 'dialing'
  if fields.state == 'dialing' then return not under_way and tonumber(fields.attempts) == tonumber(promise.attempts) + 1 end
  if fields.token == '' then return not under_way or ENDS[fields.state] and fields.by ~= 'agent' end
  if fields.token ~= promise.token then return false end
  return under_way or fields.state == 'talked' and promise.outcome == 'lost'
end

-- `many` is 1, or -1 when an attempt that rang nobody is taken back.
local function count_dial(promise, day, many)
  local dials = P .. 'dials:' .. day
  redis.call('HINCRBY', dials, 'all', many)
  if identifies(promise.number) then redis.call('HINCRBY', dials, dialed(promise.number, day), many) end
  redis.call('EXPIRE', dials, KEEP_DIALS)
end

function kinds.moved(id, fields)
  local promise = load(id)
  if not promise or not believed(promise, fields) then return end
  local taken_back = promise.state == 'dialing' and fields.token ~= '' and tonumber(fields.attempts) < tonumber(promise.attempts)
  if taken_back then count_dial(promise, promise.day, -1) end
  leave_state(promise) -- by what it was: what is said of it now may bring it to another line, or into another hand
  for _, field in ipairs({ 'due', 'outcome', 'by' }) do set(promise, field, fields[field]) end
  if fields.agent ~= '' then set(promise, 'agent', fields.agent) end
  if fields.token ~= '' then set(promise, 'attempts', fields.attempts) end -- also one that was taken back
  if fields.outcome == 'assigned' then
    set(promise, 'given', fields.agent)
    redis.call('SET', P .. 'last:callback_' .. id, fields.agent)
  end
  if fields.state == 'dialing' then
    local lease = moment(tonumber(fields.at) + LEASE)
    set(promise, 'token', fields.token, 'claim', fields.token, 'lease', lease, 'day', fields.day)
    count_dial(promise, fields.day, 1)
  else
    set(promise, 'claim', '')
  end
  local ripe = (fields.state == 'captured' or fields.state == 'retry') and tonumber(fields.due) <= NOW
  become(promise, ripe and 'due' or fields.state, fields.at)
end

function kinds.done(id, fields)
  if redis.call('EXISTS', P .. 'promise:' .. id) == 1 then redis.call('HSET', P .. 'promise:' .. id, fields.what, fields.at) end
end

function kinds.erased(id, fields)
  local promise = load(id) or setmetatable({ id = id, state = 'erased' }, BLANK)
  if promise.state ~= 'erased' then
    leave_state(promise)
    close(promise, 'erased')
  end
  if promise.into ~= '' then redis.call('SREM', P .. 'also:' .. promise.into, id) end
  redis.call('DEL', P .. 'promise:' .. id, P .. 'also:' .. id, P .. 'last:callback_' .. id)
  set(promise, 'state', 'erased', 'moved', fields.at)
  enter_state(promise, 'erased')
end

for i = 4, #ARGV, 3 do kinds[ARGV[i]](ARGV[i + 1], cjson.decode(ARGV[i + 2])) end
for _, step in ipairs(steps) do redis.call('HSET', positions, step[1], step[3]) end
return cjson.encode({ applied = 1, added = added })
