/**
 * What every event bus promises, checked through its public seam alone.
 * Invariant: each test has an exchange and queues of its own, and ends the buses that it made.
 */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Gate, Recorder, Subscriber } from '../messaging/recorder.js';
import { waitFor } from '../support/wait.js';
import { testQueues } from './message-bus-queues.js';
import type { MessageBus } from '../../src/messaging/message-bus.js';

export interface BusOptions {
  /** Milliseconds that `stop` takes at most. */
  stopDeadlineMs?: number;
}

export interface DeadLetter {
  reason: string | undefined;
  /** Where the message was published to. */
  routingKey: string | undefined;
  messageId: string | undefined;
  body: string;
}

/** A broker as one test sees it: nothing is declared, nothing is queued. */
export interface TestBroker {
  /** A further bus, as another process would have it. The suite stops it. */
  connect(options?: BusOptions): MessageBus;
  /** What is in a dead letter queue, oldest first. */
  deadLetters(queue: string): Promise<DeadLetter[]>;
}

/** What the tests of one suite share. */
export interface Bench {
  /** A further bus, connected; it ends with the test. */
  connect: (options?: BusOptions) => Promise<MessageBus>;
  /** A name of this test's own. */
  named: (queue: string) => string;
  /** Knows when a subscription on this test's exchange has taken effect. */
  subscriber: () => Subscriber;
  deadLetters: (queue: string) => Promise<DeadLetter[]>;
  /** Under the key `media.uploaded` unless told otherwise. */
  publish: (bus: MessageBus, messageId: string, routingKey?: string) => Promise<'routed' | 'unroutable'>;
}

function publish(bus: MessageBus, messageId: string, routingKey = 'media.uploaded'): Promise<'routed' | 'unroutable'> {
  return bus.publish({ routingKey, messageId, body: Buffer.from(`body of ${messageId}`) });
}

/**
 * Runs the suite. `open` is called before each test with a name for the exchange that is new each time, as are the names of all
 * queues: the broker behind it may be the same one for all tests.
 */
