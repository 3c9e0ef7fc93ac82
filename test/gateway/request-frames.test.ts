import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RequestFrames } from '../../src/gateway/hot-lane/request-frames.js';
import type { RingKey } from '../../src/runtime/text-ring.js';

function text(key: RingKey): string {
  return `${key.space} ${Buffer.from(key.bytes.subarray(key.start, key.end)).toString('latin1')}`;
}

function body(query: string, variables: unknown): Buffer {
  return Buffer.from(JSON.stringify({ query, variables }));
}

/** Texts of the pieces that decide where a frame ends. */
const request = fc
  .array(fc.constantFrom('"variables":', '{', '}', '"a"', 'x', ','), { maxLength: 8 })
  .map((pieces) => Buffer.from(pieces.join('')));

describe('frames of requests', () => {
  it('have the same key for the same bytes only', () => {
    fc.assert(
      fc.property(fc.array(request, { maxLength: 30 }), (requests) => {
        const frames = new RequestFrames();
        const seen = new Map<string, string>();
        for (const each of requests) {
          const keys = [frames.find(each), frames.make(each), frames.find(each)];
          expect(keys[2]).toBeDefined();
          for (const key of keys) {
            if (!key) continue;
            expect(seen.get(text(key)) ?? each.toString()).toBe(each.toString());
            seen.set(text(key), each.toString());
          }
        }
      }),
    );
  });

  it('are the same for requests that differ in their variables, wherever those are', () => {
    const frames = new RequestFrames();
    const [first, second] = [frames.make(body('query A', { id: 'one' })), frames.make(body('query A', { id: 'another' }))];
    expect(second.space).toBe(first.space);
    expect(second.end - second.start).toBeLessThan(20);
    const [front, alsoFront] = ['1', '2'].map((id) => frames.make(Buffer.from(`{"variables":{"id":"${id}"},"query":"query A"}`)));
    expect(alsoFront?.space).toBe(front?.space);
    expect(front?.space).not.toBe(first.space);
  });

  it('are forgotten when others take their place, and never come back with the same number', () => {
    const frames = new RequestFrames();
    const first = frames.make(body('query A', {}));
    for (let count = 0; count < 2_000; count += 1) frames.make(body(`query B${count}`, {}));
    expect(frames.find(body('query A', {}))).toBeUndefined();
    expect(frames.make(body('query A', {})).space).not.toBe(first.space);
  });
});
