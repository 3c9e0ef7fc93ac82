import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { peeked, toLookup } from '../../src/cache/redis-replies.js';

const text = fc.string({ unit: 'binary' });
const ms = fc.integer();
const bit = fc.constantFrom(0, 1);
/** Age, TTL, end, fresh, refresh, event id. */
const about = fc.tuple(ms, ms, ms, fc.nat(), bit, text).map((parts) => parts.join('|'));
/** Where one of the numbers is something else. */
const brokenAbout = fc.tuple(about, fc.nat(4), fc.constantFrom('', 'x', '1e3', '0x1', 'NaN')).map(([given, index, part]) => given.split('|').with(index, part).join('|'));
/** Parts that a reply may not have where a text or a number belongs. */
const wrong = fc.oneof(fc.constant(null), fc.constant(undefined), fc.boolean(), fc.array(fc.anything()), fc.object(), fc.bigInt(), fc.constant(new Error('ERR')));

const hit: fc.Arbitrary<unknown[]> = fc.tuple(fc.constant('hit'), text, text, about);
const wait: fc.Arbitrary<unknown[]> = fc.tuple(fc.constant('wait'), ms);
const stale: fc.Arbitrary<unknown[]> = fc.tuple(text, text, about);

describe('toLookup', () => {
  it('reads what the script answers', () => {
    expect(toLookup(['hit', 'version', 'value', '10|50|90|40|1|event|1'], 'g')).toEqual({
      kind: 'hit',
      version: 'version',
      payload: 'value',
      ageMs: 10,
      ttlMs: 50,
      endMs: 90,
      freshMs: 40,
      refresh: true,
      generation: 'g',
      lastEventId: 'event|1',
    });
    expect(toLookup(['hit', '', '', '0|1|1|1|0|'], 'g')).toMatchObject({ kind: 'hit', payload: '', refresh: false, lastEventId: undefined });
    expect(toLookup(['wait', 12], 'g')).toEqual({ kind: 'wait', leaseMs: 12 });
    expect(toLookup(['leased', 0], 'g')).toEqual({ kind: 'leased', takenOver: false, stale: undefined });
    expect(toLookup(['leased', 1, 'version', 'value', '10|-5|30|0|0|'], 'g')).toEqual({
      kind: 'leased',
      takenOver: true,
      stale: { kind: 'hit', version: 'version', payload: 'value', ageMs: 10, ttlMs: -5, endMs: 30, freshMs: 0, refresh: false, generation: 'g', lastEventId: undefined },
    });
    expect(toLookup(1, 'g')).toEqual({ kind: 'same' });
    expect(toLookup(2, 'g')).toEqual({ kind: 'leased', takenOver: false, stale: undefined });
    expect(toLookup(['bypass'], 'g')).toEqual({ kind: 'bypass' });
  });

  it('passes the store by when it does not understand, whatever it is answered, and never throws', () => {
    const nearly = fc.array(fc.oneof(fc.constantFrom('hit', 'wait', 'leased', 'bypass'), text, ms, wrong));
    fc.assert(
      fc.property(fc.oneof(fc.anything(), nearly), (reply) => {
        const lookup = toLookup(reply, 'g');
        const [kind]: unknown[] = Array.isArray(reply) ? reply : [];
        const short = reply === 1 ? 'same' : 'leased';
        expect(['bypass', typeof reply === 'number' ? short : kind]).toContain(lookup.kind);
        const numbers = lookup.kind === 'hit' ? [lookup.ageMs, lookup.ttlMs, lookup.freshMs] : lookup.kind === 'wait' ? [lookup.leaseMs] : [];
        for (const number of numbers) expect(typeof number).toBe('number');
        if (lookup.kind === 'hit') expect([typeof lookup.payload, typeof lookup.refresh]).toEqual(['string', 'boolean']);
      }),
      { numRuns: 1_000 },
    );
  });

  it('passes the store by when one part of a hit or of a wait is not what it should be', () => {
    const broken = fc.oneof(
      fc.tuple(hit, fc.constantFrom(1, 2, 3), wrong).map(([reply, index, part]) => reply.with(index, part)),
      fc.tuple(hit, fc.oneof(text, brokenAbout)).map(([reply, part]) => reply.with(3, part)),
      fc.tuple(hit, fc.nat(3)).map(([reply, length]) => reply.slice(0, length)),
      fc.tuple(wait, fc.oneof(wrong, text)).map(([reply, part]) => reply.with(1, part)),
    );
    fc.assert(fc.property(broken, (reply) => expect(toLookup(reply, 'g')).toEqual({ kind: 'bypass' })));
  });

  it('falls back on nothing that it does not understand, but keeps the lease', () => {
    const broken = fc.tuple(stale, fc.constantFrom(0, 1, 2), wrong).map(([parts, index, part]) => ['leased', 0, ...parts.with(index, part)]);
    fc.assert(fc.property(broken, (reply) => expect(toLookup(reply, 'g')).toEqual({ kind: 'leased', takenOver: false, stale: undefined })));
  });
});

describe('peeked', () => {
  const at = { nowMs: 1_000_000, tag: 'm1.g' };

  it('shows values, leases and the last event, and which of them count', () => {
    const fields = {
      'v:avatars': 'm1.g|token-0|999000|1005000|1006000|1009000',
      'p:avatars': '{"a":"x|y"}\n',
      'v:': 'm0.g|token-9|999000|1005000|1006000|1009000',
      'p:': 'old',
      'l:images': 'm1.g|1000500|token-1',
      'l:avatars': 'm1.h|1000500|token-2',
      i: 'event 7',
    };
    expect(peeked(fields, at)).toEqual([
      { kind: 'value', collection: 'avatars', payload: '{"a":"x|y"}\n', ageMs: 1_000, ttlMs: 6_000, tag: 'm1.g', isCurrent: true },
      { kind: 'value', collection: '', payload: 'old', ageMs: 1_000, ttlMs: 6_000, tag: 'm0.g', isCurrent: false },
      { kind: 'lease', collection: 'images', leaseMs: 500, isCurrent: true },
      { kind: 'lease', collection: 'avatars', leaseMs: 500, isCurrent: false },
      { kind: 'last event', eventId: 'event 7' },
    ]);
  });

  it('leaves out what it cannot read, and never throws', () => {
    expect(peeked({ 'v:avatars': 'garbage', 'p:avatars': 'garbage', 'l:avatars': 'garbage', 'v:a': 'g|t|x|2|3|4', 'p:a': '', 'v:b': 'g|t|1|2|3|4', other: 'm1.g|1|2|3|x' }, at)).toEqual([]);
    fc.assert(fc.property(fc.dictionary(fc.oneof(text, text.map((name) => `p:${name}`), text.map((name) => `v:${name}`), text.map((name) => `l:${name}`)), text), (fields) => void peeked(fields, at)));
  });
});
