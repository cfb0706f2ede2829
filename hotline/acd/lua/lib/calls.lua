-- Calls: their answer and their end.
calls = {}
do
  local REMEMBER_AGENT = 604800 -- seconds that a caller's last agent is known: a week

  -- How long a caller who had to wait did so, and what they are counted as then, "taken" by an agent or "left" (nil:
  -- as neither): for the forecast.
  function calls.note_wait(call, as)
    if call.stood == '' then return end
    local queue, waited = queue_of(call.queue), NOW - tonumber(call.joined ~= '' and call.joined or call.arrival)
    if waited > 0 then queues.sample(queue, 'waited', waited) end
    if as then queues.sample(queue, as, 1) end
  end

  -- The call has a conversation, or ends: it stands in line no more.
  function calls.out_of_line(call, state)
    lines.turn(call, state)
    redis.call('ZREM', key('queue', call.queue), call.id)
  end

  -- The end of a call, with its one reason. Frees no agent.
  function calls.finish(call, reason)
    local in_line = call.state ~= 'talking'
    -- in the place of one who will be called back there is a virtual caller: nobody has left the line
    if in_line and reason ~= 'served' then calls.note_wait(call, reason ~= 'callback' and 'left' or nil) end
    lines.turn(call, 'ended')
    if in_line then redis.call('ZREM', key('queue', call.queue), call.id) end
    tell(call, 'left', { why = reason })
    drop('call', call)
    redis.call('SREM', P .. 'calls', call.id)
    redis.call('SET', key('ended', call.id), reason, 'EX', TOMBSTONE)
  end

  -- The end of a call of which nobody knows more. Frees no agent.
  function calls.give_up(call)
    table.insert(news.given_up, { call.id, standing(call.id) })
    calls.finish(call, 'lost')
  end

  -- Whether `name` holds the call by `token`; anything older or foreign is fenced off.
  function calls.held_by(call, name, token) return call and call.agent == name and call.token == token end

  -- A conversation is over: the call was served, the agent wraps up.
  function calls.hang_up(call)
    local agent, seconds = load('agent', call.agent), number(call, 'wrap_up')
    if call.state == 'talking' then
      local queue = queue_of(call.queue)
      queues.sample(queue, 'handled', 1)
      queues.sample(queue, 'handling', math.max(0, NOW - tonumber(call.answered)) + seconds)
    end
    calls.finish(call, 'served')
    if not agent then return end -- somebody deleted the hash
    -- the caller of a callback has its own name: for whom that waits is for staff to say
    if call.caller ~= '' and call.caller ~= call.id then
      redis.call('SET', key('last', call.caller), agent.id, 'EX', REMEMBER_AGENT)
    end
    if agent.max_in_row ~= '' then set('agent', agent, 'row', number(agent, 'row') + 1) end
    agents.release(agent, function()
      if seconds > 0 then
        agents.become(agent, 'wrap-up', { deadline = moment(NOW + seconds) })
      else
        agents.rest_or_free(agent, moment(NOW))
      end
    end)
  end
end
