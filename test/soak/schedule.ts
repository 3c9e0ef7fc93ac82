/**
 * Which fault comes when: rounds in which each kind comes once, in an order of their own.
 * Invariant: the seed alone decides kinds, order, targets and times, so that a run can be repeated; how long a server then takes to come back, and
 * which gateway consumes the events, it cannot.
 */
import type { Random } from './random.js';

export const faultKinds = [
  'FLUSHALL',
  'connections killed',
  'subscriptions killed',
  'gateway frozen',
  'gateway killed',
  'Redis restarted, data lost',
  'Redis restarted, data kept',
  'Redis restarted, data old',
  'failover',
  'failback',
  'broker restarted',
  'gateway to Redis stalled',
  'Redis to gateway stalled',
  'gateway to broker stalled',
  'broker to gateway stalled',
  'backlog',
  'duplicates',
  'reordered events',
] as const;

/**
 * Both servers of a pair are master for a second, and some gateways use the one, some the other. Not among the usual kinds: while it lasts nothing is
 * promised; what the losing master has confirmed must be repeated on the other.
 */
export const splitBrain = 'split brain';

export type FaultKind = (typeof faultKinds)[number] | typeof splitBrain;

export interface PlannedFault {
  readonly kind: FaultKind;
  /** Milliseconds of calm, with a warm cache, before it. */
  readonly calmMs: number;
  /** Milliseconds that it lasts, where that is ours to say. */
  readonly holdMs: number;
  /** From 0 up to, not including, 1: which of the gateways. */
  readonly target: number;
}

/** So long that the broker takes the frozen consumer for dead, and another gateway takes over: now and then, it is most of a round. */
const longFreeze = { chance: 0.05, ms: 16_000 };

export interface PlanOptions {
  random: Random;
  /** Default the usual ones. */
  kinds?: readonly FaultKind[];
  /** Default without end. */
  rounds?: number;
}

export function* plannedFaults({ random, kinds = faultKinds, rounds = Infinity }: PlanOptions): Generator<PlannedFault, void> {
  for (let round = 0; round < rounds; round += 1) {
    for (const kind of random.shuffled(kinds)) {
      const isLong = kind === 'gateway frozen' && round > 0 && random.chance(longFreeze.chance);
      yield { kind, calmMs: random.between(400, 1_600), holdMs: isLong ? longFreeze.ms : random.between(200, 1_500), target: random.next() };
    }
  }
}
