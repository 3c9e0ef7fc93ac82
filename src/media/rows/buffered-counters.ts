/**
 * Counters that are written a few times a second, whatever happens meanwhile: an upload does not wait for its count.
 * Invariant: what this process has counted is in what it reads. A process that is killed loses the counts of half a second.
 */
import type { Logger } from '../../runtime/logger.js';
import { counterNames, type Amounts, type Counters } from './counters.js';

const flushMs = 500;

export interface BufferedCounters extends Counters {
  /** Writes what is left. Idempotent, never rejects. */
  stop(): Promise<void>;
}

/** `counted` hears of everything at once. */
export function bufferCounters(counters: Counters, counted: (amounts: Amounts) => void, log: Logger): BufferedCounters {
  let waiting: Amounts = {};
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  const write = async (): Promise<void> => {
    const amounts = waiting;
    waiting = {};
    try {
      await counters.add(amounts);
    } catch (error) {
      log.debug({ err: error }, 'counts could not be written, trying again with the next');
      merge(waiting, amounts);
    }
  };
  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    writing = writing.then(write);
    return writing;
  };

  return {
    add(amounts) {
      counted(amounts);
      merge(waiting, amounts);
      timer ??= setTimeout(() => void flush(), flushMs);
      return Promise.resolve();
    },
    async read() {
      await flush();
      return counters.read();
    },
    stop: flush,
  };
}

function merge(into: Amounts, amounts: Amounts): void {
  for (const name of counterNames) {
    const sum = (into[name] ?? 0) + (amounts[name] ?? 0);
    if (sum > 0) into[name] = sum;
  }
}
