/**
 * The part of the bus suite (message-bus.ts) that is about queues: who gets what is in them, and what becomes of the rest.
 * Invariant: as there.
 */
import { expect, it } from '@jest/globals';
import { UnreadableMessage } from '../../src/messaging/message-bus.js';
import { Gate, Recorder } from '../messaging/recorder.js';
import { waitFor } from '../support/wait.js';
import type { QueueMessage } from '../../src/messaging/message-bus.js';
import type { Bench } from './message-bus.js';

/** Adds its tests to the suite that is being described. */
export function testQueues({ connect, named, subscriber, deadLetters, publish }: Bench): void {
  it('moves what cannot be read to the dead letter queue, with a reason of one short line, and goes on', async () => {
    const bus = await connect();
    const inbox = new Recorder(async ({ messageId }) => {
      if (messageId === 'short') throw new UnreadableMessage('not\nan\u0000event\r\n');
      if (messageId === 'long') throw new UnreadableMessage('x'.repeat(10_000));
    });
    await subscriber().subscribe(bus, { queue: named('shared'), deadLetterQueue: named('dead'), handle: inbox.handle });
    for (const id of ['short', 'long', 'next']) await publish(bus, id, `media.${id}`);
    await inbox.received(3);
    expect(inbox.ids).toEqual(['short', 'long', 'next']);
    const [short, long, ...others] = await deadLetters(named('dead'));
    expect(short).toEqual({ reason: 'not an event', routingKey: 'media.short', messageId: 'short', body: 'body of short' });
    expect(long).toMatchObject({ routingKey: 'media.long', messageId: 'long' });
    expect(long?.reason).toMatch(/^x{100,300}$/);
    expect(others).toEqual([]);
  });

  it('drops what cannot be read when there is no dead letter queue, and goes on', async () => {
    const bus = await connect();
    const inbox = new Recorder(async ({ messageId }) => {
      if (messageId === 'bad') throw new UnreadableMessage('not an event');
    });
    await subscriber().subscribe(bus, inbox);
    await publish(bus, 'bad');
    await publish(bus, 'next');
    await inbox.received(2);
    expect(inbox.ids).toEqual(['bad', 'next']);
  });

  it('gives each message of a shared queue to one consumer, and the queue to another when that one stops', async () => {
    const [first, second, publisher] = [await connect(), await connect(), await connect()];
    const [one, two] = [new Recorder(), new Recorder()];
    await subscriber().subscribe(first, { queue: named('shared'), handle: one.handle });
    await subscriber().subscribe(second, { queue: named('shared'), handle: two.handle });
    for (const id of ['a', 'b', 'c']) await publish(publisher, id);
    await one.received(3);
    await first.stop();
    for (const id of ['d', 'e']) await publish(publisher, id);
    await two.received(2);
    expect([one.ids, two.ids]).toEqual([['a', 'b', 'c'], ['d', 'e']]);
  });

  it('keeps what is published to a shared queue while nobody consumes it', async () => {
    const [first, publisher] = [await connect(), await connect()];
    await subscriber().subscribe(first, { queue: named('shared'), handle: async () => {} });
    await first.stop();
    for (const id of ['a', 'b']) expect(await publish(publisher, id)).toBe('routed');
    const inbox = new Recorder();
    await subscriber().subscribe(await connect(), { queue: named('shared'), handle: inbox.handle });
    await inbox.received(2);
    expect(inbox.ids).toEqual(['a', 'b']);
  });

  it('gives every message to each private queue, which ends with its bus', async () => {
    const [first, second, publisher] = [await connect(), await connect(), await connect()];
    const [one, two] = [new Recorder(), new Recorder()];
    await subscriber().subscribe(first, one);
    await subscriber().subscribe(second, two);
    await publish(publisher, 'a');
    await one.received(1);
    await two.received(1);
    await Promise.all([first.stop(), second.stop()]);
    await waitFor(async () => (await publish(publisher, 'b')) === 'unroutable', { what: 'the private queues to end' });
    expect([one.ids, two.ids]).toEqual([['a'], ['a']]);
  });

  it('sends to a queue by its name, past the exchange, and says when there is none', async () => {
    const bus = await connect();
    expect(await bus.sendToQueue(forQueue('canary'))).toBe('unroutable');
    const [inbox, everything] = [new Recorder(), new Recorder()];
    await subscriber().subscribe(bus, { queue: named('shared'), handle: inbox.handle });
    await subscriber().subscribe(bus, { routingKeys: ['#'], handle: everything.handle });
    expect(await bus.sendToQueue(forQueue('canary'))).toBe('routed');
    await publish(bus, 'end');
    await Promise.all([inbox.received(2), everything.received(1)]);
    expect(inbox.messages[0]).toMatchObject({ routingKey: named('shared'), messageId: 'canary', body: Buffer.from('body of canary'), redelivered: false });
    expect(everything.ids).toEqual(['end']);
  });

  it('drops a message from its queue when its time is over before its turn comes, without a dead letter', async () => {
    const [first, second] = [await connect(), await connect()];
    await subscriber().subscribe(first, { queue: named('shared'), deadLetterQueue: named('dead'), handle: async () => {} });
    await first.stop();
    for (const expiresMs of [20, 60_000]) await second.sendToQueue({ ...forQueue(`for ${expiresMs} ms`), expiresMs });
    const sent = performance.now();
    await waitFor(() => performance.now() - sent > 100, { what: 'its time to be over' });
    const inbox = new Recorder();
    await subscriber().subscribe(second, { queue: named('shared'), deadLetterQueue: named('dead'), handle: inbox.handle });
    await inbox.received(1);
    expect(inbox.ids).toEqual(['for 60000 ms']);
    expect(await deadLetters(named('dead'))).toEqual([]);
  });

  it('tells who finds no queue so until that succeeds, and only then hands out what was published meanwhile', async () => {
    const bus = await connect();
    const steps: unknown[] = [];
    const gate = new Gate();
    await bus.subscribe({
      queue: named('shared'),
      routingKeys: ['media.#'],
      deadLetterQueue: undefined,
      onMissing: async () => {
        if (steps.push('missing') < 3) throw new Error('Redis is down');
        await gate.opened;
        steps.push('told');
      },
      handle: async ({ messageId }) => void steps.push(messageId),
    });
    await waitFor(async () => (await publish(bus, 'a')) === 'routed', { what: 'the queue to be bound' });
    await waitFor(() => steps.length >= 3, { what: 'two tries that fail' });
    gate.open();
    await waitFor(() => steps.includes('a'), { what: 'the message' });
    expect(steps).toEqual(['missing', 'missing', 'missing', 'told', 'a']);
  });

  it('tells nobody who finds the queue, and nobody with a private queue', async () => {
    const [first, second] = [await connect(), await connect()];
    const told: string[] = [];
    const subscribe = (bus: typeof first, name: string, queue?: string) =>
      subscriber().subscribe(bus, { queue, onMissing: async () => void told.push(name), handle: async () => {} });
    await subscribe(first, 'first', named('shared'));
    await first.stop();
    await subscribe(second, 'second', named('shared'));
    await subscribe(second, 'private');
    expect(told).toEqual(['first']);
  });

  it('stops while it tries to tell of a missing queue, and keeps what was published meanwhile', async () => {
    const [first, second] = [await connect(), await connect()];
    const [one, two] = [new Recorder(), new Recorder()];
    let tries = 0;
    const onMissing = async (): Promise<void> => {
      tries += 1;
      throw new Error('Redis is down');
    };
    await first.subscribe({ queue: named('shared'), routingKeys: ['media.#'], deadLetterQueue: undefined, onMissing, handle: one.handle });
    await waitFor(async () => (await publish(second, 'a')) === 'routed', { what: 'the queue to be bound' });
    await waitFor(() => tries >= 2, { what: 'some tries' });
    await first.stop();
    await subscriber().subscribe(second, { queue: named('shared'), handle: two.handle });
    expect([one.ids, two.ids]).toEqual([[], ['a']]);
  });

  const forQueue = (messageId: string): QueueMessage => ({
    queue: named('shared'),
    messageId,
    body: Buffer.from(`body of ${messageId}`),
    expiresMs: 60_000,
  });
}
