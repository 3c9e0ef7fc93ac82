/**
 * The Lua scripts of the Redis store. All but `invalidate` take many keys, which in a cluster are of one slot: a call costs more than what it does.
 *
 * The key is a hash per owner:
 *   `v:<collection>` = `<tag>|<token>|<loaded>|<fresh until>|<expires>|<end>`   the version of a value, `<tag>|<token>|`, and its times; until its end it is a last resort
 *   `p:<collection>` = its payload, which comes and goes with it
 *   `l:<collection>` = `<tag>|<expires>|<token>`                                the lease on loading it; empty: it has ended with a fill
 *   `i`              = the id of the event that has last invalidated something here
 * Times are milliseconds of Redis's own clock, so gateways need not agree on theirs. The key expires with the last of its fields.
 * The tag names the encoding and the generation; what bears another one counts as absent, but every invalidation drops it.
 * The token is that of the load, and no entry has it twice: so no two values of an entry have the same version. What drops `v:` drops the value, whatever else it knows of.
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
local function failed(reply)
  return type(reply) == 'table' and reply.err
end
-- Behind the head of ARGV each key has as many of its own; answers what \`work\` answers for each, but -n for n keys in a row that are answered 1.
local function forEach(head, width, work)
  local replies, ones = {}, 0
  for i = 1, #KEYS do
    local reply = work(KEYS[i], head + (i - 1) * width)
    if reply == 1 then
      ones = ones + 1
    else
      if ones > 0 then replies[#replies + 1] = -ones end
      replies[#replies + 1], ones = reply, 0
    end
  end
  if ones > 0 then replies[#replies + 1] = -ones end
  return replies
end
`;

/**
 * ARGV: lease in ms, tag, maximum of fields, maximum age of the value in ms; per key: `<token>|<known version or nothing>/<collection>`. Without a token the
 * question is only whether the known version is still the value's, whatever its times: 1, or 0. So confirmations go with the reads of their turn.
 * Answers per key 1, when the value is the known one and need not be loaded anew | 2, leased | {'hit', version, payload, about} | {'wait', ms}
 * | {'leased', taken over[, version, payload, about]} | {'bypass'}; about: `<age>|<ttl>|<ms to the end>|<fresh>|<refresh>|<event id>`, one text, because
 * each element of a reply costs its reader as much.
 * A hit is answered also when nothing can be written, so it stays a hit when Redis is full; a lease cannot be had then: bypass.
 */
export const readOrLease = script(`${library}
local leaseMs, tag, maxFields, maxAge, ms = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), now()
return forEach(4, 1, function(key, at)
  local token, known, collection = string.match(ARGV[at + 1], '^([^|]*)|([^/]*)/(.*)$')
  if token == '' then
    local stored = redis.pcall('HGET', key, 'v:' .. collection)
    return type(stored) == 'string' and string.match(stored, '^[^|]*|[^|]*|') == known and 1 or 0
  end
  local fields = redis.pcall('HMGET', key, 'v:' .. collection, 'l:' .. collection, 'i')
  if failed(fields) then return {'bypass'} end
  local stored, lease, event = fields[1], fields[2], fields[3]
  local version, usable, loaded, fresh, expires, finish
  if stored then
    version, usable, loaded, fresh, expires, finish = string.match(stored, '^(([^|]*)|[^|]*|)(%d+)|(%d+)|(%d+)|(%d+)$')
    usable = usable == tag and ms - loaded <= maxAge
    if usable and version == known and tonumber(fresh) > ms then return 1 end
  end
  local leaseTag, leaseExpires = string.match(lease or '', '^([^|]*)|(%d+)|')
  local sameTag = leaseTag == tag
  local held = sameTag and tonumber(leaseExpires) > ms
  local function grant()
    local count = (stored or lease) and 1 or redis.call('HLEN', key)
    if count >= maxFields then
      if failed(redis.pcall('DEL', key)) then return false end
      count = 0
    end
    if failed(redis.pcall('HSET', key, 'l:' .. collection, string.format('%s|%.0f|%s', tag, ms + leaseMs, token))) then return false end
    -- Longer than it lasts: that it was left to expire is worth knowing.
    if count == 0 then redis.call('PEXPIRE', key, 2 * leaseMs) else redis.call('PEXPIRE', key, 2 * leaseMs, 'GT') end
    return true
  end
  local function about(refresh)
    return string.format('%.0f|%.0f|%.0f|%.0f|%d|%s', ms - loaded, expires - ms, finish - ms, math.max(0, fresh - ms), refresh and 1 or 0, event or '')
  end
  if usable and tonumber(expires) > ms then
    local refresh = tonumber(fresh) <= ms and not held and grant()
    return {'hit', version, redis.call('HGET', key, 'p:' .. collection), about(refresh)}
  end
  if held then return {'wait', leaseExpires - ms} end
  local stale = usable and tonumber(finish) > ms and redis.call('HGET', key, 'p:' .. collection)
  if not grant() then return {'bypass'} end
  local takenOver = sameTag and 1 or 0
  if stale then return {'leased', takenOver, version, stale, about(false)} end
  return sameTag and {'leased', takenOver} or 2
end)
`);

