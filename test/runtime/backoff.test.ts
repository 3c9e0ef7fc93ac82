import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { getEventListeners } from 'node:events';
import { backoffMs, pause } from '../../src/runtime/backoff.js';

describe('backoffMs', () => {
  it('is between half and all of a value that doubles with each try up to its bound, for any number of tries', () => {
    const attempts = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
    fc.assert(
      fc.property(attempts, fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 100_000 }), (attempt, firstMs, maxMs) => {
        const full = Math.min(maxMs, firstMs * 2 ** (attempt - 1));
        const wait = backoffMs(attempt, { firstMs, maxMs });
        expect(wait).toBeGreaterThanOrEqual(full / 2);
        expect(wait).toBeLessThanOrEqual(full);
      }),
    );
  });

  it('begins at 100 ms and ends at 5 s where nothing else is said', () => {
    const bounds: [number, number][] = [[1, 100], [2, 200], [6, 3_200], [7, 5_000], [100, 5_000]];
    for (const [attempt, full] of bounds) {
      const waits = Array.from({ length: 200 }, () => backoffMs(attempt));
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(full / 2);
      expect(Math.max(...waits)).toBeLessThanOrEqual(full);
      // Two that failed together do not return together.
      expect(new Set(waits).size).toBeGreaterThan(100);
    }
  });
});

describe('pause', () => {
  it('is true when its time has passed, and leaves nothing on the signal', async () => {
    const { signal } = new AbortController();
    expect(await pause(1)).toBe(true);
    expect(await pause(1, signal)).toBe(true);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('is false as soon as the signal aborts, also when it has aborted before', async () => {
    const controller = new AbortController();
    const pausing = pause(3_600_000, controller.signal);
    controller.abort(new Error('stopping'));
    expect(await pausing).toBe(false);
    expect(await pause(3_600_000, controller.signal)).toBe(false);
  });
});
