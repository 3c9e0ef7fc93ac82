/**
 * The Lua scripts of the Redis store. Each but `confirm` touches one key, so that a batch of them is one pipeline on any topology.
 *
 * The key is a hash per owner:
 *   `v:<collection>` = `<tag>|<loaded>|<fresh until>|<expires>|<end>|<payload>`   the value; until its end it is a last resort
 *   `n:<collection>` = `<tag>|<token>`                                           its version: the token of its load, which is never used again
 *   `l:<collection>` = `<tag>|<expires>|<token>`                                 the lease on loading it
 *   `i`              = the id of the event that has last invalidated something here
 * Times are milliseconds of Redis's own clock, so gateways need not agree on theirs. The key expires with the last of its fields.
 * The tag names the encoding and the generation; what bears another one counts as absent, but every invalidation drops it.
 */
import { createHash } from 'node:crypto';

export interface Script {
  readonly source: string;
  readonly sha: string;
}

const script = (source: string): Script => ({ source, sha: createHash('sha1').update(source).digest('hex') });

const library = `
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function keepFor(key, ms)
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms) end
end
local function failed(reply)
  return type(reply) == 'table' and reply.err
end
`;

/**
 * ARGV: collection, token, lease in ms, tag, maximum of fields, maximum age of the value in ms.
 * Answers {'hit', version, payload, age, ttl, end, event id, fresh, refresh} | {'wait', ms} | {'leased', taken over[, version, payload, age, ttl, end, event id]} | {'bypass'}.
 * A hit is answered also when nothing can be written, so it stays a hit when Redis is full; a lease cannot be had then: bypass.
 */
export const readOrLease = script(`${library}
local key, collection, tag = KEYS[1], ARGV[1], ARGV[4]
local ms = now()
local value, lease, event, version = unpack(redis.call('HMGET', key, 'v:' .. collection, 'l:' .. collection, 'i', 'n:' .. collection))
local usable, loaded, fresh, expires, finish, at
if value then
  usable, loaded, fresh, expires, finish, at = string.match(value, '^([^|]*)|(%d+)|(%d+)|(%d+)|(%d+)|()')
  usable = usable == tag and ms - loaded <= tonumber(ARGV[6])
end
local leaseTag, leaseExpires = string.match(lease or '', '^([^|]*)|(%d+)|')
local sameTag = leaseTag == tag
local held = sameTag and tonumber(leaseExpires) > ms
local function grant()
  if not value and not lease and redis.call('HLEN', key) >= tonumber(ARGV[5]) then redis.call('DEL', key) end
  if failed(redis.pcall('HSET', key, 'l:' .. collection, string.format('%s|%.0f|%s', tag, ms + ARGV[3], ARGV[2]))) then return false end
  -- Longer than it lasts: that it was left to expire is worth knowing.
  keepFor(key, 2 * ARGV[3])
  return true
end
if usable and tonumber(expires) > ms then
  local refresh = tonumber(fresh) <= ms and not held and grant()
  return {'hit', version or '', string.sub(value, at), ms - loaded, expires - ms, finish - ms, event or '', math.max(0, fresh - ms), refresh and 1 or 0}
end
if held then return {'wait', leaseExpires - ms} end
if not grant() then return {'bypass'} end
local takenOver = sameTag and 1 or 0
if usable and tonumber(finish) > ms then return {'leased', takenOver, version or '', string.sub(value, at), ms - loaded, expires - ms, finish - ms, event or ''} end
return {'leased', takenOver}
`);

/** ARGV: per key its collection and a version. The payloads are not looked at: to bring them into Lua would take most of the time. Answers the numbers of the keys, from 1, that have another value or none. In a cluster, all keys are of one slot. */
export const confirm = script(`
local call, others = redis.call, {}
for i = 1, #KEYS do
  if call('HGET', KEYS[i], 'n:' .. ARGV[2 * i - 1]) ~= ARGV[2 * i] then others[#others + 1] = i end
end
return others
`);

/** ARGV: collection, token, tag, ms of ttl, fresh, age and end, payload. Answers 1 when accepted. The lease ends with the fill, also with one that found no room. */
export const fill = script(`${library}
local key, collection, tag = KEYS[1], ARGV[1], ARGV[3]
local leaseTag, token = string.match(redis.call('HGET', key, 'l:' .. collection) or '', '^([^|]*)|%d+|(.*)$')
if leaseTag ~= tag or token ~= ARGV[2] then return 0 end
redis.call('HDEL', key, 'l:' .. collection)
local ms = now()
local value = string.format('%s|%.0f|%.0f|%.0f|%.0f|', tag, ms - ARGV[6], ms + ARGV[5], ms + ARGV[4], ms + ARGV[7]) .. ARGV[8]
if failed(redis.pcall('HSET', key, 'v:' .. collection, value, 'n:' .. collection, tag .. '|' .. token)) then return 0 end
keepFor(key, tonumber(ARGV[7]))
return 1
`);

/** ARGV: collection, token. */
export const release = script(`
local lease = 'l:' .. ARGV[1]
if string.match(redis.call('HGET', KEYS[1], lease) or '', '^[^|]*|%d+|(.*)$') == ARGV[2] then redis.call('HDEL', KEYS[1], lease) end
return 0
`);

/** ARGV: channel, message for the other processes, event id or empty, ms that the id is kept, and the collection unless all are meant. */
export const invalidate = script(`${library}
local key, collection = KEYS[1], ARGV[5]
local known = redis.call('EXISTS', key) == 1
if collection then redis.call('HDEL', key, 'v:' .. collection, 'n:' .. collection, 'l:' .. collection, 'v:', 'n:', 'l:')
else redis.call('UNLINK', key) end
redis.call('PUBLISH', ARGV[1], ARGV[2])
-- Not of owners that nobody reads: most events are of those.
if known and ARGV[3] ~= '' and not failed(redis.pcall('HSET', key, 'i', ARGV[3])) then keepFor(key, tonumber(ARGV[4])) end
return 1
`);

/**
 * Who this server is: its role, and what changes with every start (run_id) and with every promotion (master_replid).
 * run_id alone would not do: a server that was demoted and promoted again, without a restart, has the same one, but may have lost writes in between.
 */
export const identify = script(`
local replication = redis.call('INFO', 'replication')
local run, term = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'), string.match(replication, 'master_replid:(%x+)')
return {string.match(replication, 'role:(%a+)'), string.sub(run, 1, 10) .. string.sub(term, 1, 10)}
`);
