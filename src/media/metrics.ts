/** The media service's metrics: what is counted anyway (rows/counters.ts), and how far the outbox is behind. Labels are bounded: the counters' names. */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { Logger } from '../runtime/logger.js';
import { counterNames, type Amounts } from './rows/counters.js';
import type { Outbox } from './rows/outbox.js';

export interface MediaMetrics {
  readonly registry: Registry;
  /** What this process has done. */
  counted(amounts: Amounts): void;
}

export function createMediaMetrics(outbox: Pick<Outbox, 'backlog'>, log: Logger): MediaMetrics {
  const registry = new Registry();
  const registers = [registry];
  const operations = new Counter({ name: 'media_operations_total', help: 'What this process has done, by name', labelNames: ['operation'], registers });
  for (const operation of counterNames) operations.inc({ operation }, 0);
  const oldest = new Gauge({ name: 'media_outbox_oldest_seconds', help: 'Age of the oldest event that the broker has not taken; 0: none waits', registers });
  const measure = async (): Promise<void> => {
    const { events, oldestMs } = await outbox.backlog(new Date()).catch((error: unknown) => {
      log.warn({ err: error }, 'the outbox cannot be counted');
      return { events: Number.NaN, oldestMs: Number.NaN };
    });
    waiting.set(events);
    oldest.set(oldestMs / 1_000);
  };
  const help = 'Events that the broker has not taken yet; NaN: the database does not answer';
  const waiting = new Gauge({ name: 'media_outbox_events', help, registers, collect: measure });
  return {
    registry,
    counted: (amounts) => {
      for (const operation of counterNames) operations.inc({ operation }, amounts[operation] ?? 0);
    },
  };
}

/** The same with the figures of the process, for a program that has no others. */
export function withProcessMetrics(registry: Registry): Registry {
  const ofProcess = new Registry();
  collectDefaultMetrics({ register: ofProcess });
  return Registry.merge([registry, ofProcess]);
}
