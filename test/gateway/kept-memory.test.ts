/** What a process keeps is what its operator has said, and never so much that V8's heap is full of it. */
import { describe, expect, it } from '@jest/globals';
import { keptMemory, type KeptMemory } from '../../src/gateway/kept-memory.js';

const [megabyte, large] = [1_000_000, 4_345_000_000];

function total({ copies, answers }: KeptMemory): number {
  return copies + answers;
}

describe.each(['on', 'off'] as const)('with the in-process tier %s', (CACHE_L1) => {
  it('keeps as much as is configured', () => {
    expect(total(keptMemory({ CACHE_L1, CACHE_L1_MAX_MB: 256 }, large))).toBe(256 * megabyte);
  });

  it('keeps at most half of what the heap has beside the gateway, whatever is configured', () => {
    expect(total(keptMemory({ CACHE_L1, CACHE_L1_MAX_MB: 256 }, 272 * megabyte))).toBe(86 * megabyte);
    expect(total(keptMemory({ CACHE_L1, CACHE_L1_MAX_MB: 65_536 }, large))).toBeLessThan(large / 2);
  });

  it('keeps a little in a heap that is hardly enough for the gateway', () => {
    expect(total(keptMemory({ CACHE_L1, CACHE_L1_MAX_MB: 256 }, 64 * megabyte))).toBe(2 * megabyte);
  });
});

it('has at least half of it for short answers, outside the heap', () => {
  expect(keptMemory({ CACHE_L1: 'on', CACHE_L1_MAX_MB: 256 }, large).packed).toBe(128 * megabyte);
  expect(keptMemory({ CACHE_L1: 'off', CACHE_L1_MAX_MB: 256 }, large).packed).toBe(192 * megabyte);
});
