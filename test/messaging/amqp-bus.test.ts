import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createAmqpBus } from '../../src/messaging/amqp-bus.js';
import { UnreadableMessage } from '../../src/messaging/message-bus.js';
import { createLogger } from '../../src/runtime/logger.js';
import { describeMessageBus } from '../conformance/message-bus.js';
import { sharedRabbitMQ } from '../support/servers/shared.js';
import { waitFor } from '../support/wait.js';
import { asOtherProgram, LogRecorder, takeDeadLetters } from './amqp-observer.js';
import { Recorder, Subscriber } from './recorder.js';
import type { AmqpBusOptions } from '../../src/messaging/amqp-bus.js';
import type { MessageBus, OutgoingMessage } from '../../src/messaging/message-bus.js';
import type { SharedRabbitMQ } from '../support/servers/shared.js';

describe('On a RabbitMQ that works,', () => {
  let rabbit: SharedRabbitMQ;

  beforeAll(async () => {
    rabbit = await sharedRabbitMQ();
  });
  afterAll(() => rabbit.stop());

  describeMessageBus('the AMQP bus', async (exchange) => ({
    connect: (options) => createAmqpBus({ url: rabbit.url, exchange, log: createLogger('test', 'silent'), ...options }),
    deadLetters: (queue) => takeDeadLetters(rabbit.url, queue),
  }));

  describe('the AMQP bus', () => {
    let tests = 0;
    let exchange: string;
    let queue: string;
    let logs: LogRecorder;
    let buses: MessageBus[];
    let subscriber: Subscriber;

    beforeEach(() => {
      tests += 1;
      exchange = `events-${tests}`;
      queue = `queue-${tests}`;
      logs = new LogRecorder();
      buses = [];
      subscriber = new Subscriber();
    });
    afterEach(async () => {
      await Promise.all(buses.map((bus) => bus.stop()));
    });

    async function connect(options: Partial<AmqpBusOptions> = {}): Promise<MessageBus> {
      const bus = createAmqpBus({ url: rabbit.url, exchange, log: logs.log, ...options });
      buses.push(bus);
      await waitFor(() => bus.state === 'connected', { what: 'the bus to connect' });
      return bus;
    }

    it('declares a durable topic exchange and durable queues without arguments', async () => {
      await subscriber.subscribe(await connect(), { queue, deadLetterQueue: `${queue}-dead`, handle: async () => {} });
      // The broker refuses a declaration that differs from what exists.
      const same = asOtherProgram(rabbit.url, async (channel) => {
        await channel.assertExchange(exchange, 'topic', { durable: true });
        await channel.assertQueue(queue, { durable: true });
        await channel.assertQueue(`${queue}-dead`, { durable: true });
      });
      await expect(same).resolves.toBeUndefined();
    });

    it('publishes persistent JSON with its id, that other programs can read', async () => {
      const bus = await connect();
      const properties = await asOtherProgram(rabbit.url, async (channel) => {
        await channel.assertQueue(queue, { durable: true });
        await channel.bindQueue(queue, exchange, '#');
        expect(await bus.publish(message('id-1'))).toBe('routed');
        const got = await channel.get(queue, { noAck: true });
        return got && got.properties;
      });
      expect(properties).toMatchObject({ messageId: 'id-1', deliveryMode: 2, contentType: 'application/json' });
    });

    it('asks the broker to keep what is sent to a queue in memory only, until its time is over', async () => {
      const bus = await connect();
      const properties = await asOtherProgram(rabbit.url, async (channel) => {
        await channel.assertQueue(queue, { durable: true });
        expect(await bus.sendToQueue({ queue, messageId: 'id-1', body: Buffer.from('7'), expiresMs: 60_000 })).toBe('routed');
        const got = await channel.get(queue, { noAck: true });
        return got && got.properties;
      });
      expect(properties).toMatchObject({ messageId: 'id-1', deliveryMode: 1, expiration: '60000' });
    });

    it('understands messages without an id', async () => {
      const inbox = new Recorder();
      await subscriber.subscribe(await connect(), { queue, handle: inbox.handle });
      await asOtherProgram(rabbit.url, async (channel) => channel.publish(exchange, 'media.uploaded', Buffer.from('{}')));
      const [first] = await inbox.received(1);
      expect(first).toMatchObject({ messageId: undefined, routingKey: 'media.uploaded' });
    });

    it('uses what other programs have declared in another way, and says so once', async () => {
      await asOtherProgram(rabbit.url, async (channel) => {
        await channel.assertExchange(exchange, 'topic', { durable: true, autoDelete: true });
        await channel.assertQueue(queue, { durable: true, maxLength: 100 });
        await channel.assertQueue(`${queue}-dead`, { durable: true, arguments: { 'x-queue-mode': 'lazy' } });
      });
      const bus = await connect();
      const inbox = new Recorder(async ({ messageId }) => {
        if (messageId === 'bad') throw new UnreadableMessage('no');
      });
      await subscriber.subscribe(bus, { queue, deadLetterQueue: `${queue}-dead`, handle: inbox.handle });
      for (const id of ['bad', 'good']) expect(await bus.publish(message(id))).toBe('routed');
      await inbox.received(2);
      expect(await takeDeadLetters(rabbit.url, `${queue}-dead`)).toMatchObject([{ messageId: 'bad' }]);
      for (const name of [exchange, `queue ${queue},`, `${queue}-dead`]) {
        expect(logs.lines('error', 'it is used as it is').filter((line) => line.includes(name))).toHaveLength(1);
      }
    });

    it('keeps trying for a queue that belongs to another connection, slowly and with one line in the log', async () => {
      const inbox = new Recorder();
      const bus = await connect();
      await asOtherProgram(rabbit.url, async (channel) => {
        await channel.assertQueue(queue, { exclusive: true });
        await bus.subscribe({ queue, routingKeys: ['#'], deadLetterQueue: undefined, handle: inbox.handle });
        await waitFor(() => logs.lines('debug', 'consuming failed').length >= 2, { what: 'some tries' });
        expect(bus.state).toBe('connected');
      });
      await waitFor(async () => (await bus.publish(message('a'))) === 'routed', { what: 'the queue to be bound' });
      await inbox.received(1);
      expect(logs.lines('error', queue)).toHaveLength(1);
    });

    it('has one consumer on a shared queue, also when several buses subscribe at once, and says nothing of it', async () => {
      const all = await Promise.all(Array.from({ length: 5 }, () => connect()));
      const inboxes = all.map(() => new Recorder());
      await Promise.all(all.map((bus, index) => bus.subscribe({ queue, routingKeys: ['#'], deadLetterQueue: undefined, handle: inboxes[index]?.handle ?? fail })));
      await waitFor(async () => (await all[0]?.publish(message('a'))) === 'routed', { what: 'the queue to be bound' });
      await waitFor(() => logs.lines('debug', 'another process consumes').length >= 4, { what: 'the others to wait' });
      expect(await asOtherProgram(rabbit.url, async (channel) => (await channel.checkQueue(queue)).consumerCount)).toBe(1);
      expect(logs.lines('info', 'consuming')).toHaveLength(1);
      expect([...logs.lines('warn'), ...logs.lines('error')]).toEqual([]);
    });

    it('declares and consumes a queue again that was deleted', async () => {
      const bus = await connect();
      const inbox = new Recorder();
      await subscriber.subscribe(bus, { queue, handle: inbox.handle });
      await asOtherProgram(rabbit.url, (channel) => channel.deleteQueue(queue));
      await waitFor(async () => (await bus.publish(message('a'))) === 'routed', { what: 'the queue to be back' });
      await inbox.received(1);
      expect(logs.lines('error', 'its queue was deleted')).toHaveLength(1);
    });

    it('rejects while the exchange is missing, and declares it again', async () => {
      const bus = await connect();
      await subscriber.subscribe(bus, { queue, handle: async () => {} });
      await asOtherProgram(rabbit.url, (channel) => channel.deleteExchange(exchange));
      await expect(bus.publish(message('a'))).rejects.toThrow();
      await waitFor(async () => (await bus.publish(message('b'))) === 'unroutable', { what: 'the exchange to be back' });
    });

    it('loses no dead letter when its queue was deleted', async () => {
      const bus = await connect();
      const inbox = new Recorder(() => Promise.reject(new UnreadableMessage('no')));
      await subscriber.subscribe(bus, { queue, deadLetterQueue: `${queue}-dead`, handle: inbox.handle });
      await asOtherProgram(rabbit.url, (channel) => channel.deleteQueue(`${queue}-dead`));
      await bus.publish(message('a'));
      const letters = await waitFor(
        async () => {
          const taken = await takeDeadLetters(rabbit.url, `${queue}-dead`);
          return taken.length > 0 && taken;
        },
        { what: 'the dead letter' },
      );
      expect(letters).toMatchObject([{ messageId: 'a', reason: 'no' }]);
    });

    it('refuses at once what exceeds the publishings in flight, and what cannot be sent', async () => {
      const bus = await connect({ maxInFlight: 10 });
      const outcomes = await Promise.allSettled(Array.from({ length: 15 }, (_, index) => bus.publish(message(`m${index}`))));
      expect(outcomes.map(({ status }) => status)).toEqual([...Array(10).fill('fulfilled'), ...Array(5).fill('rejected')]);
      await expect(bus.publish({ ...message('a'), routingKey: 'x'.repeat(256) })).rejects.toThrow();
      expect(await bus.publish(message('b'))).toBe('unroutable');
    });

    it('refuses to pile up what the connection cannot carry', async () => {
      // Small frames: amqplib's buffer counts frames.
      const bus = await connect({ url: `${rabbit.url}?frameMax=4096` });
      const body = Buffer.alloc(40_000);
      const outcomes = await Promise.allSettled(Array.from({ length: 400 }, (_, index) => bus.publish({ ...message(`m${index}`), body })));
      const failed = outcomes.filter(({ status }) => status === 'rejected');
      expect(failed.length).toBeGreaterThan(0);
      expect(failed.length).toBeLessThan(400);
      expect(failed[0]).toMatchObject({ reason: new Error('the event broker takes messages too slowly') });
      expect(await waitFor(() => bus.publish(message('b')), { what: 'room again' })).toBe('unroutable');
    });
  });
});

function message(messageId: string): OutgoingMessage {
  return { routingKey: 'media.uploaded', messageId, body: Buffer.from('{}') };
}

function fail(): Promise<void> {
  return Promise.reject(new Error('unexpected'));
}
