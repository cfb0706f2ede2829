-- How long a queue's callers will wait: QLm with measured rates. Reads only; needs NOW.
-- A caller with n others ahead waits for n + 1 departures from the line. While i stand ahead those come at the rate
-- s·k + i·θ: s agents at work and not paused who serve the queue (no more than its max_calls), k how many of its
-- waiting callers one of them takes per second, θ how fast a waiting caller leaves. So the wait is Σ 1 / (s·k + i·θ).
-- k is measured while callers wait, as callers taken ÷ agent-seconds: agents who serve other queues too, who rest or
-- are slow to answer are in it already. Of that there is little where few wait, so PRIOR more callers are thought of,
-- taken as fast as conversations and wrap-ups end: as if agents served no other queue.
forecast = lazy(function(forecast)
  local LEAST = 4.5 -- conversations, faded, below which no rate is trusted
  local PRIOR = 20
  local REVIEW = 10 -- seconds after which reserve agents are asked about again: rates get worse while nobody is taken
  local EXACT = 32  -- terms of the sum that are added one by one; the rest by the Euler–Maclaurin formula

  -- k and θ; nil when there are too few samples.
  local function rates(queue)
    local grown, handled, handling = figures.growth(queue, NOW), number(queue, 'handled'), number(queue, 'handling')
    if handled < LEAST * grown or handling == 0 then return nil end
    local manned, waited = number(queue, 'manned') + figures.manning(queue), number(queue, 'waited')
    local rate = (number(queue, 'taken') + PRIOR * grown) / (manned + PRIOR * grown * handling / handled)
    return rate, waited > 0 and number(queue, 'left') / waited or 0
  end

  local function sum_of_waits(ahead, rate, leaving)
    if leaving == 0 then return (ahead + 1) / rate end
    local sum, last = 0, math.min(ahead, EXACT)
    for i = 0, last do sum = sum + 1 / (rate + i * leaving) end
    if ahead > last then
      local a, b = rate + (last + 1) * leaving, rate + ahead * leaving
      sum = sum + math.log(b / a) / leaving + (1 / a + 1 / b) / 2 + leaving * (1 / a ^ 2 - 1 / b ^ 2) / 12
    end
    return sum
  end

  -- How long the first in line has waited; nil when nobody stands there, or only `id`, who can't learn from that. Also
  -- answers the first one's arrival.
  function forecast.longest_wait(queue, id)
    local first = redis.call('ZRANGE', key('queue', queue.id), 0, 0)[1]
    local call = first and first ~= id and load('call', first)
    if call then return math.max(0, NOW - tonumber(call.arrival)), tonumber(call.arrival) end
  end

  -- Whether an agent is idle who would get a call of this queue at once. Reserve agents do not count.
  local function someone_idle(queue)
    for _, profile in ipairs(redis.call('HKEYS', P .. 'staff')) do
      local idle = redis.call('EXISTS', key('idle', profile)) == 1
      if idle and redis.call('SISMEMBER', key('queues-for', profile), queue.id) == 1 then return true end
    end
    return false
  end

  -- Seconds until a caller with so many ahead is taken; by QLm, else as long as the first in line has waited (then
  -- also answers that one's arrival). `id` is the caller's, if in line. nil: unknown, as when nobody is at work for it.
  function forecast.wait_behind(queue, ahead, id)
    local staff = figures.capacity(queue)
    if staff == 0 then return nil end
    local rate, leaving = rates(queue)
    if rate then return sum_of_waits(ahead, staff * rate, leaving) end
    return forecast.longest_wait(queue, id)
  end

  -- What somebody would wait who joined now; nil: unknown.
  function forecast.for_a_newcomer(queue)
    local waiting = number(queue, 'waiting')
    if waiting == 0 and figures.room(queue) and someone_idle(queue) then return 0 end
    return (forecast.wait_behind(queue, waiting))
  end

  -- Whether reserve agents get calls of this queue, in which somebody waits. Else also answers when to ask again, since
  -- waiting alone may bring that about. (A moment has six places: half a microsecond may be lacking.)
  function forecast.reserve_called(queue)
    if figures.capacity(queue) == 0 then return true end
    local above = number(queue, 'reserve_above')
    local wait, arrival = forecast.wait_behind(queue, number(queue, 'waiting'))
    if wait and wait + 0.000002 >= above then return true end
    return false, arrival and arrival + above or NOW + REVIEW
  end
end)
