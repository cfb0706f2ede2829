-- The frame of every script that changes something.
-- ARGV[1] operation id · ARGV[2] now · ARGV[3] seconds that a fresh offer is held · ARGV[4] "story" or "" · then the
-- script's own. An operation id that was seen before gets its first answer again, and nothing changes.
-- include lib/keys.lua
local REMEMBER = 60        -- seconds that an answer is kept for a retry
local TOMBSTONE = 3600     -- seconds that the end of a call is remembered
do
  local seen = redis.call('GET', key('op', ARGV[1]))
  if seen then return seen end
end

local figures, queues, agents, lines, calls                           -- modules that every change needs
local meetings, forecast, classes, conditions, moves, misses, stories -- and others
local NOW = tonumber(ARGV[2])

-- What is to be told: offers made; agents moved, their names in order, and name → last state; calls ended because
-- nobody has heard of them, id and last standing; offers whose leases ran out.
local news = { offers = {}, moved = {}, given_up = {}, lapsed = {} }
local written = {} -- records to be written in the end, in order; record → its key and its changed fields

local function moment(seconds) return string.format('%.6f', seconds) end

-- Changes fields, given as name, value, name, value …; Redis gets them when the script ends.
local function set(kind, record, ...)
  local fields = { ... }
  for i = 1, #fields, 2 do
    local field, value = fields[i], fields[i + 1]
    if record[field] ~= value then
      record[field] = value
      local change = written[record]
      if not change then
        change = { key(kind, record.id) }
        written[record], written[#written + 1] = change, record
      end
      change[field] = true
    end
  end
end

-- A new record, or nothing in place of an old one.
local function create(kind, id)
  local record = setmetatable({ id = id }, BLANK)
  records[key(kind, id)] = record
  return record
end

local function drop(kind, record)
  redis.call('DEL', key(kind, record.id))
  records[key(kind, record.id)], written[record] = false, nil
end

local function write(record, change)
  local command = { 'HSET', change[1] }
  for field in pairs(change) do
    if field ~= 1 then
      local value = record[field]
      command[#command + 1] = field
      command[#command + 1] = type(value) == 'number' and string.format('%.17g', value) or value
    end
  end
  redis.call(unpack(command))
end

-- A line of a call's story, where stories are wanted.
local function tell(call, kind, about)
  if ARGV[4] ~= '' then stories.tell(call, kind, about or {}) end
end

-- `about`: the standing to tell, or the id of the call whose standing after all this it is.
local function answer(applied, about)
  queues.settle()
  for _, record in ipairs(written) do
    if written[record] then write(record, written[record]) end
    written[record] = nil
  end
  if ARGV[4] ~= '' then stories.write() end
  local moved = {}
  for i, name in ipairs(news.moved) do moved[i] = { name, news.moved[name] } end
  local reply = cjson.encode({
    applied = applied,
    offers = news.offers[1] and news.offers,
    agents = moved[1] and moved,
    standing = type(about) == 'string' and standing(about) or about,
    given_up = news.given_up[1] and news.given_up,
    lapsed = news.lapsed[1] and news.lapsed,
    due = redis.call('ZRANGE', P .. 'due', 0, 0, 'WITHSCORES')[2],
  })
  redis.call('SET', key('op', ARGV[1]), reply, 'EX', REMEMBER)
  return reply
end

-- include lib/figures.lua
-- include lib/forecast.lua
-- include lib/queues.lua
-- include lib/agents.lua
-- include lib/classes.lua
-- include lib/lines.lua
-- include lib/meetings.lua
-- include lib/conditions.lua
-- include lib/moves.lua
-- include lib/calls.lua
-- include lib/misses.lua
-- include lib/stories.lua
