-- Lines: who waits behind whom, and for whom. A line is a sorted set of calls by virtual arrival: one for each class,
-- and one for each class and agent for whom alone its calls wait.
lines = {}
do
  -- Whether `a` sorts before `b` as Redis sorts members: by bytes, whatever the locale.
  function lines.before(a, b)
    for i = 1, math.min(#a, #b) do
      local x, y = a:byte(i), b:byte(i)
      if x ~= y then return x < y end
    end
    return #a < #b
  end

  -- The order of { number, text }.
  function lines.earlier(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return lines.before(a[2], b[2])
  end

  -- The first of a line as { virtual arrival, id }, or nil.
  function lines.head(line)
    local head = redis.call('ZRANGE', key('waiting', line), 0, 0, 'WITHSCORES')
    return head[1] and { tonumber(head[2]), head[1] }
  end

  function lines.name(call) return call.class .. call.last end

  function lines.know(class, queue)
    if redis.call('SADD', P .. 'classes', class) == 1 then classes.add(class, queue) end
  end

  function lines.leave(call)
    redis.call('ZREM', key('waiting', lines.name(call)), call.id)
    if call.deadline ~= '' then
      redis.call('ZREM', P .. 'due', 'call:' .. call.id)
      set('call', call, 'deadline', '')
    end
    if call.last ~= '' then moves.left_alone(call) end
  end

  local function enter(call)
    redis.call('ZADD', key('waiting', lines.name(call)), call.virtual, call.id)
    if call.deadline ~= '' then redis.call('ZADD', P .. 'due', call.deadline, 'call:' .. call.id) end
    if call.last ~= '' then moves.entered_alone(call) end
  end

  -- The one place where a call's state changes: its line, and the queue's figures, follow. "" and "ended": no state.
  function lines.turn(call, state)
    local was, queue = call.state, queue_of(call.queue)
    queues.touch(queue)
    if was == 'waiting' and state ~= was then lines.leave(call) end
    if was == 'lost' then redis.call('ZREM', P .. 'due', 'call:' .. call.id) end
    if was ~= state then
      if was ~= '' and was ~= 'lost' then queues.count(queue, was, -1) end
      if state ~= 'ended' and state ~= 'lost' then queues.count(queue, state, 1) end
    end
    set('call', call, 'state', state)
    if state == 'waiting' then
      set('call', call, 'agent', '', 'token', '')
      enter(call)
    end
  end
end
