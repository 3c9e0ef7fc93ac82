/** What the tap sees of a real broker's wire: the acknowledgements on shared queues, each once, by the id of the message; and that a stalled wire holds bytes back. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connect, type Channel, type ChannelModel, type ConsumeMessage } from 'amqplib';
import { sharedRabbitMQ, type SharedRabbitMQ } from '../support/servers/shared.js';
import { waitFor } from '../support/wait.js';
import { FrameReader } from './amqp-frames.js';
import { tapEvents } from './event-tap.js';
import { startWire, type Wire } from './wire.js';

describe('the tap of a wire to a broker', () => {
  let broker: SharedRabbitMQ;
  let wire: Wire;
  let model: ChannelModel;
  let channel: Channel;
  let acknowledged: string[];

  beforeAll(async () => {
    broker = await sharedRabbitMQ();
  });
  afterAll(() => broker.stop());
  beforeEach(async () => {
    acknowledged = [];
    wire = await startWire({ port: Number(new URL(broker.url).port), listen: () => tapEvents({ queues: ['shared'], acknowledged: (id) => acknowledged.push(id) }) });
    model = await connect(Object.assign(new URL(broker.url), { port: String(wire.port) }).href);
    channel = await model.createChannel();
    for (const queue of ['shared', 'private']) await channel.assertQueue(queue, { durable: false, autoDelete: true });
  });
  afterEach(async () => {
    wire.resume();
    await model.close();
    await wire.stop();
  });

  async function consume(queue: string): Promise<ConsumeMessage[]> {
    const messages: ConsumeMessage[] = [];
    await channel.consume(queue, (message) => void (message && messages.push(message)));
    return messages;
  }

  function send(queue: string, ids: readonly string[]): void {
    for (const id of ids) channel.sendToQueue(queue, Buffer.from('a body'), { messageId: id, contentType: 'text/plain', headers: { some: 'header' }, persistent: true, correlationId: 'c' });
  }

  const acknowledgedAre = (ids: readonly string[]): Promise<boolean> =>
    waitFor(() => JSON.stringify(acknowledged) === JSON.stringify(ids), { what: `the acknowledgements of ${ids.join(', ')}, instead of ${acknowledged.join(', ')}` });

  it('tells each acknowledgement, also of several messages at once, and not the delivery', async () => {
    const messages = await consume('shared');
    send('shared', ['a', 'b', 'c', 'd']);
    await waitFor(() => messages.length === 4, { what: 'the messages' });
    expect(acknowledged).toEqual([]);
    const [a, , c, d] = messages;
    if (!a || !c || !d) throw new Error('four messages were awaited');
    channel.ack(a);
    await acknowledgedAre(['a']);
    channel.ack(c, true);
    await acknowledgedAre(['a', 'b', 'c']);
    channel.nack(d, false, false);
    await channel.checkQueue('shared');
    expect(acknowledged).toEqual(['a', 'b', 'c']);
  });

  it('leaves out other queues on the same channel, and messages without an id', async () => {
    const [shared, own] = [await consume('shared'), await consume('private')];
    send('private', ['mine']);
    channel.sendToQueue('shared', Buffer.from('nameless'));
    send('shared', ['ours']);
    await waitFor(() => shared.length === 2 && own.length === 1, { what: 'the messages' });
    for (const message of [...own, ...shared]) channel.ack(message);
    await acknowledgedAre(['ours']);
  });

  it('sees an acknowledgement that the wire holds back, and the broker gets it when the wire moves again', async () => {
    const messages = await consume('shared');
    send('shared', ['late']);
    const [late] = await waitFor(() => messages.length > 0 && messages, { what: 'the message' });
    if (!late) throw new Error('a message was awaited');
    wire.stall('toServer');
    channel.ack(late);
    await acknowledgedAre(['late']);
    const answered = { yet: false };
    const answer = channel.checkQueue('shared').then(() => (answered.yet = true));
    expect((await broker.queue('shared'))?.unacked).toBe(1);
    expect(answered.yet).toBe(false);
    wire.resume();
    await answer;
    await waitFor(async () => (await broker.queue('shared'))?.unacked === 0, { what: 'the broker to have it' });
  });

  it('holds back what the broker says, in the other direction', async () => {
    const messages = await consume('shared');
    wire.stall('toClient');
    send('shared', ['held']);
    await waitFor(async () => (await broker.queue('shared'))?.unacked === 1, { what: 'the broker to have delivered it' });
    expect(messages).toEqual([]);
    wire.resume();
    await waitFor(() => messages.length === 1, { what: 'the message' });
  });
});

describe('a reader of frames', () => {
  it('reads them in pieces of any size', () => {
    const method = Buffer.from([0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 7, 1]);
    const frame = Buffer.concat([Buffer.from([1, 0, 3, 0, 0, 0, method.length]), method, Buffer.from([0xce])]);
    const bytes = Buffer.concat([Buffer.from('AMQP\0\0\x09\x01'), frame, frame]);
    for (let size = 1; size <= bytes.length; size += 1) {
      const reader = new FrameReader();
      const frames = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => [...reader.read(bytes.subarray(index * size, (index + 1) * size))]).flat();
      expect(frames).toEqual([1, 2].map(() => ({ kind: 'ack', channel: 3, deliveryTag: 7n, multiple: true })));
    }
  });
});
