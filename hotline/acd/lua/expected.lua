-- How long a caller will wait: seconds in text, or null where that is unknown. Changes nothing.
-- ARGV  1 now  2 call, or "" for somebody who joined now  3 that one's queue
-- A call that is offered, or talks, waits no more: 0, null.
local NOW, figures, forecast = tonumber(ARGV[1]), nil, nil
-- include lib/keys.lua
-- include lib/figures.lua
-- include lib/forecast.lua
local call, seconds = ARGV[2] ~= '' and load('call', ARGV[2]), nil
if ARGV[2] == '' then
  seconds = forecast.for_a_newcomer(queue_of(ARGV[3]))
elseif call and call.state == 'offered' then
  seconds = 0
elseif call and call.state ~= 'talking' then
  local queue = queue_of(call.queue)
  local ahead = redis.call('ZRANK', key('queue', queue.id), call.id) - number(queue, 'offered')
  seconds = forecast.wait_behind(queue, math.max(0, ahead), call.id)
end
return seconds and string.format('"%.17g"', seconds) or 'null'
