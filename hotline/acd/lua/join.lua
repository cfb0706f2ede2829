-- A call joins a queue, or its session comes back.
-- ARGV  5 call  6 queue  7 the same in JSON  8 needs in JSON  9 site in JSON  10 arrival  11 virtual arrival
--       12 wrap-up seconds  13 the queue's rules (JSON, see queues.rules)  14 channel  15 pbx  16 "force" or ""
--       17 caller or ""  18 limits: "" or most callers, longest expected wait, and for the overflow callers and wait
-- Known: place, arrival and offer stay, the channel is noted; applied only if its session had been lost. What it needs
-- is what the rules of now say, so that nobody waits for a skill that a new configuration calls otherwise.
-- Ended by the caller's hanging up: not applied, a late join brings nobody back, unless forced by a session that has
-- heard of the caller since. Ended otherwise: joins anew. Over a limit (0 is none): not applied, the standing says
-- "overflow", "full" or "too-long".
-- include lib/change.lua
local id, channel, pbx = ARGV[5], ARGV[14], ARGV[15]
local call, queue = load('call', id), queue_of(ARGV[6])
local function learn()
  if queue.text ~= ARGV[13] then queues.renew(queue, ARGV[13]) end
end

-- The class by the rules of now, and what it is made of, where that may change.
local function wanted()
  local mine = queue.own_site ~= '' and ARGV[9] or '""'
  local moves = queue.steps ~= '' or mine ~= '""'
  return { class = '[' .. ARGV[7] .. ',' .. ARGV[8] .. ',' .. mine .. ']', site = mine ~= '""' and mine or '',
    needs = moves and ARGV[8] or '', quoted = moves and ARGV[7] or '' }
end

local function need(new)
  set('call', call, 'class', new.class, 'site', new.site, 'needs', new.needs, 'quoted', new.quoted, 'step', '')
  lines.know(new.class, queue)
end

if call then
  local revived, new = call.state == 'lost', nil
  set('call', call, 'channel', channel, 'pbx', pbx)
  if call.queue == queue.id and call.state ~= 'talking' then
    learn()
    new = wanted()
    new = (call.needs ~= new.needs or new.needs == '' and call.class ~= new.class) and new
  end
  if revived then tell(call, 'back') end
  if new then
    if call.state == 'waiting' then lines.leave(call) end
    need(new)
    tell(call, 'new rules', { needs = ARGV[8] })
  end
  if revived or new and call.state == 'waiting' then meetings.wait(call) end
  return answer(revived, id)
end
local ended = redis.call('GET', key('ended', id))
if ended == 'abandoned' and ARGV[16] ~= 'force' then return answer(false, id) end

learn()

local function refused(limits)
  local most, longest, spill, spill_wait = limits:match('^(%S+) (%S+) (%S+) (%S+)$')
  most, longest, spill, spill_wait = tonumber(most), tonumber(longest), tonumber(spill), tonumber(spill_wait)
  local length = redis.call('ZCARD', key('queue', queue.id))
  local wait = 0 -- where it is unknown, as long as others have waited already
  if longest > 0 or spill_wait > 0 then
    wait = forecast.for_a_newcomer(queue) or forecast.longest_wait(queue) or 0
  end
  if spill > 0 and length >= spill or spill_wait > 0 and wait > spill_wait then return 'overflow' end
  if most > 0 and length >= most then return 'full' end
  if longest > 0 and wait > longest then return 'too-long' end
end
local state = ARGV[18] ~= '' and refused(ARGV[18])
if state then return answer(false, { state = state }) end

if ended then redis.call('DEL', key('ended', id)) end
call = create('call', id)
redis.call('SADD', P .. 'calls', id)
redis.call('ZADD', key('queue', queue.id), ARGV[11], id)
set('call', call, 'queue', queue.id, 'arrival', ARGV[10], 'virtual', ARGV[11], 'channel', channel, 'pbx', pbx)
if NOW > tonumber(call.arrival) then set('call', call, 'joined', moment(NOW)) end -- it has waited elsewhere
local new = wanted()
need(new)
if ARGV[12] ~= '0' then set('call', call, 'wrap_up', ARGV[12]) end
if ARGV[17] ~= '' then
  set('call', call, 'caller', ARGV[17])
  if queue.sticky ~= '' then set('call', call, 'last', redis.call('GET', key('last', ARGV[17])) or '') end
end
tell(call, 'joined', { queue = queue.id, needs = ARGV[8], site = new.site ~= '' and new.site or nil, since = ARGV[10],
  ahead = number(queue, 'waiting') })
meetings.wait(call)
return answer(true, id)
