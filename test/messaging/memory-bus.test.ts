import { describe, it, expect } from '@jest/globals';
import { createLogger } from '../../src/runtime/logger.js';
import { MemoryBroker } from '../../src/messaging/memory-broker.js';
import { createMemoryBus } from '../../src/messaging/memory-bus.js';
import { UnreadableMessage } from '../../src/messaging/message-bus.js';
import { describeMessageBus } from '../conformance/message-bus.js';
import { waitFor } from '../support/wait.js';
import { Gate, Recorder } from './recorder.js';

const log = createLogger('test', 'silent');
const message = (messageId: string) => ({ routingKey: 'media.uploaded', messageId, body: Buffer.from(messageId) });

describeMessageBus('The memory bus', async () => {
  const broker = new MemoryBroker({ log });
  return {
    connect: (options) => createMemoryBus({ log, broker, ...options }),
    deadLetters: async (queue) =>
      broker.queue(queue).messages.map(({ reason, routingKey, messageId, body }) => ({ reason, routingKey, messageId, body: body.toString() })),
  };
});

describe('The memory bus', () => {
  it('goes on with the publisher before the handler runs', async () => {
    const bus = createMemoryBus({ log });
    const inbox = new Recorder();
    await bus.subscribe({ queue: 'shared', routingKeys: ['#'], deadLetterQueue: undefined, handle: inbox.handle });
    expect(await bus.publish(message('a'))).toBe('routed');
    expect(inbox.ids).toEqual([]);
    await inbox.received(1);
    await bus.stop();
  });

  it('refuses a message that one of its queues has no room for, and gives it to none', async () => {
    const broker = new MemoryBroker({ log, maxQueueLength: 3 });
    const bus = createMemoryBus({ log, broker });
    const gate = new Gate();
    const [slow, fast] = [new Recorder(() => gate.opened), new Recorder()];
    await bus.subscribe({ queue: 'slow', routingKeys: ['#'], deadLetterQueue: undefined, handle: slow.handle });
    await bus.subscribe({ queue: 'fast', routingKeys: ['#'], deadLetterQueue: undefined, handle: fast.handle });
    for (const id of ['a', 'b', 'c']) await bus.publish(message(id));
    await expect(bus.publish(message('d'))).rejects.toThrow('the queue slow is full');
    gate.open();
    await slow.received(3);
    expect(await bus.publish(message('e'))).toBe('routed');
    await fast.received(4);
    expect([slow.ids.slice(0, 3), fast.ids]).toEqual([['a', 'b', 'c'], ['a', 'b', 'c', 'e']]);
    await bus.stop();
  });

  it('drops what has expired before it refuses anything', async () => {
    const broker = new MemoryBroker({ log, maxQueueLength: 3 });
    const bus = createMemoryBus({ log, broker });
    const gate = new Gate();
    const inbox = new Recorder(() => gate.opened);
    await bus.subscribe({ queue: 'shared', routingKeys: ['#'], deadLetterQueue: undefined, handle: inbox.handle });
    await bus.publish(message('a'));
    await inbox.received(1);
    const send = (messageId: string, expiresMs: number) => bus.sendToQueue({ queue: 'shared', messageId, body: Buffer.of(), expiresMs });
    for (const id of ['b', 'c']) await send(id, 300);
    const refused = Promise.allSettled([bus.publish(message('d')), send('e', 300)]);
    expect(await refused).toMatchObject(Array(2).fill({ reason: new Error('the queue shared is full: it holds 3 messages') }));
    await waitFor(() => bus.publish(message('f')), { what: 'room' });
    gate.open();
    await inbox.received(2);
    expect(inbox.ids).toEqual(['a', 'f']);
    await bus.stop();
  });

  it('keeps the newest dead letters when there is no room for all', async () => {
    const broker = new MemoryBroker({ log, maxQueueLength: 2 });
    const bus = createMemoryBus({ log, broker });
    const inbox = new Recorder(() => Promise.reject(new UnreadableMessage('no')));
    await bus.subscribe({ queue: 'shared', routingKeys: ['#'], deadLetterQueue: 'dead', handle: inbox.handle });
    for (const [index, id] of ['a', 'b', 'c', 'd'].entries()) {
      await bus.publish(message(id));
      await inbox.received(index + 1);
    }
    await bus.stop();
    expect(broker.queue('dead').messages.map(({ messageId }) => messageId)).toEqual(['c', 'd']);
  });

  it('gives a shared queue to the first of two subscriptions on one bus', async () => {
    const bus = createMemoryBus({ log });
    const [one, two] = [new Recorder(), new Recorder()];
    await bus.subscribe({ queue: 'shared', routingKeys: ['#'], deadLetterQueue: undefined, handle: one.handle });
    await bus.subscribe({ queue: 'shared', routingKeys: ['#'], deadLetterQueue: undefined, handle: two.handle });
    for (const id of ['a', 'b']) await bus.publish(message(id));
    await one.received(2);
    await bus.stop();
    expect([one.ids, two.ids]).toEqual([['a', 'b'], []]);
  });
});
