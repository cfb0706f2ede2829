-- The frame of every script that changes something.
-- ARGV[1] operation id · ARGV[2] now · ARGV[3] seconds that a fresh offer is held · ARGV[4] "story" or "" · then the
-- script's own. An operation id that was seen before gets its first answer again, and nothing changes.
-- include lib/keys.lua
local OPERATION, NOW, HOLD, STORY = key('op', ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] ~= ''
local REMEMBER = 60        -- seconds that an answer is kept for a retry
local TOMBSTONE = 3600     -- seconds that the end of a call is remembered

local seen = redis.call('GET', OPERATION)
if seen then return seen end

local made, moved = {}, {} -- offers made; agents moved: their names in order, and name → last state
local given_up = {}        -- calls ended because nobody has heard of them: id and last standing
local lapsed = {}          -- offers whose leases ran out
local written = {}         -- records to be written in the end, in order; record → its key and its changed fields

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

local function write()
  for _, record in ipairs(written) do
    local change = written[record]
    if change then
      written[record] = nil
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
  end
end

local settle, write_stories -- in lines.lua: what the change of a queue's figures brings about; in story.lua

-- `about`: the standing to tell, or the id of the call whose standing after all this it is.
local function answer(applied, about)
  settle()
  write()
  if STORY then write_stories() end
  local agents = {}
  for i, name in ipairs(moved) do agents[i] = { name, moved[name] } end
  local reply = cjson.encode({
    applied = applied,
    offers = made[1] and made,
    agents = agents[1] and agents,
    standing = type(about) == 'string' and standing(about) or about,
    given_up = given_up[1] and given_up,
    lapsed = lapsed[1] and lapsed,
    due = redis.call('ZRANGE', P .. 'due', 0, 0, 'WITHSCORES')[2],
  })
  redis.call('SET', OPERATION, reply, 'EX', REMEMBER)
  return reply
end

-- include lib/forecast.lua
-- include lib/queues.lua
-- include lib/agents.lua
-- include lib/matching.lua
-- include lib/story.lua
-- include lib/lines.lua
-- include lib/calls.lua
