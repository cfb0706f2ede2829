-- Names of keys and whole records; README.md describes the keyspace. Included by every script.
-- KEYS[1] is the prefix of every key. Moments are POSIX seconds in decimal text with six places: Lua's own
-- number-to-text conversion would drop the microseconds.
--
-- Functions live in modules, and a module that most scripts do not need is made when it is first asked for: making
-- functions, each of which must find the locals it uses, is what a short script would spend most of its time with.
local P = KEYS[1]

local function lazy(make)
  return setmetatable({}, { __index = function(module, name)
    setmetatable(module, nil)
    make(module)
    return module[name]
  end })
end

local function key(kind, id) return P .. kind .. ':' .. id end

local records = {}                                            -- each is read once: its key → record, or false
local BLANK = { __index = function() return '' end }          -- a field that was never written reads as ""

-- A hash as a table with its `id` added; nil when there is none.
local function load(kind, id)
  local name = key(kind, id)
  local record = records[name]
  if record == nil then
    local flat = redis.call('HGETALL', name)
    record = #flat > 0 and setmetatable({ id = id }, BLANK)
    for i = 1, #flat, 2 do record[flat[i]] = flat[i + 1] end
    records[name] = record
  end
  return record or nil
end

-- The record of a queue: its rules, who stands where, and what was measured. There is always one.
local function queue_of(name)
  local queue = load('rules', name)
  if not queue then
    queue = setmetatable({ id = name }, BLANK)
    records[key('rules', name)] = queue
  end
  return queue
end

-- A field as a number, 0 where it was never written.
local function number(record, field) return tonumber(record[field]) or 0 end

local function offer_of(call)
  return { call.id, call.agent, call.token, call.queue, call.phone, call.channel, call.pbx, call.lease }
end

-- Where a call stands at this moment, for the answer. A call whose session fell silent is unknown, like one that never
-- joined: whoever still holds its line shall join again.
local function standing(id)
  local call = load('call', id)
  if not call then
    return { state = redis.call('EXISTS', key('ended', id)) == 1 and 'ended' or 'unknown' }
  end
  local held = call.state == 'offered' or call.state == 'talking'
  local rank = call.state ~= 'talking' and redis.call('ZRANK', key('queue', call.queue), id)
  return {
    state = call.state == 'lost' and 'unknown' or call.state,
    position = rank and rank + 1 or 0,
    arrival = call.arrival,
    answered = number(call, 'answered') > 0 and call.answered or '0',
    queue = call.queue,
    offer = held and offer_of(call),
  }
end
