/**
 * The Lua scripts of the Redis store. Each touches one key, so that a batch of them is one pipeline on any topology.
 *
 * The key is a hash per owner with two fields per collection:
 *   `v:<collection>` = `<format>|<filled>|<expires>|<payload>`   the value
 *   `l:<collection>` = `<expires>|<token>`                       the lease on loading it
 * Times are milliseconds of Redis's own clock, so gateways need not agree on theirs. The key expires with the last of its fields.
 */

const library = `
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function keepFor(key, ms)
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms) end
end
local function holds(lease, token)
  return lease and string.match(lease, '^%d+|(.*)$') == token
end
`;

/**
 * ARGV: collection, token, lease in ms, format, maximum of fields, maximum age of the value in ms.
 * Answers {'hit', payload} | {'wait', ms} | {'leased'} | {'bypass'}.
 * A hit is answered before anything is written, so it stays a hit when Redis is full or read-only; then a lease cannot be had: bypass.
 */
export const readOrLeaseScript = `${library}
local key, collection = KEYS[1], ARGV[1]
local ms = now()
local value = redis.call('HGET', key, 'v:' .. collection)
if value then
  local format, filled, expires, at = string.match(value, '^([^|]*)|(%d+)|(%d+)|()')
  if format == ARGV[4] and tonumber(expires) > ms and ms - filled <= tonumber(ARGV[6]) then return {'hit', string.sub(value, at)} end
end
local lease = redis.call('HGET', key, 'l:' .. collection)
local expires = lease and tonumber(string.match(lease, '^%d+') or 0)
if expires and expires > ms then return {'wait', expires - ms} end
if not value and not lease and redis.call('HLEN', key) >= tonumber(ARGV[5]) then redis.call('DEL', key) end
local granted = redis.pcall('HSET', key, 'l:' .. collection, string.format('%.0f|%s', ms + ARGV[3], ARGV[2]))
if type(granted) == 'table' and granted.err then return {'bypass'} end
keepFor(key, tonumber(ARGV[3]))
return {'leased'}
`;

/** ARGV: collection, token, format, ttl in ms, payload. Answers 1 when accepted. The lease ends with the fill, also with one that found no room. */
export const fillScript = `${library}
local key, collection = KEYS[1], ARGV[1]
if not holds(redis.call('HGET', key, 'l:' .. collection), ARGV[2]) then return 0 end
redis.call('HDEL', key, 'l:' .. collection)
local ms = now()
local stored = redis.pcall('HSET', key, 'v:' .. collection, string.format('%s|%.0f|%.0f|', ARGV[3], ms, ms + ARGV[4]) .. ARGV[5])
if type(stored) == 'table' and stored.err then return 0 end
keepFor(key, tonumber(ARGV[4]))
return 1
`;

/** ARGV: collection, token. */
export const releaseScript = `${library}
if holds(redis.call('HGET', KEYS[1], 'l:' .. ARGV[1]), ARGV[2]) then redis.call('HDEL', KEYS[1], 'l:' .. ARGV[1]) end
return 0
`;
