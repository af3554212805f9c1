import { createHash } from 'node:crypto';

/** A Lua script, run by its hash and, where the server doesn't have it (after a restart, say), by its text. */
export interface Script {
  text: string;
  hash: string;
}

const script = (text: string): Script => ({ text, hash: createHash('sha1').update(text).digest('hex') });

/**
 * Leases are `asOf:id:fingerprint`. KEYS: leases. ARGV for each: lease text, lifetime ms, asOf that is new enough,
 * fingerprint. Gives 1, or the lease that is held, for each.
 */
const ACQUIRE = `
local taken = {}
for i = 1, #KEYS do
  local at = 4 * i - 3
  local held = redis.call('GET', KEYS[i])
  if held then
    local asOf, fingerprint = string.match(held, '^(%d+):[^:]*:(.*)$')
    if not asOf or tonumber(asOf) < tonumber(ARGV[at + 2]) or fingerprint ~= ARGV[at + 3] then held = false end
  end
  if not held then redis.call('SET', KEYS[i], ARGV[at], 'PX', ARGV[at + 1]) end
  taken[i] = held or 1
end
return taken`;

/** KEYS: lease. ARGV: lease text, lifetime ms. */
const EXTEND = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/**
 * KEYS: entry, lease, entry, lease, … ARGV: channel, message, all frames in one, then for each entry: the frame's
 * length, lifetime ms, lease text ('' to store in any case). Gives 1 or 0 for each.
 */
const STORE = `
local call, sub, frames = redis.call, string.sub, ARGV[3]
local stored, ended, from = {}, {}, 1
for i = 1, #KEYS / 2 do
  local lease, at = KEYS[2 * i], 3 * i + 1
  local past, text = from + tonumber(ARGV[at]), ARGV[at + 2]
  if text ~= '' and call('GET', lease) ~= text then
    stored[i] = 0
  else
    call('SET', KEYS[2 * i - 1], sub(frames, from, past - 1), 'PX', ARGV[at + 1])
    stored[i], ended[#ended + 1] = 1, lease
  end
  from = past
end
if #ended > 0 then
  call('DEL', unpack(ended))
  call('PUBLISH', ARGV[1], ARGV[2])
end
return stored`;

/** KEYS: lease. ARGV: lease text, channel, message. */
const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1`;

/** KEYS: entry, lease, entry, lease, … ARGV: channel, message. Gives how many entries there were. */
const REMOVE = `
local removed = 0
for i = 1, #KEYS, 2 do
  removed = removed + redis.call('UNLINK', KEYS[i])
  redis.call('UNLINK', KEYS[i + 1])
end
redis.call('PUBLISH', ARGV[1], ARGV[2])
return removed`;

/**
 * The frame's layout is entry.ts's: codec at byte 2, asOf at 3, freshUntil at 19, meta's length at 39, payload
 * after byte 42 + that length. KEYS: entry, lease. ARGV: by, clearedAt, now, header of a new counter, lifetime ms,
 * channel, message. Gives the new value as text, or the reason why not.
 */
const INCREMENT = `
local held = redis.pcall('GET', KEYS[1])
if type(held) == 'table' then held = false end -- a key of another type: nothing of ours, to be replaced
local header, number, isNew = ARGV[4], '0', true
if held and #held >= 42 and string.byte(held, 1) == 247 then
  local asOf, freshUntil = struct.unpack('>d', held, 3), struct.unpack('>d', held, 19)
  if asOf >= tonumber(ARGV[2]) and freshUntil > tonumber(ARGV[3]) then
    local meta = struct.unpack('>I4', held, 39)
    if meta > 0 then return 'tagged' end
    header, number, isNew = string.sub(held, 1, 42), string.sub(held, 43), false
    if string.byte(held, 2) ~= 0 or not string.match(number, '^%-?%d+$') or #number > 17 then
      return 'not an integer'
    end
  end
end
local value = tonumber(number) + tonumber(ARGV[1])
local limit = 9007199254740991
if math.abs(tonumber(number)) > limit or math.abs(value) > limit then return 'unsafe' end
local text = string.format('%.0f', value)
if isNew then
  redis.call('SET', KEYS[1], header .. text, 'PX', ARGV[5])
else
  redis.call('SET', KEYS[1], header .. text, 'KEEPTTL')
end
redis.call('DEL', KEYS[2])
redis.call('PUBLISH', ARGV[6], ARGV[7])
return text`;

/**
 * A registry without its clock was lost: everything older than now is cleared, since nobody knows what was stamped,
 * and all processes are told to start anew, since the clock may have gone back.
 */
const SEED = `
local function seed(channel)
  local time = redis.call('TIME')
  local now = string.format('%.0f', time[1] * 1000000 + time[2])
  redis.call('ZADD', KEYS[1], now, '#', now, '*')
  redis.call('PUBLISH', channel, cjson.encode({ r = now }))
  return now
end
`;

/** KEYS: registry. ARGV: channel, tags. Gives the clock and each tag's stamp ('' for none), as text. */
const STAMPS = `${SEED}
local clock = redis.call('ZSCORE', KEYS[1], '#')
if not clock then clock = seed(ARGV[1]) end
local reply = { clock }
for i = 2, #ARGV do reply[i] = redis.call('ZSCORE', KEYS[1], ARGV[i]) or '' end
return reply`;

/**
 * KEYS: registry. ARGV: channel, id of the sender, longest life of any entry in ms, tags. A stamp older than the
 * longest life concerns nothing that still lives.
 */
const INVALIDATE = `${SEED}
local clock = redis.call('ZSCORE', KEYS[1], '#')
if not clock then clock = seed(ARGV[1]) end
local time = redis.call('TIME')
local stamp = math.max(time[1] * 1000000 + time[2], tonumber(clock) + 1)
local text = string.format('%.0f', stamp)
local tags = {}
redis.call('ZADD', KEYS[1], text, '#')
for i = 4, #ARGV do
  redis.call('ZADD', KEYS[1], text, ARGV[i])
  tags[i - 3] = ARGV[i]
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', stamp - tonumber(ARGV[3]) * 1000))
redis.call('PUBLISH', ARGV[1], cjson.encode({ i = ARGV[2], s = text, t = tags }))
return text`;

export const scripts = {
  acquire: script(ACQUIRE),
  extend: script(EXTEND),
  store: script(STORE),
  release: script(RELEASE),
  remove: script(REMOVE),
  increment: script(INCREMENT),
  stamps: script(STAMPS),
  invalidate: script(INVALIDATE),
};
