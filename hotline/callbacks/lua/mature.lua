-- Time passes: promises whose moment has come are due, earliest first, and those whose holder has fallen silent before
-- the customer's phone was rung are due again. MOST of each at a time.
-- KEYS  1 prefix of every key
-- ARGV  1 now
-- Answers how many moved and whether there are more (0 or 1). Who is silent while the customer's phone rings is left to
-- hotline.placing.reaper, which can ask the PBX.
-- include lib/promises.lua
local MOST = 200

-- One whose fields are gone: what is left of it would be met again and again.
local function forget(id)
  for state in pairs(OPEN) do redis.call('ZREM', P .. 'promises:' .. state, id) end
  redis.call('ZREM', P .. 'asked-at', id)
  redis.call('ZREM', P .. 'leases', id)
end

local moved, more = 0, 0

for _, state in ipairs({ 'captured', 'retry' }) do
  local ripe = redis.call('ZRANGEBYSCORE', P .. 'promises:' .. state, '-inf', ARGV[1], 'LIMIT', 0, MOST)
  for _, id in ipairs(ripe) do
    local promise = load(id)
    if promise then become(promise, 'due', ARGV[1]) else forget(id) end
  end
  moved = moved + #ripe
  if #ripe == MOST then more = 1 end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'leases', '-inf', ARGV[1], 'LIMIT', 0, MOST)) do
  local promise = load(id)
  if not promise then
    forget(id)
  elseif promise.state == 'offered' then
    set(promise, 'claim', '')
    become(promise, 'due', ARGV[1])
    moved = moved + 1
  end
end
return cjson.encode({ moved = moved, more = more })
