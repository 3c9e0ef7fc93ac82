/**
 * What Redis answers, as the contract of the store has it. What is not understood of a read is a bypass.
 * The replies of reads are checked by hand: they are on the way of every read.
 */
import type { Filled, Hit, Lookup } from './cache-store.js';
import type { DataSet } from './redis-calls.js';

const same: Lookup = { kind: 'same' };
const leased: Lookup = { kind: 'leased', takenOver: false, stale: undefined };

/** `generation`: of the server that has answered. */
export function toLookup(reply: unknown, generation: string): Lookup {
  if (reply === 1) return same;
  if (reply === 2) return leased;
  const [kind, ...parts]: unknown[] = Array.isArray(reply) ? reply : [];
  if (kind === 'hit') {
    const found = toHit(parts, generation);
    if (found) return found;
  } else if (kind === 'wait') {
    const [leaseMs] = parts;
    if (typeof leaseMs === 'number') return { kind, leaseMs };
  } else if (kind === 'leased') {
    const [takenOver, ...stale] = parts;
    return { kind, takenOver: takenOver === 1, stale: toHit(stale, generation) };
  }
  return { kind: 'bypass' };
}

/** Age, TTL, end, fresh, refresh, event id. */
const about = /^(-?\d{1,15})\|(-?\d{1,15})\|(-?\d{1,15})\|(\d{1,15})\|([01])\|(.*)$/s;

function toHit([version, payload, text]: readonly unknown[], generation: string): Hit | undefined {
  const said = typeof text === 'string' ? about.exec(text) : null;
  if (!said || typeof version !== 'string' || typeof payload !== 'string') return undefined;
  return {
    kind: 'hit',
    version,
    payload,
    ageMs: Number(said[1]),
    ttlMs: Number(said[2]),
    endMs: Number(said[3]),
    generation,
    lastEventId: said[6] || undefined,
    freshMs: Number(said[4]),
    refresh: said[5] === '1',
  };
}

/** Of a fill by this load; undefined: it was not accepted. */
export function toFilled(reply: unknown, { generation, tag }: DataSet, token: string): Filled | undefined {
  if (reply !== 1 && typeof reply !== 'string') return undefined;
  return { version: `${tag}|${token}|`, generation, lastEventId: reply === 1 ? undefined : reply };
}

/** What an operator is shown of an entry. Times are milliseconds. */
export type Peeked =
  /** `isCurrent`: of this format and generation, others are misses. */
  | { readonly kind: 'value'; readonly collection: string; readonly payload: string; readonly ageMs: number; readonly ttlMs: number; readonly tag: string; readonly isCurrent: boolean }
  | { readonly kind: 'lease'; readonly collection: string; readonly leaseMs: number; readonly isCurrent: boolean }
  | { readonly kind: 'last event'; readonly eventId: string };

/** The fields of an owner's hash (redis-scripts.ts); those that cannot be read are left out. */
export function peeked(fields: Readonly<Record<string, string>>, { nowMs, tag: ownTag }: { nowMs: number; tag: string }): Peeked[] {
  return Object.entries(fields).flatMap(([field, text]): Peeked[] => {
    if (field === 'i') return [{ kind: 'last event', eventId: text }];
    const collection = field.slice(2);
    const [tag = '', ...parts] = text.split('|');
    const isCurrent = tag === ownTag;
    const [, loaded, , expires] = parts.map(Number);
    const payload = fields[`p:${collection}`];
    if (field.startsWith('v:') && loaded !== undefined && expires !== undefined && Number.isFinite(loaded + expires) && payload !== undefined) {
      return [{ kind: 'value', collection, payload, ageMs: Math.round(nowMs - loaded), ttlMs: Math.round(expires - nowMs), tag, isCurrent }];
    }
    const leaseMs = Math.round(Number(parts[0]) - nowMs);
    return field.startsWith('l:') && Number.isFinite(leaseMs) ? [{ kind: 'lease', collection, leaseMs, isCurrent }] : [];
  });
}
