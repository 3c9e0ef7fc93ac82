import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { DeadlineExceeded, withDeadline } from '../../src/runtime/deadline.js';

describe('withDeadline', () => {
  const open: (Server | Socket)[] = [];
  afterEach(() => {
    for (const one of open.splice(0)) {
      if ('destroy' in one) one.destroy();
      else one.close();
    }
  });

  it('gives what the work gives, and passes its failure on, without leaving a timer behind', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    expect(await withDeadline(Promise.resolve('answer'), 60_000)).toBe('answer');
    const failure = new Error('as told');
    await expect(withDeadline(Promise.reject(failure), 60_000)).rejects.toBe(failure);
    await new Promise(setImmediate);
    expect(timers()).toBeLessThanOrEqual(before);
  });

  it('is over when the time is up, and what the work does later harms no one', async () => {
    let fail = (error: Error): void => void error;
    const work = new Promise<never>((_, reject) => (fail = reject));
    await expect(withDeadline(work, 5)).rejects.toThrow(new DeadlineExceeded('no answer within 5 ms'));
    fail(new Error('too late'));
    await new Promise(setImmediate);
  });

  it('does not call an answer late that has arrived while this process was busy', async () => {
    const [near, far] = await socketPair();
    open.push(near, far);
    const answer = withDeadline(once(near, 'data'), 20);
    far.write('answer');
    // The answer is in the socket, and the timer is due before the event loop can look.
    const until = performance.now() + 60;
    while (performance.now() < until);
    expect(String(await answer)).toBe('answer');
  });

  async function socketPair(): Promise<[Socket, Socket]> {
    const server = createServer().listen(0, '127.0.0.1');
    open.push(server);
    await once(server, 'listening');
    const address = server.address();
    const accepted = new Promise<Socket>((resolve) => void server.once('connection', resolve));
    const near = connect({ host: '127.0.0.1', port: typeof address === 'object' && address ? address.port : 0, noDelay: true });
    await once(near, 'connect');
    return [near, await accepted];
  }
});
