/** What may be believed by what the canaries prove, with a broker whose queues stand still when the test says so, and a clock in its hand. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MemoryStore } from '../../src/cache/memory-store.js';
import { InvalidationLag } from '../../src/gateway/invalidation-lag.js';
import type { BusState, IncomingMessage, QueueMessage } from '../../src/messaging/message-bus.js';

const queues = ['uploaded', 'deleted'];
const boundMs = 2_000;
/** How old a proof may be. */
const recentMs = 5_000;
/** Within which a canary is sent, and seen when it has come through. */
const roundMs = 1_250;

/** Queues with one consumer, which hand over at once, or not at all while they are stuck. */
class Queues {
  state: BusState = 'connected';
  readonly stuck = new Set<string>();
  readonly sent: QueueMessage[] = [];
  readonly #consumer: (queue: string, message: IncomingMessage) => Promise<unknown>;
  #waiting: QueueMessage[] = [];

  constructor(consumer: (queue: string, message: IncomingMessage) => Promise<unknown>) {
    this.#consumer = consumer;
  }

  async sendToQueue(message: QueueMessage): Promise<'routed'> {
    this.sent.push(message);
    this.#waiting.push(message);
    await this.handOver();
    return 'routed';
  }

  async handOver(): Promise<void> {
    const due = this.#waiting.filter(({ queue }) => !this.stuck.has(queue));
    this.#waiting = this.#waiting.filter(({ queue }) => this.stuck.has(queue));
    for (const { queue, messageId, body } of due) await this.#consumer(queue, incoming(messageId, queue, body));
  }
}

function incoming(messageId: string | undefined, routingKey = 'uploaded', body: Buffer = Buffer.alloc(0)): IncomingMessage {
  return { routingKey, messageId, body, redelivered: false };
}

