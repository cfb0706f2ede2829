-- Queues: how many of their calls are in which state, what is measured for the forecast, and their rules.
queues = {}
do
  local touched = {} -- queues whose figures this script changed, in order

  function queues.touch(queue)
    if not touched[queue] then touched[queue], touched[#touched + 1] = true, queue end
  end

  -- What a sample of now counts. Once in a thousand hours the unit of the sums is made anew, before numbers end: also
  -- after months without any caller, when even that number has no end.
  local function growth(queue)
    local grown = queue.epoch == '' and 1 or figures.growth(queue, NOW)
    if queue.epoch ~= '' and grown < 2 ^ 500 then return grown end
    for _, sum in ipairs({ 'taken', 'manned', 'handled', 'handling', 'left', 'waited' }) do
      if queue[sum] ~= '' then set('rules', queue, sum, number(queue, sum) / grown) end
    end
    set('rules', queue, 'epoch', NOW)
    return 1
  end

  -- The agent-seconds up to now, before the staff changes or the line is empty.
  local function accrue(queue)
    if number(queue, 'waiting') == 0 or NOW <= number(queue, 'stamp') then return end
    set('rules', queue, 'manned', number(queue, 'manned') + figures.manning(queue), 'stamp', NOW)
  end

  -- So many more (or less) waiting, offered, talking, or on the staff.
  function queues.count(queue, what, more)
    if more == 0 then return end
    queues.touch(queue)
    local before = number(queue, what)
    if what == 'staff' or what == 'waiting' and before + more == 0 then
      accrue(queue)
    elseif what == 'waiting' and before == 0 then
      growth(queue)
      set('rules', queue, 'stamp', NOW)
    end
    set('rules', queue, what, before + more)
  end

  -- Adds to a sum that fades.
  function queues.sample(queue, sum, value)
    local grown = growth(queue)
    set('rules', queue, sum, number(queue, sum) + value * grown)
  end

  -- Whether a rule may keep a call of this queue waiting while an able agent is idle.
  function queues.conditional(queue) return queue.max_calls ~= '' or queue.reserve_above ~= '' end

  -- At the end of a script: queues with conditions, of which it changed anything, by name.
  function queues.settle()
    table.sort(touched, function(a, b) return lines.before(a.id, b.id) end)
    for _, queue in ipairs(touched) do
      if queues.conditional(queue) then conditions.fill(queue) end
    end
  end

  -- The queue's rules as hotline.acd.wire writes them, in their order.
  function queues.rules(queue)
    local weight, choice, widen, sticky, own_site, max_calls, reserve_above, miss_limit, delays, needs =
      unpack(cjson.decode(queue.text))
    return {
      weight = weight, choice = choice, widen = widen, sticky = sticky, own_site = own_site, max_calls = max_calls,
      reserve_above = reserve_above, miss_limit = miss_limit, delays = delays, needs = needs,
    }
  end

  -- New rules: those fields that are asked for often stand by themselves, where they say anything.
  function queues.renew(queue, text)
    accrue(queue)
    queues.touch(queue)
    set('rules', queue, 'text', text)
    local rules = queues.rules(queue)
    local function plain(value, default) return value ~= default and value or '' end
    set('rules', queue, 'weight', plain(rules.weight, 1), 'choice', plain(rules.choice, 'longest-idle'),
      'steps', plain(#rules.widen, 0), 'sticky', plain(rules.sticky, 0), 'own_site', plain(rules.own_site, 0),
      'max_calls', plain(rules.max_calls, 0), 'reserve_above', plain(rules.reserve_above, 0))
    classes.connect_again(queue)
    conditions.fill(queue)
  end
end