export function describeMessageBus(name: string, open: (exchange: string) => Promise<TestBroker>): void {
  describe(`${name} as a message bus`, () => {
    let broker: TestBroker;
    let buses: MessageBus[];
    let subscriber: Subscriber;
    let tests = 0;
    const named = (queue: string): string => `${queue}-${tests}`;

    beforeEach(async () => {
      tests += 1;
      broker = await open(named('exchange'));
      buses = [];
      subscriber = new Subscriber();
    });
    afterEach(async () => {
      await Promise.all(buses.map((bus) => bus.stop()));
    });

    async function connect(options?: BusOptions): Promise<MessageBus> {
      const bus = broker.connect(options);
      buses.push(bus);
      await waitFor(() => bus.state === 'connected', { what: 'the bus to connect' });
      return bus;
    }

    testQueues({ connect, named, subscriber: () => subscriber, deadLetters: (queue) => broker.deadLetters(queue), publish });

    it('says whether a message was routed to a queue or to none', async () => {
      const bus = await connect();
      expect(await publish(bus, 'a')).toBe('unroutable');
      await subscriber.subscribe(bus, new Recorder());
      expect(await publish(bus, 'a')).toBe('routed');
      expect(await publish(bus, 'a', 'other.uploaded')).toBe('unroutable');
    });

    it('tells publishings of the same message apart', async () => {
      const bus = await connect();
      await subscriber.subscribe(bus, { queue: named('shared'), handle: async () => {} });
      const keys = Array.from({ length: 200 }, (_, index) => (index % 3 === 0 ? 'other.key' : 'media.uploaded'));
      const outcomes = await Promise.all(keys.map((key) => publish(bus, 'same', key)));
      expect(outcomes).toEqual(keys.map((key) => (key === 'other.key' ? 'unroutable' : 'routed')));
    });

    it('delivers key, id and body as they were published', async () => {
      const bus = await connect();
      const inbox = new Recorder();
      await subscriber.subscribe(bus, inbox);
      const body = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 256));
      const copy = Buffer.from(body);
      const published = bus.publish({ routingKey: 'media.uploaded', messageId: 'id-1', body: copy });
      await published;
      copy.fill(0);
      const [message] = await inbox.received(1);
      expect(message).toMatchObject({ routingKey: 'media.uploaded', messageId: 'id-1', redelivered: false });
      expect(message?.body.equals(body)).toBe(true);
    });

    it('delivers to every queue that is bound, once', async () => {
      const bus = await connect();
      const [one, two, three] = [new Recorder(), new Recorder(), new Recorder()];
      await subscriber.subscribe(bus, { queue: named('one'), routingKeys: ['media.uploaded', 'media.*', '#'], handle: one.handle });
      await subscriber.subscribe(bus, { queue: named('two'), routingKeys: ['media.uploaded'], handle: two.handle });
      await subscriber.subscribe(bus, { queue: named('three'), routingKeys: ['media.deleted'], handle: three.handle });
      await publish(bus, 'a');
      await publish(bus, 'b', 'media.deleted');
      await one.received(2);
      await two.received(1);
      await three.received(1);
      expect([one.ids, two.ids, three.ids]).toEqual([['a', 'b'], ['a'], ['b']]);
    });

    it('matches topic patterns by words', async () => {
      const bus = await connect();
      const matching: Record<string, string[]> = {
        '#': ['', 'media', 'media.event', 'media.event.uploaded', 'media..uploaded'],
        '*': ['media'],
        'media.*': ['media.event'],
        'media.#': ['media', 'media.event', 'media.event.uploaded', 'media..uploaded'],
        '#.uploaded': ['media.event.uploaded', 'media..uploaded'],
        'media.*.uploaded': ['media.event.uploaded', 'media..uploaded'],
        'media.#.uploaded': ['media.event.uploaded', 'media..uploaded'],
        '#.event.#': ['media.event', 'media.event.uploaded'],
        'media.eve*': [],
        'media.event.uploaded': ['media.event.uploaded'],
      };
      const inboxes = await Promise.all(
        Object.keys(matching).map(async (pattern) => {
          const inbox = new Recorder();
          await subscriber.subscribe(bus, { routingKeys: [pattern, 'end.of.the.test'], handle: inbox.handle });
          return { pattern, inbox };
        }),
      );
      for (const key of matching['#'] ?? []) await publish(bus, key, key);
      await publish(bus, 'end', 'end.of.the.test');
      await Promise.all(inboxes.map(({ inbox }) => waitFor(() => inbox.ids.includes('end'), { what: 'the last message' })));
      const seen = inboxes.map(({ pattern, inbox }) => [pattern, inbox.messages.map(({ routingKey }) => routingKey).slice(0, -1)]);
      expect(Object.fromEntries(seen)).toEqual(matching);
    });

    it('handles one message at a time, in their order', async () => {
      const bus = await connect();
      const inbox = new Recorder(async () => {
        await new Promise((resolve) => setTimeout(resolve, 2));
      });
      await subscriber.subscribe(bus, inbox);
      const ids = Array.from({ length: 100 }, (_, index) => `m${index}`);
      await Promise.all(ids.map((id) => publish(bus, id)));
      await inbox.received(ids.length);
      expect(inbox.ids).toEqual(ids);
      expect(inbox.maxConcurrency).toBe(1);
    });

    it('handles a message again with growing pauses until that succeeds, before the next one', async () => {
      const bus = await connect();
      const calls: number[] = [];
      const inbox = new Recorder(async ({ messageId }) => {
        if (messageId !== 'bad') return;
        calls.push(performance.now());
        if (calls.length <= 4) throw new Error('Redis is down');
      });
      await subscriber.subscribe(bus, { queue: named('shared'), deadLetterQueue: named('dead'), handle: inbox.handle });
      await publish(bus, 'bad');
      await publish(bus, 'next');
      await inbox.received(6);
      expect(inbox.ids).toEqual(['bad', 'bad', 'bad', 'bad', 'bad', 'next']);
      const pauses = calls.slice(1).map((time, index) => time - (calls[index] ?? 0));
      // Half of 100, 200, 400 and 800 ms is the least that jitter leaves.
      [45, 95, 195, 395].forEach((least, index) => expect(pauses[index]).toBeGreaterThan(least));
      expect(await broker.deadLetters(named('dead'))).toEqual([]);
    });

    it('stops after the running handler, whose message is done, and before the next one, which is kept', async () => {
      const [first, publisher] = [await connect(), await connect()];
      const gate = new Gate();
      const one = new Recorder(() => gate.opened);
      await subscriber.subscribe(first, { queue: named('shared'), handle: one.handle });
      for (const id of ['a', 'b']) await publish(publisher, id);
      await one.received(1);
      let stopped = false;
      const stopping = first.stop().then(() => (stopped = true));
      const two = new Recorder();
      await (await connect()).subscribe({ queue: named('shared'), routingKeys: [], deadLetterQueue: undefined, handle: two.handle });
      expect([stopped, two.ids]).toEqual([false, []]);
      gate.open();
      await stopping;
      await two.received(1);
      expect([one.ids, two.ids]).toEqual([['a'], ['b']]);
    });

    it('stops in the middle of retries, and another consumer gets the message, marked as redelivered', async () => {
      const [first, publisher] = [await connect(), await connect()];
      const one = new Recorder(() => Promise.reject(new Error('Redis is down')));
      await subscriber.subscribe(first, { queue: named('shared'), handle: one.handle });
      await publish(publisher, 'a');
      await one.received(1);
      await first.stop();
      const two = new Recorder();
      await subscriber.subscribe(await connect(), { queue: named('shared'), handle: two.handle });
      const [message] = await two.received(1);
      expect(message).toMatchObject({ messageId: 'a', redelivered: true });
    });

    it('stops within its deadline when a handler hangs, and another consumer gets the message', async () => {
      const [first, publisher] = [await connect({ stopDeadlineMs: 300 }), await connect()];
      const gate = new Gate();
      const one = new Recorder(() => gate.opened);
      await subscriber.subscribe(first, { queue: named('shared'), handle: one.handle });
      await publish(publisher, 'a');
      await one.received(1);
      await first.stop();
      const two = new Recorder();
      await subscriber.subscribe(await connect(), { queue: named('shared'), handle: two.handle });
      await two.received(1);
      gate.open();
      await publish(publisher, 'b');
      await two.received(2);
      expect([one.ids, two.ids]).toEqual([['a'], ['a', 'b']]);
    });

    it('subscribes at once, also before it is connected', async () => {
      const bus = broker.connect();
      buses.push(bus);
      const inbox = new Recorder();
      await bus.subscribe({ queue: named('shared'), routingKeys: ['media.#'], deadLetterQueue: named('dead'), handle: inbox.handle });
      const publisher = await connect();
      await waitFor(async () => (await publish(publisher, 'a')) === 'routed', { what: 'the queue to be bound' });
      await inbox.received(1);
      expect(inbox.ids).toEqual(['a']);
    });

    it('refuses to publish and to subscribe once it is stopped, and stops only once', async () => {
      const bus = await connect();
      await Promise.all([bus.stop(), bus.stop()]);
      await bus.stop();
      expect(bus.state).toBe('stopped');
      await expect(publish(bus, 'a')).rejects.toThrow('stopped');
      await expect(bus.sendToQueue({ queue: 'any', messageId: 'a', body: Buffer.of(), expiresMs: 1_000 })).rejects.toThrow('stopped');
      await expect(subscriber.subscribe(bus, new Recorder())).rejects.toThrow('stopped');
    });
  });
}
