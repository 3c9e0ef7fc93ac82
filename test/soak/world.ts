/**
 * Everything that a soak runs on and watches: origin, broker, Redis, gateways, and the history and figures of what they do.
 * Invariant: `stop` ends all that was started, also after a start that failed half-way.
 */
import { startRabbitMQ } from '../support/servers/rabbitmq.js';
import { tapEvents } from './event-tap.js';
import { Events } from './events.js';
import { startFleetGateway, type FleetGateway } from './fleet.js';
import { gatewayEnv, leaseMs, sharedQueues } from './gateway-settings.js';
import { History } from './history.js';
import { createKeySpace, type Key, type KeySpace } from './keys.js';
import { Meter } from './meter.js';
import { startOrigin, type VersionedOrigin } from './origin.js';
import { Publisher } from './publisher.js';
import type { Random } from './random.js';
import type { Stage } from './faults.js';
import { startRedisSide, type RedisSide } from './redis-side.js';
import { startWire } from './wire.js';
import { Writer } from './writers.js';

export interface WorldOptions {
  random: Random;
  /** The gateway that is run: `…/gateway/main.js`. */
  script: string;
  gateways: number;
  eventsPerSecond: number;
}

export interface World extends Stage {
  keys: KeySpace;
  history: History;
  meter: Meter;
  origin: VersionedOrigin;
  events: Events;
  /** Idempotent, never rejects. */
  stop(): Promise<void>;
}

export async function startWorld(options: WorldOptions): Promise<World> {
  const owned: { stop(): Promise<unknown> }[] = [];
  const own = <T extends { stop(): Promise<unknown> }>(started: T): T => {
    owned.unshift(started);
    return started;
  };
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= stopAll(owned));
  try {
    return { ...(await build(options, own)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** One after the other: what stops first still uses what was started before it. */
async function stopAll(owned: readonly { stop(): Promise<unknown> }[]): Promise<void> {
  for (const started of owned) {
    // oxlint-disable-next-line no-await-in-loop
    await started.stop().catch(() => undefined);
  }
}

async function build({ random, script, gateways: count, eventsPerSecond }: WorldOptions, own: <T extends { stop(): Promise<unknown> }>(started: T) => T): Promise<Omit<World, 'stop'>> {
  const keys = createKeySpace();
  const history = new History({ leaseMs });
  const meter = new Meter();
  const deletedByGateway = { tell: (_key: Key): void => undefined };
  const origin = own(
    await startOrigin({ keys, random: random.fork('origin'), committed: (commit) => history.committed(commit), deleted: (key) => deletedByGateway.tell(key) }),
  );
  for (const key of keys.owners.flatMap((owner) => owner.keys)) origin.commit(key, 'upload');
  // Not in one Promise.all: when one fails, the others must be owned.
  const rabbitmq = own(await startRabbitMQ());
  const redis = own(await startRedisSide());
  const publisher = own(new Publisher(rabbitmq.url));
  const events = new Events({ history, meter, origin, publisher, random: random.fork('events') });
  const writer = own(new Writer({ keys, events, origin, random: random.fork('writer'), eventsPerSecond }));
  deletedByGateway.tell = (key) => writer.announceDeletion(key);
  const last = { consumer: '' };
  const acknowledgedBy = (name: string) => (id: string): void => {
    last.consumer = name;
    events.acknowledged(id);
  };
  const gateways: FleetGateway[] = [];
  for (let number = 1; number <= count; number += 1) {
    // oxlint-disable-next-line no-await-in-loop
    gateways.push(own(await startOne({ name: `gateway-${number}`, believesCopies: number < count }, { script, origin, redis, broker: rabbitmq, acknowledgedBy })));
  }
  await Promise.all(gateways.map((gateway) => gateway.connected()));
  return { keys, history, meter, origin, events, redis, rabbitmq, gateways, consumer: () => last.consumer, writer };
}

interface Surroundings {
  script: string;
  origin: VersionedOrigin;
  redis: RedisSide;
  broker: { url: string; port: number };
  acknowledgedBy: (name: string) => (messageId: string) => void;
}

/** The last of the gateways asks Redis before it believes a copy: what it answers has no δ. */
async function startOne({ name, believesCopies }: { name: string; believesCopies: boolean }, { script, origin, redis, broker, acknowledgedBy }: Surroundings): Promise<FleetGateway> {
  const { address, servers, sentinel } = await redis.attach();
  const brokerWire = await startWire({ port: broker.port, listen: () => tapEvents({ queues: sharedQueues, acknowledged: acknowledgedBy(name) }) });
  const env = {
    ...gatewayEnv,
    ...(!believesCopies && { CACHE_L1: 'off' }),
    REDIS_ADDR: address,
    RABBITMQ_ADDR: Object.assign(new URL(broker.url), { port: String(brokerWire.port) }).href,
    MEDIA_SERVICE_ADDR: origin.address,
    USER_SERVICE_ADDR: origin.address,
  };
  return startFleetGateway({ name, script, env, wires: { redis: servers, sentinel, broker: brokerWire } });
}
