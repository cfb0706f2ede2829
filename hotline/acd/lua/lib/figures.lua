-- A queue's figures as they are. Reads only; needs NOW.
-- Sums that were measured fade: a sample of HALF_LIFE ago counts half. They are kept in units that grow at that pace
-- from `epoch`, so that only new samples cost anything.
figures = { HALF_LIFE = 7200 } -- seconds

-- What a sample of some moment counts, in units of `epoch`.
function figures.growth(queue, moment) return 2 ^ ((moment - number(queue, 'epoch')) / figures.HALF_LIFE) end

-- Whether one more call of the queue may be offered.
function figures.room(queue)
  local most = number(queue, 'max_calls')
  return most == 0 or number(queue, 'offered') + number(queue, 'talking') < most
end

-- Agents who can take a caller of this queue, one at a time each.
function figures.capacity(queue)
  local staff, most = number(queue, 'staff'), number(queue, 'max_calls')
  return most > 0 and math.min(staff, most) or staff
end

-- Agent-seconds since `stamp`, while somebody waits and nothing else changes.
function figures.manning(queue)
  local stamp = number(queue, 'stamp')
  if number(queue, 'waiting') == 0 or NOW <= stamp then return 0 end
  local grown = figures.growth(queue, NOW) - figures.growth(queue, stamp)
  return figures.capacity(queue) * figures.HALF_LIFE / math.log(2) * grown
end