describe('InvalidationLag', () => {
  let now: number;
  let store: MemoryStore;
  let bus: Queues;
  let lag: InvalidationLag;
  const lags: InvalidationLag[] = [];

  const startLag = (): InvalidationLag => {
    const started = new InvalidationLag({ bus, store, queues, unprovenMaxAgeMs: boundMs, now: () => now });
    lags.push(started);
    return started;
  };
  const elapse = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      now += 50;
      await jest.advanceTimersByTimeAsync(50);
    }
  };

  beforeEach(() => {
    jest.useFakeTimers();
    now = 1_000_000;
    store = new MemoryStore({ leaseMs: 1_000, now: () => now });
    bus = new Queues((queue, message) => lag.landed(queue, message));
    lag = startLag();
  });
  afterEach(() => {
    for (const each of lags.splice(0)) each.stop();
    jest.useRealTimers();
  });

  it('bounds nothing, and tells the lag, while canaries come through', async () => {
    for (let time = 0; time < 5; time += 1) {
      await elapse(roundMs);
      expect(lag.maxAgeMs()).toBe(Infinity);
      expect(lag.seconds()).toBeLessThanOrEqual(roundMs / 1_000);
    }
  });

  it('believes nothing that was stored before the start until the first has come through, and knows no lag', async () => {
    expect(lag.maxAgeMs()).toBe(0);
    await elapse(500);
    expect(lag.maxAgeMs()).toBe(500);
    expect(lag.seconds()).toBeUndefined();
    bus.stuck.add('uploaded').add('deleted');
    await elapse(10 * boundMs);
    expect(lag.maxAgeMs()).toBe(boundMs);
    expect(lag.seconds()).toBeUndefined();
  });

  it('bounds the age when none has come through for five seconds, until one does', async () => {
    await elapse(roundMs);
    bus.stuck.add('uploaded').add('deleted');
    await elapse(recentMs - roundMs - 100);
    expect(lag.maxAgeMs()).toBe(Infinity);
    await elapse(roundMs + 200);
    expect(lag.maxAgeMs()).toBe(boundMs);
    const before = lag.seconds() ?? 0;
    await elapse(3_000);
    expect(lag.seconds()).toBeCloseTo(before + 3);
    bus.stuck.clear();
    await bus.handOver();
    await elapse(roundMs);
    expect(lag.maxAgeMs()).toBe(Infinity);
    expect(lag.seconds()).toBeLessThanOrEqual(roundMs / 1_000);
  });

  it('is not proven by one queue alone', async () => {
    bus.stuck.add('deleted');
    await elapse(2 * recentMs);
    expect(lag.maxAgeMs()).toBe(boundMs);
    expect(lag.seconds()).toBeUndefined();
    bus.stuck.clear();
    await elapse(roundMs);
    expect(lag.maxAgeMs()).toBe(Infinity);
    bus.stuck.add('uploaded');
    await elapse(recentMs + roundMs);
    expect(lag.maxAgeMs()).toBe(boundMs);
  });

  it('bounds the age at once while the broker is out of reach', async () => {
    await elapse(10 * roundMs);
    bus.state = 'connecting';
    expect(lag.maxAgeMs()).toBe(boundMs);
    bus.state = 'connected';
    expect(lag.maxAgeMs()).toBe(Infinity);
  });

  it('believes nothing from before a loss of the store until a canary that was sent after it has come through', async () => {
    await elapse(10_200);
    bus.stuck.add('uploaded').add('deleted');
    await elapse(1_000);
    const sentBefore = bus.sent.length;
    await store.purge('');
    expect(lag.maxAgeMs()).toBe(0);
    bus.stuck.clear();
    await bus.handOver();
    // The canary of before the loss has come through, and has been looked for.
    await elapse(500);
    expect(bus.sent).toHaveLength(sentBefore);
    expect(lag.maxAgeMs()).toBe(500);
    await elapse(roundMs);
    expect(lag.maxAgeMs()).toBe(Infinity);
  });

  it('stays at the bound, however long ago the store was lost', async () => {
    await elapse(roundMs);
    bus.stuck.add('uploaded').add('deleted');
    await store.purge('');
    await elapse(boundMs - 100);
    expect(lag.maxAgeMs()).toBe(boundMs - 100);
    await elapse(10 * boundMs);
    expect(lag.maxAgeMs()).toBe(boundMs);
  });

  it('is proven by whichever gateway consumes the queues, for every gateway, each by canaries of its own', async () => {
    // Their canaries bear different numbers.
    await elapse(4 * recentMs);
    const other = startLag();
    await elapse(recentMs + roundMs);
    expect([lag.maxAgeMs(), other.maxAgeMs()]).toEqual([Infinity, Infinity]);
    other.stop();
    await elapse(recentMs + roundMs);
    expect([lag.maxAgeMs(), other.maxAgeMs()]).toEqual([Infinity, boundMs]);
  });

  it('sends each canary straight to each queue, without a body, to be dropped when nobody waits for it any more', async () => {
    await elapse(3_000);
    expect(bus.sent.map(({ queue }) => queue)).toEqual([...queues, ...queues, ...queues]);
    expect(new Set(bus.sent.map(({ messageId }) => messageId)).size).toBe(3);
    for (const { body, expiresMs } of bus.sent) expect([body.length, expiresMs]).toEqual([0, 2 * recentMs]);
    lag.stop();
    await elapse(3_000);
    expect(bus.sent).toHaveLength(6);
  });

  it.each([undefined, '', '7', '0b8f7a2e-6d2c-4f5e-9b1a-2c3d4e5f6a7b', 'canary:', 'canary:me:1', 'canary:0b8f7a2e-6d2c-4f5e-9b1a-2c3d4e5f6a7b:x', 'an event: canary:0b8f7a2e-6d2c-4f5e-9b1a-2c3d4e5f6a7b:1'])(
    'takes a message with the id %j for no canary',
    async (messageId) => {
      const putMark = jest.spyOn(store, 'putMark');
      expect(await lag.landed('uploaded', incoming(messageId))).toBe(false);
      expect(putMark).not.toHaveBeenCalled();
    },
  );

  it('keeps a canary in its queue when the store does not confirm it', async () => {
    await elapse(roundMs);
    const [canary] = bus.sent;
    jest.spyOn(store, 'putMark').mockRejectedValue(new Error('away'));
    await expect(lag.landed('uploaded', incoming(canary?.messageId))).rejects.toThrow('away');
  });

  it('goes on when canaries cannot be sent', async () => {
    const sendToQueue = jest.spyOn(bus, 'sendToQueue').mockRejectedValue(new Error('away'));
    await elapse(2 * recentMs);
    expect(lag.maxAgeMs()).toBe(boundMs);
    sendToQueue.mockRestore();
    await elapse(roundMs);
    expect(lag.maxAgeMs()).toBe(Infinity);
  });
});
