import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TimeLease } from '../../src/cache/time-lease.js';

const ms = 250;

describe('TimeLease', () => {
  let now: number;
  let lease: TimeLease;
  beforeEach(() => {
    now = 1_000;
    lease = new TimeLease(ms, () => now);
  });

  it('is not held before the first question is answered', () => {
    expect(lease.held).toBe(false);
    lease.asked();
    expect(lease.held).toBe(false);
  });

  it('lasts from the moment when the question was sent, not when it was answered', () => {
    const askedAt = lease.asked();
    now += ms - 10;
    lease.answered(askedAt);
    expect(lease.held).toBe(true);
    now += 9;
    expect(lease.held).toBe(true);
    now += 1;
    expect(lease.held).toBe(false);
  });

  it('is over when the answer came too late, and when the process stood still', () => {
    const askedAt = lease.asked();
    now += ms;
    lease.answered(askedAt);
    expect(lease.held).toBe(false);
    lease.answered(lease.asked());
    now += 3_600_000;
    expect(lease.held).toBe(false);
  });

  it('is not shortened by the late answer to an earlier question', () => {
    const first = lease.asked();
    now += 100;
    lease.answered(lease.asked());
    lease.answered(first);
    now += ms - 1;
    expect(lease.held).toBe(true);
  });

  it('ends with its channel, and starts again with the next answer', () => {
    lease.answered(lease.asked());
    lease.end();
    expect(lease.held).toBe(false);
    lease.answered(lease.asked());
    expect(lease.held).toBe(true);
  });

  it('is held exactly while an answered question was sent less than δ ago', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ pause: fc.nat(300), travel: fc.nat(300), answered: fc.boolean() }), { maxLength: 20 }), fc.nat(300), (questions, rest) => {
        let time = 0;
        const tested = new TimeLease(ms, () => time);
        let newest = -Infinity;
        for (const { pause, travel, answered } of questions) {
          time += pause;
          const askedAt = tested.asked();
          time += travel;
          if (answered) {
            tested.answered(askedAt);
            newest = askedAt;
          }
          expect(tested.held).toBe(time - newest < ms);
        }
        time += rest;
        expect(tested.held).toBe(time - newest < ms);
      }),
    );
  });
});
