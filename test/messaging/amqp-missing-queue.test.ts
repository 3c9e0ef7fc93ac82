import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createAmqpBus } from '../../src/messaging/amqp-bus.js';
import { startTcpProxy } from '../support/faults/tcp-proxy.js';
import { startRabbitMQ } from '../support/servers/rabbitmq.js';
import { waitFor } from '../support/wait.js';
import { asOtherProgram, LogRecorder } from './amqp-observer.js';
import { Subscriber } from './recorder.js';
import type { MessageBus } from '../../src/messaging/message-bus.js';
import type { TcpProxy } from '../support/faults/tcp-proxy.js';
import type { RabbitMQ } from '../support/servers/rabbitmq.js';

describe('The AMQP bus whose queue is lost', () => {
  let rabbit: RabbitMQ;
  let proxy: TcpProxy;
  let tests = 0;
  let queue: string;
  let exchange: string;
  let logs: LogRecorder;
  let buses: MessageBus[];
  /** What the subscriptions of the test were called for, in order. */
  let steps: string[];

  beforeAll(async () => {
    rabbit = await startRabbitMQ();
  }, 120_000);
  afterAll(() => rabbit.stop());
  beforeEach(async () => {
    tests += 1;
    queue = `queue-${tests}`;
    exchange = `events-${tests}`;
    logs = new LogRecorder();
    buses = [];
    steps = [];
    proxy = await startTcpProxy({ host: rabbit.host, port: rabbit.port });
  });
  afterEach(async () => {
    await Promise.all(buses.map((bus) => bus.stop()));
    await proxy.stop();
  });

  function connect(url = rabbit.url): MessageBus {
    const bus = createAmqpBus({ url, exchange, log: logs.log });
    buses.push(bus);
    return bus;
  }

  const subscription = (name = queue) => ({
    queue: name,
    routingKeys: ['media.#'],
    deadLetterQueue: undefined,
    onMissing: async () => void steps.push(`missing ${name}`),
    handle: async ({ messageId }: { messageId: string | undefined }) => void steps.push(`${messageId}`),
  });

  const publish = (bus: MessageBus, messageId: string) =>
    waitFor(async () => (await bus.publish({ routingKey: 'media.uploaded', messageId, body: Buffer.from('{}') })) === 'routed', {
      what: 'the queue to be bound',
    });

  const step = (wanted: string) => waitFor(() => steps.includes(wanted), { what: `the step ${wanted}` });

  /** Another program deletes the queue and leaves it so. */
  const deleteQueue = () => asOtherProgram(rabbit.url, (channel) => channel.deleteQueue(queue));

  it('tells its consumer, before what was published since', async () => {
    const bus = connect();
    await new Subscriber().subscribe(bus, subscription());
    await deleteQueue();
    await publish(bus, 'a');
    await step('a');
    expect(steps).toEqual([`missing ${queue}`, `missing ${queue}`, 'a']);
  });

  it('tells its consumer also when another program has made the queue again at once', async () => {
    const bus = connect();
    await new Subscriber().subscribe(bus, subscription());
    await asOtherProgram(rabbit.url, async (channel) => {
      await channel.deleteQueue(queue);
      await channel.assertQueue(queue, { durable: true });
      await channel.bindQueue(queue, exchange, 'media.#');
    });
    await publish(bus, 'a');
    await step('a');
    expect(steps).toEqual([`missing ${queue}`, `missing ${queue}`, 'a']);
  });

  it('tells who waits for a turn at it, also when another program makes it again right after', async () => {
    const bus = connect(proxy.through(rabbit.url));
    await asOtherProgram(rabbit.url, async (channel) => {
      await channel.assertQueue(queue, { durable: true });
      await channel.consume(queue, () => {});
      await bus.subscribe(subscription());
      await waitFor(() => logs.lines('debug', 'another process consumes').length === 1, { what: 'the bus to wait' });
      expect(steps).toEqual([]);
      // So much that the bus, having missed the queue, does not look again before it is there.
      proxy.delay(200);
      await channel.deleteQueue(queue);
      await waitFor(() => logs.lines('error', 'NOT_FOUND').length === 1, { what: 'the bus to miss the queue' });
      await channel.assertQueue(queue, { durable: true });
    });
    await publish(bus, 'a');
    await step('a');
    expect(steps).toEqual([`missing ${queue}`, 'a']);
  });

  it('remembers across reconnects that it has not been able to tell, although the queue is there again', async () => {
    const [bus, publisher] = [connect(proxy.through(rabbit.url)), connect()];
    let redisIsUp = false;
    let tries = 0;
    const onMissing = async (): Promise<void> => {
      tries += 1;
      if (!redisIsUp) throw new Error('Redis is down');
      steps.push('told');
    };
    await bus.subscribe({ ...subscription(), onMissing });
    await publish(publisher, 'a');
    await waitFor(() => tries >= 1, { what: 'a try' });
    await proxy.refuse();
    await waitFor(() => bus.state === 'connecting', { what: 'the bus to notice' });
    redisIsUp = true;
    await proxy.accept();
    await step('a');
    expect(steps).toEqual(['told', 'a']);
  });

  it('tells no consumer after a loss of the connection or a restart of the broker that keeps its queues', async () => {
    const [bus, publisher] = [connect(proxy.through(rabbit.url)), connect()];
    await new Subscriber().subscribe(bus, subscription());
    await proxy.refuse();
    await publish(publisher, 'a');
    await rabbit.kill();
    await rabbit.start();
    await proxy.accept();
    await step('a');
    expect(steps).toEqual([`missing ${queue}`, 'a']);
  });

  it('tells the consumers of all queues when the broker has lost everything', async () => {
    const bus = connect();
    const queues = [queue, `${queue}-too`];
    const subscriber = new Subscriber();
    for (const name of queues) await subscriber.subscribe(bus, subscription(name));
    const missing = queues.map((name) => `missing ${name}`);
    expect(steps.splice(0)).toEqual(missing);
    for (const command of ['stop_app', 'reset', 'start_app']) await rabbit.ctl(command);
    await Promise.all(missing.map(step));
    await publish(bus, 'a');
    await waitFor(() => steps.filter((name) => name === 'a').length === queues.length, { what: 'the message in both queues' });
  }, 60_000);
});
