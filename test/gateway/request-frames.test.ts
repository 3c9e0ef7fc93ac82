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

const requests = fc.array(request, { minLength: 50, maxLength: 200, size: 'max' });

describe('frames of requests', () => {
  it('have the same key for the same bytes only', () => {
    fc.assert(
      fc.property(requests, (all) => {
        const frames = new RequestFrames();
        const seen = new Map<string, string>();
        for (const each of all) {
          const keys = [frames.find(each), frames.make(each), frames.find(each)];
          expect(keys[2]).toEqual(keys[1]);
          for (const key of keys) {
            expect(seen.get(text(key)) ?? each.toString()).toBe(each.toString());
            seen.set(text(key), each.toString());
          }
        }
      }),
    );
  });

  it('are the same for requests that differ in their variables, wherever those are, once there are several of them', () => {
    const frames = new RequestFrames();
    const shapes = [(id: string) => `{"query":"query A","variables":{"id":"${id}"}}`, (id: string) => `{"variables":{"id":"${id}"},"query":"query A"}`];
    const spaces = shapes.map((shape) => {
      const keys = Array.from({ length: 10 }, (_, id) => frames.make(Buffer.from(shape(String(id)))));
      const [first, ...others] = keys.slice(3);
      expect(others.every(({ space }) => space === first?.space)).toBe(true);
      expect(others.every(({ start, end }) => end - start === '{"id":"0"'.length)).toBe(true);
      return first?.space;
    });
    expect(new Set([0, ...spaces]).size).toBe(3);
  });

  it('are forgotten when others take their place, and never come back with the same number', () => {
    const frames = new RequestFrames();
    const spaceOf = (query: string): number => Math.max(...[1, 2, 3, 4].map((id) => frames.make(body(query, { id })).space));
    const first = spaceOf('query A');
    for (let count = 0; count < 5_000; count += 1) spaceOf(`query B${count}`);
    expect(frames.find(body('query A', {})).space).toBe(0);
    expect(spaceOf('query A')).toBeGreaterThan(first);
  });
});