/**
 * ARGV: tag; per key: `<token>|<ttl>|<fresh>|<age>|<end>|<collection>` with times in ms, payload. Answers per key 0, or when it is accepted the event id, or 1.
 * The lease ends with the fill, also with one that found no room.
 */
export const fill = script(`${library}
local tag, ms = ARGV[1], now()
return forEach(1, 2, function(key, at)
  local token, ttl, fresh, age, finish, collection = string.match(ARGV[at + 1], '^([^|]*)|(%d+)|(%d+)|(%d+)|(%d+)|(.*)$')
  local fields = redis.pcall('HMGET', key, 'l:' .. collection, 'i')
  if failed(fields) then return 0 end
  local leaseTag, leaseToken = string.match(fields[1] or '', '^([^|]*)|%d+|(.*)$')
  if leaseTag ~= tag or leaseToken ~= token then return 0 end
  local stored = string.format('%s|%s|%.0f|%.0f|%.0f|%.0f', tag, token, ms - age, ms + fresh, ms + ttl, ms + finish)
  if failed(redis.pcall('HSET', key, 'v:' .. collection, stored, 'p:' .. collection, ARGV[at + 2], 'l:' .. collection, '')) then
    redis.call('HDEL', key, 'l:' .. collection)
    return 0
  end
  redis.call('PEXPIRE', key, finish, 'GT')
  return fields[2] or 1
end)
`);

/** ARGV per key: collection, token. */
export const release = script(`${library}
return forEach(0, 2, function(key, at)
  local lease = 'l:' .. ARGV[at + 1]
  local held = redis.pcall('HGET', key, lease)
  if type(held) == 'string' and string.match(held, '^[^|]*|%d+|(.*)$') == ARGV[at + 2] then redis.call('HDEL', key, lease) end
  return 0
end)
`);

/** ARGV: channel, message for the other processes, event id or empty, ms that the id is kept, and the collection unless all are meant. */
export const invalidate = script(`${library}
local key, collection = KEYS[1], ARGV[5]
local known = redis.call('EXISTS', key) == 1
if collection then redis.call('HDEL', key, 'v:' .. collection, 'p:' .. collection, 'l:' .. collection, 'v:', 'p:', 'l:')
else redis.call('UNLINK', key) end
redis.call('PUBLISH', ARGV[1], ARGV[2])
-- Not of owners that nobody reads: most events are of those.
if known and ARGV[3] ~= '' and not failed(redis.pcall('HSET', key, 'i', ARGV[3])) then
  -- Of a key that was left without a field the time is gone with it.
  redis.call('PEXPIRE', key, ARGV[4], 'NX')
  redis.call('PEXPIRE', key, ARGV[4], 'GT')
end
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
