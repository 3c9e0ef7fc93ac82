import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createAmqpBus } from '../../src/messaging/amqp-bus.js';
import { startTcpProxy } from '../support/faults/tcp-proxy.js';
import { startRabbitMQ } from '../support/servers/rabbitmq.js';
import { waitFor } from '../support/wait.js';
import { LogRecorder } from './amqp-observer.js';
import { startClosingBroker, startSilentBroker } from './fake-broker.js';
import { Gate, Recorder, Subscriber } from './recorder.js';
import type { AmqpBusOptions } from '../../src/messaging/amqp-bus.js';
import type { MessageBus, OutgoingMessage } from '../../src/messaging/message-bus.js';
import type { TcpProxy } from '../support/faults/tcp-proxy.js';
import type { RabbitMQ } from '../support/servers/rabbitmq.js';
import type { FakeBroker } from './fake-broker.js';

describe('The AMQP bus', () => {
  let logs: LogRecorder;
  let buses: MessageBus[];

  beforeEach(() => {
    logs = new LogRecorder();
    buses = [];
  });
  afterEach(async () => {
    await Promise.all(buses.map((bus) => bus.stop()));
  });

  function createBus(options: Pick<AmqpBusOptions, 'url'> & Partial<AmqpBusOptions>): MessageBus {
    const bus = createAmqpBus({ exchange: 'events', log: logs.log, ...options });
    buses.push(bus);
    return bus;
  }

  describe('whose broker fails', () => {
    let rabbit: RabbitMQ;
    let proxy: TcpProxy;
    let tests = 0;
    let queue: string;
    let exchange: string;
    let subscriber: Subscriber;

    beforeAll(async () => {
      rabbit = await startRabbitMQ();
    }, 120_000);
    afterAll(() => rabbit.stop());
    beforeEach(async () => {
      tests += 1;
      queue = `queue-${tests}`;
      exchange = `events-${tests}`;
      subscriber = new Subscriber();
      proxy = await startTcpProxy({ host: rabbit.host, port: rabbit.port });
    });
    afterEach(() => proxy.stop());

    /** A bus whose connections go through the proxy. */
    const connectByProxy = (options: Partial<AmqpBusOptions> = {}) => connect({ url: proxy.through(rabbit.url), ...options });

    async function connect(options: Partial<AmqpBusOptions> = {}): Promise<MessageBus> {
      const bus = createBus({ url: rabbit.url, exchange, ...options });
      await waitFor(() => bus.state === 'connected', { what: 'the bus to connect' });
      return bus;
    }

    const subscription = (handle: Recorder['handle']) => ({ queue, routingKeys: ['media.#'], deadLetterQueue: undefined, handle });

    it('starts without a broker, refuses to publish at once, and works by itself when the broker is there', async () => {
      await proxy.refuse();
      const bus = createBus({ url: proxy.through(rabbit.url), exchange });
      const inbox = new Recorder();
      await bus.subscribe(subscription(inbox.handle));
      await expect(bus.publish(message('a'))).rejects.toThrow('out of reach');
      await waitFor(() => logs.lines('debug', 'out of reach').length >= 3, { what: 'some tries to connect' });
      expect(bus.state).toBe('connecting');
      await proxy.accept();
      await waitFor(async () => (await bus.publish(message('a'))) === 'routed', { what: 'the queue to be bound' });
      await inbox.received(1);
      expect(bus.state).toBe('connected');
      expect([logs.lines('warn').length, logs.lines('info', 'connected').length, logs.lines('error').length]).toEqual([1, 1, 0]);
    });

    it('logs the loss of the broker and its return once each', async () => {
      const bus = await connectByProxy();
      await subscriber.subscribe(bus, { queue, handle: async () => {} });
      expect(logs.lines('info', 'connected')).toHaveLength(1);
      await proxy.refuse();
      await waitFor(() => logs.lines('debug', 'out of reach').length >= 6, { what: 'some tries to connect' });
      expect(bus.state).toBe('connecting');
      await proxy.accept();
      await waitFor(() => bus.state === 'connected', { what: 'the bus to connect' });
      expect([logs.lines('warn').length, logs.lines('info', 'connected').length, logs.lines('error').length]).toEqual([1, 2, 0]);
      expect(logs.text).not.toMatch(/amqp:|guest/);
    });

    it('gets what other processes have published meanwhile, also when the broker was killed', async () => {
      const [bus, publisher] = [await connectByProxy(), await connect()];
      const inbox = new Recorder();
      await subscriber.subscribe(bus, { queue, handle: inbox.handle });
      await proxy.refuse();
      for (const id of ['a', 'b', 'c']) expect(await publisher.publish(message(id))).toBe('routed');
      await rabbit.kill();
      await expect(waitFor(() => publisher.publish(message('x')), { what: 'a publishing', timeoutMs: 500 })).rejects.toThrow('out of reach');
      await rabbit.start();
      await proxy.accept();
      await inbox.received(3);
      expect(inbox.ids).toEqual(['a', 'b', 'c']);
      await waitFor(async () => (await publisher.publish(message('d'))) === 'routed', { what: 'the publisher to be back' });
      await inbox.received(4);
      expect(inbox.ids).toEqual(['a', 'b', 'c', 'd']);
    }, 120_000);

    it('gets a message again whose handler ran while the connection was lost, after that handler', async () => {
      const [bus, publisher] = [await connectByProxy(), await connect()];
      const gate = new Gate();
      const inbox = new Recorder(() => gate.opened);
      await subscriber.subscribe(bus, { queue, handle: inbox.handle });
      for (const id of ['a', 'b']) await publisher.publish(message(id));
      await inbox.received(1);
      proxy.cutAll();
      await waitFor(() => logs.lines('info', 'connected').length === 3, { what: 'the bus to be back' });
      expect(inbox.ids).toEqual(['a']);
      gate.open();
      await inbox.received(3);
      expect(inbox.messages.map(({ messageId, redelivered }) => [messageId, redelivered])).toEqual([['a', false], ['a', true], ['b', true]]);
      expect(inbox.maxConcurrency).toBe(1);
      await publisher.publish(message('c'));
      await inbox.received(4);
      expect(logs.lines('error')).toEqual([]);
    });

    it('gives up the retries of a message with the connection, and gets it again', async () => {
      const [bus, publisher] = [await connectByProxy(), await connect()];
      const inbox = new Recorder(async ({ redelivered }) => {
        if (!redelivered) throw new Error('Redis is down');
      });
      await subscriber.subscribe(bus, { queue, handle: inbox.handle });
      await publisher.publish(message('a'));
      await inbox.received(3);
      proxy.cutAll();
      await waitFor(() => inbox.messages.some(({ redelivered }) => redelivered), { what: 'the message to be delivered again' });
    });

    it('leaves a shared queue to another process when it is cut off', async () => {
      const [first, second] = [await connectByProxy(), await connect()];
      const gate = new Gate();
      const [one, two] = [new Recorder(() => gate.opened), new Recorder()];
      await subscriber.subscribe(first, { queue, handle: one.handle });
      await second.subscribe(subscription(two.handle));
      await second.publish(message('a'));
      await one.received(1);
      await proxy.refuse();
      await two.received(1);
      gate.open();
      await proxy.accept();
      await waitFor(() => first.state === 'connected', { what: 'the first to be back' });
      await second.publish(message('b'));
      await two.received(2);
      expect([one.ids, two.ids]).toEqual([['a'], ['a', 'b']]);
    });

    it('makes the broker notice as well, by short heartbeats', async () => {
      await subscriber.subscribe(await connect(), { queue, handle: async () => {} });
      const connections = await rabbit.ctl('list_connections', 'timeout', 'client_properties');
      const ours = connections.split('\n').filter((line) => line.includes(exchange));
      expect(ours.map((line) => line.split('\t')[0])).toEqual(['5', '5']);
    });

    it('notices a connection that is open on one side only, and rejects what is not confirmed in time', async () => {
      const url = `${proxy.through(rabbit.url)}?heartbeat=1`;
      const bus = await connect({ url, publishDeadlineMs: 200, connectTimeoutMs: 500 });
      const inbox = new Recorder();
      await subscriber.subscribe(bus, { queue, handle: inbox.handle });
      proxy.pause();
      await expect(bus.publish(message('a'))).rejects.toThrow('did not confirm within 200 ms');
      await waitFor(() => bus.state === 'connecting', { what: 'the bus to notice' });
      await expect(bus.publish(message('b'))).rejects.toThrow('out of reach');
      proxy.resume();
      await waitFor(async () => (await bus.publish(message('c'))) === 'routed', { what: 'the bus to be back' });
      await waitFor(() => inbox.ids.includes('c'), { what: 'the message' });
    });

    it('keeps the bound on publishings in flight while the broker confirms none', async () => {
      const bus = await connectByProxy({ publishDeadlineMs: 100, maxInFlight: 3 });
      proxy.pause();
      for (const id of ['a', 'b', 'c']) await expect(bus.publish(message(id))).rejects.toThrow('did not confirm');
      await expect(bus.publish(message('d'))).rejects.toThrow('3 messages wait for the confirm');
      proxy.resume();
      expect(await waitFor(() => bus.publish(message('e')), { what: 'a publishing' })).toBe('unroutable');
    });

    it('rejects the publishings of a connection as soon as that is lost', async () => {
      const bus = await connectByProxy({ publishDeadlineMs: 60_000 });
      proxy.pause();
      const outcome = Promise.allSettled([bus.publish(message('a'))]);
      await waitFor(() => proxy.bytes().toServer > 0, { what: 'bytes on their way' });
      proxy.cutAll();
      proxy.resume();
      expect(await outcome).toMatchObject([{ status: 'rejected', reason: new Error('channel closed') }]);
    });

    it('goes on consuming while the broker is out of memory, and refuses to publish until it is not', async () => {
      const [bus, publisher] = [await connect({ publishDeadlineMs: 500 }), await connect()];
      const gate = new Gate();
      const inbox = new Recorder(() => gate.opened);
      await subscriber.subscribe(bus, { queue, handle: inbox.handle });
      // More than the broker sends ahead: the rest comes only when acknowledgements get through.
      const ids = Array.from({ length: 100 }, (_, index) => `m${index}`);
      await Promise.all(ids.map((id) => publisher.publish(message(id))));
      await inbox.received(1);
      try {
        await rabbit.ctl('set_vm_memory_high_watermark', '0');
        // The broker says so to a connection that publishes.
        const refusal = () => bus.publish(message('x')).then(() => '', String);
        await waitFor(async () => (await refusal()).includes('takes no messages'), { what: 'a refusal at once' });
        gate.open();
        await inbox.received(ids.length);
      } finally {
        await rabbit.ctl('set_vm_memory_high_watermark', '0.4');
      }
      await waitFor(async () => (await bus.publish(message('z'))) === 'routed', { what: 'the broker to take messages' });
      await waitFor(() => inbox.ids.includes('z'), { what: 'the message' });
      expect(inbox.ids.slice(0, ids.length)).toEqual(ids);
    }, 120_000);

    it('stops within its deadline when the broker does not answer', async () => {
      const bus = await connectByProxy({ stopDeadlineMs: 300 });
      await subscriber.subscribe(bus, { queue, handle: async () => {} });
      proxy.pause();
      const before = socketsOfThisProcess();
      await bus.stop();
      await waitFor(() => socketsOfThisProcess() === before - 2, { what: 'its two sockets to be closed' });
    });
  });

  describe('whose broker never opens a connection', () => {
    let broker: FakeBroker;

    afterEach(() => broker.stop());

    it('gives up a connection that is silent, and tries again', async () => {
      broker = await startSilentBroker();
      const bus = createBus({ url: broker.url, connectTimeoutMs: 50 });
      await waitFor(() => broker.accepted() >= 3, { what: 'some tries' });
      expect(bus.state).toBe('connecting');
      expect(logs.lines('warn')).toHaveLength(1);
      expect(logs.text).not.toMatch(/amqp:|secret/);
    });

    it('stops at once while it connects, and leaves no socket behind', async () => {
      broker = await startSilentBroker();
      const bus = createBus({ url: broker.url, connectTimeoutMs: 60_000, stopDeadlineMs: 60_000 });
      await bus.subscribe({ queue: 'queue', routingKeys: ['#'], deadLetterQueue: undefined, handle: async () => {} });
      await waitFor(() => broker.open() === 2, { what: 'both connections' });
      await bus.stop();
      await waitFor(() => broker.open() === 0, { what: 'the sockets to be closed' });
    });

    it('tries again when the connection is closed together with its opening', async () => {
      broker = await startClosingBroker();
      const bus = createBus({ url: broker.url });
      await waitFor(() => broker.accepted() >= 3, { what: 'some tries' });
      expect(bus.state).toBe('connecting');
    });
  });

  it('stops right after it was made', async () => {
    const bus = createBus({ url: 'amqp://127.0.0.1:1' });
    await bus.subscribe({ queue: 'queue', routingKeys: ['#'], deadLetterQueue: undefined, handle: async () => {} });
    await bus.stop();
    expect(bus.state).toBe('stopped');
  });
});

function socketsOfThisProcess(): number {
  return process.getActiveResourcesInfo().filter((type) => type === 'TCPSocketWrap').length;
}

function message(messageId: string): OutgoingMessage {
  return { routingKey: 'media.uploaded', messageId, body: Buffer.from('{}') };
}
