import { describe, expect, it } from '@jest/globals';
import { Poller, type PollerOptions } from '../../src/runtime/poller.js';
import { waitFor } from '../support/wait.js';

const hour = 3_600_000;

const start = (look: PollerOptions['look'], options: Partial<PollerOptions> = {}): Poller =>
  new Poller({ look, pollMs: hour, retry: { firstMs: hour, maxMs: hour }, failed: () => undefined, ...options });

describe('a poller', () => {
  it('looks again at once while there is work, then waits', async () => {
    let looks = 0;
    const poller = start(() => Promise.resolve((looks += 1) < 5));
    await waitFor(() => looks === 5, { what: 'five looks' });
    await poller.stop();
    expect(looks).toBe(5);
  });

  it('looks once more for a hint that came during a look', async () => {
    let looks = 0;
    const poller: Poller = start(() => {
      looks += 1;
      if (looks === 1) poller.wake();
      return Promise.resolve(false);
    });
    await waitFor(() => looks === 2, { what: 'a second look' });
    await poller.stop();
    expect(looks).toBe(2);
  });

  it('goes on after a failure, on a hint or by itself, and says how many there were in a row', async () => {
    const heard: number[] = [];
    let looks = 0;
    const look = (): Promise<boolean> => ((looks += 1) % 3 === 0 ? Promise.resolve(true) : Promise.reject(new Error('not now')));
    const poller = start(look, { retry: { firstMs: 1, maxMs: 1 }, failed: (_error, failures) => void heard.push(failures) });
    await waitFor(() => heard.length >= 4, { what: 'four failures' });
    await poller.stop();
    expect(heard.slice(0, 4)).toEqual([1, 2, 1, 2]);
  });

  it('tells a look that it is being stopped, waits for its end, and looks no more', async () => {
    let looks = 0;
    let ended = false;
    const poller = start(async (stopping) => {
      looks += 1;
      await new Promise<void>((resolve) => stopping.addEventListener('abort', () => resolve(), { once: true }));
      ended = true;
      throw new Error('cut short');
    });
    await waitFor(() => looks === 1, { what: 'the look' });
    await Promise.all([poller.stop(), poller.stop()]);
    expect([looks, ended]).toEqual([1, true]);
  });
});
