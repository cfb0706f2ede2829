-- The frame of every script that changes something.
-- ARGV[1] operation id · ARGV[2] now · ARGV[3] seconds that a fresh offer is held · then the script's own.
-- An operation id that was seen before gets its first answer again, and nothing changes.
-- include lib/keys.lua
local OPERATION, NOW, HOLD = key('op', ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local REMEMBER = 60        -- seconds that an answer is kept for a retry
local TOMBSTONE = 3600     -- seconds that the end of a call is remembered

local seen = redis.call('GET', OPERATION)
if seen then return seen end

local made, moved = {}, {} -- offers made; agents moved: their names in order, and name → last state
local given_up = {}        -- calls ended because nobody has heard of them: id and last standing
local lapsed = {}          -- offers whose leases ran out

local function moment(seconds) return string.format('%.6f', seconds) end

-- Writes fields, given as name, value, name, value …, to Redis and to the table at once.
local function set(kind, record, ...)
  local fields = { ... }
  for i = 1, #fields, 2 do record[fields[i]] = fields[i + 1] end
  redis.call('HSET', key(kind, record.id), ...)
end

local function answer(applied, call_standing, more)
  local agents = {}
  for i, name in ipairs(moved) do agents[i] = { name, moved[name] } end
  local reply = cjson.encode({
    applied = applied, offers = made, agents = agents, standing = call_standing or { state = 'unknown' }, more = more,
    given_up = given_up, lapsed = lapsed,
  })
  redis.call('SET', OPERATION, reply, 'EX', REMEMBER)
  return reply
end

-- include lib/agents.lua
-- include lib/calls.lua
