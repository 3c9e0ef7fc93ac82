/**
 * The faults of the schedule, each injected from outside and mended again. Invariant: when `inject` resolves, every server, process and wire is as it was.
 */
import { pause } from '../../src/runtime/backoff.js';
import type { Direction } from '../support/faults/link.js';
import type { RabbitMQ } from '../support/servers/rabbitmq.js';
import type { FleetGateway } from './fleet.js';
import { leaseMs } from './gateway-settings.js';
import type { RedisSide } from './redis-side.js';
import { splitBrain, type FaultKind, type PlannedFault } from './schedule.js';
import type { Wire } from './wire.js';
import type { Writer } from './writers.js';

export interface Stage {
  redis: RedisSide;
  rabbitmq: RabbitMQ;
  gateways: readonly FleetGateway[];
  /** The name of the gateway that has acknowledged the last event; empty before the first. */
  consumer: () => string;
  writer: Writer;
}

/** How many times faster events come while a backlog builds up. */
const backlogSpeed = 4;

/** Resolves when the fault is mended. @throws Error when a server or gateway does not come back. */
export async function inject(fault: PlannedFault, stage: Stage): Promise<void> {
  await injections[fault.kind](fault, stage);
}

type Injection = (fault: PlannedFault, stage: Stage) => Promise<unknown>;

const injections: Readonly<Record<FaultKind, Injection>> = {
  FLUSHALL: (_, { redis }) => redis.command('FLUSHALL'),
  'connections killed': (_, { redis }) => redis.command('CLIENT', 'KILL', 'TYPE', 'normal'),
  'subscriptions killed': (_, { redis }) => redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub'),
  'gateway frozen': async (fault, stage) => {
    const gateway = targetOf(fault, stage);
    gateway.pause();
    await hold(fault);
    gateway.resume();
  },
  'gateway killed': async (fault, stage) => {
    const gateway = targetOf(fault, stage);
    await gateway.kill();
    await gateway.start();
  },
  'Redis restarted, data lost': (fault, { redis }) => redis.restart('lost', () => hold(fault)),
  'Redis restarted, data kept': (fault, { redis }) => redis.restart('kept', () => hold(fault)),
  'Redis restarted, data old': (fault, { redis }) => redis.restart('old', () => hold(fault)),
  failover: (fault, { redis }) => redis.failOver(() => hold(fault)),
  failback: (_, { redis }) => redis.failBack(),
  [splitBrain]: async (fault, stage) => {
    // Sentinel demotes the old master a second after it has promoted the new one; until then both take writes. One gateway hears of it at once.
    const target = targetOf(fault, stage);
    const others = stage.gateways.filter((gateway) => gateway !== target).map(({ wires }) => wires.sentinel);
    for (const wire of others) wire.stall('toClient');
    await stage.redis.failBack().finally(() => others.forEach((wire) => wire.resume()));
  },
  'broker restarted': async ({ target }, { rabbitmq }) => {
    // Half of the times without a farewell.
    await rabbitmq.kill(target < 0.5 ? 'SIGKILL' : 'SIGTERM');
    await rabbitmq.start();
  },
  'gateway to Redis stalled': (fault, stage) => stall(bystanderOf(fault, stage).wires.redis, 'toServer', beyondLease(fault)),
  'Redis to gateway stalled': (fault, stage) => stall(bystanderOf(fault, stage).wires.redis, 'toClient', beyondLease(fault)),
  'gateway to broker stalled': (fault, stage) => stall([targetOf(fault, stage).wires.broker], 'toServer', fault),
  'broker to gateway stalled': (fault, stage) => stall([targetOf(fault, stage).wires.broker], 'toClient', fault),
  // No gateway gets an event, all of them go on answering, and the queues grow.
  backlog: async (fault, { gateways, writer }) => {
    writer.speed = backlogSpeed;
    await stall(gateways.map(({ wires }) => wires.broker), 'toClient', fault);
    writer.speed = 1;
  },
  duplicates: (_, { writer }) => writer.duplicated(),
  'reordered events': (_, { writer }) => writer.reordered(),
};

function targetOf({ target }: PlannedFault, { gateways }: Stage): FleetGateway {
  return pickOf(gateways, target);
}

function pickOf(gateways: readonly FleetGateway[], part: number): FleetGateway {
  const gateway = gateways[Math.floor(part * gateways.length)];
  if (!gateway) throw new Error('there is no gateway');
  return gateway;
}

/** How often a gateway is cut off from what others do, instead of the one that does it. */
const bystanderChance = 0.75;

/** Mostly a gateway that does not apply the events itself: what it has must end without its doing. */
function bystanderOf({ target }: PlannedFault, { gateways, consumer }: Stage): FleetGateway {
  const consumers = gateways.filter(({ name }) => name === consumer());
  const bystanders = gateways.filter((gateway) => !consumers.includes(gateway));
  const isBystander = target < bystanderChance || consumers.length === 0;
  const within = isBystander ? (target / bystanderChance) % 1 : (target - bystanderChance) / (1 - bystanderChance);
  return pickOf(isBystander ? bystanders : consumers, within);
}

/** So long that a gateway which goes on believing its copies is found out. */
function beyondLease(fault: PlannedFault): PlannedFault {
  return { ...fault, holdMs: fault.holdMs + 2 * leaseMs };
}

async function stall(wires: readonly Wire[], direction: Direction, fault: PlannedFault): Promise<void> {
  for (const wire of wires) wire.stall(direction);
  await hold(fault);
  for (const wire of wires) wire.resume();
}

async function hold({ holdMs }: PlannedFault): Promise<void> {
  await pause(holdMs);
}
