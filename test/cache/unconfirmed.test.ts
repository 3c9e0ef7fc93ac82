/** Writes that the store has not confirmed are tried again until it has, whatever comes in between. */
import { describe, expect, it } from '@jest/globals';
import { processTime } from '../../src/cache/time.js';
import { Unconfirmed } from '../../src/cache/unconfirmed.js';
import { waitFor } from '../support/wait.js';

describe('unconfirmed writes', () => {
  it('a write that is confirmed behind a retry which has ended does not keep later ones from being tried again', async () => {
    const tries: { whole: boolean; confirm: () => void; refuse: () => void }[] = [];
    const unconfirmed = new Unconfirmed({
      invalidate: (_owner, collection) =>
        new Promise((resolve, reject) => tries.push({ whole: collection === undefined, confirm: resolve, refuse: () => reject(new Error('away')) })),
      drop: () => undefined,
      siblings: undefined,
      time: { sleep: (_ms, signal) => processTime.sleep(1, signal) },
    });
    const nextTry = (count: number): Promise<(typeof tries)[number]> => waitFor(() => tries[count - 1], { what: `try ${count}` });
    const writes = [unconfirmed.invalidate('1', 'a')];
    (await nextTry(1)).refuse();
    writes.push(unconfirmed.invalidate('1', 'a'));
    const secondTry = await nextTry(2);
    const retry = await nextTry(3);
    expect([secondTry.whole, retry.whole]).toEqual([false, true]);
    retry.confirm();
    await waitFor(() => !unconfirmed.covers('1'), { what: 'the retry to count' });
    secondTry.confirm();
    await Promise.all(writes);
    const third = unconfirmed.invalidate('1', 'a');
    (await nextTry(4)).refuse();
    await third;
    (await nextTry(5)).confirm();
    await waitFor(() => !unconfirmed.covers('1'), { what: 'the write to be confirmed' });
    await unconfirmed.stop();
  });
});
