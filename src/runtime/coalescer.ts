/**
 * Questions about many things each, put to a service in few calls: while several calls are under way, who asks for many things waits for one of them
 * to end and then goes with all who wait. So a busy process makes fewer and larger calls; one that is not busy, and who asks for little, wait for nothing.
 * Invariant: what waits is bounded in number and time; a call is made for things that were asked for before it began, and for nothing else.
 */
import { Overloaded } from './limiter.js';

export interface CoalescerOptions<T, R> {
  /** Answers in the order of the things. Has a deadline of its own. */
  call: (things: readonly T[]) => Promise<readonly R[]>;
  /** Calls at once, before others wait. */
  maxCalls: number;
  /** Who asks for fewer things does not wait. */
  minThings: number;
  /** Of one call; no asker asks for more. */
  maxThings: number;
  /** Default 10,000. Askers that may wait; a further one is refused. */
  maxWaiting?: number;
  /** Milliseconds that one may wait. */
  maxWaitMs: number;
  /** Whether a call failed because it was about too much: then each asker is given a call of its own. */
  wasTooMuch: (error: unknown) => boolean;
}

interface Asker<T, R> {
  readonly things: readonly T[];
  /** Milliseconds of the process's clock. */
  readonly since: number;
  readonly resolve: (answers: readonly R[]) => void;
  readonly reject: (error: unknown) => void;
}

export class Coalescer<T, R> {
  readonly #options: CoalescerOptions<T, R>;
  readonly #waiting: Asker<T, R>[] = [];
  #calls = 0;

  constructor(options: CoalescerOptions<T, R>) {
    this.#options = options;
  }

  /** In the order of `things`. @throws Overloaded, and what `call` throws. */
  ask(things: readonly T[]): Promise<readonly R[]> {
    const { maxWaiting = 10_000, maxCalls, minThings, call } = this.#options;
    if (things.length < minThings) return call(things);
    if (this.#waiting.length >= maxWaiting) return Promise.reject(new Overloaded('too many ask'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ things, since: performance.now(), resolve, reject });
      if (this.#calls < maxCalls) this.#next();
    });
  }

  #next(): void {
    const { maxThings, maxWaitMs } = this.#options;
    const oldest = performance.now() - maxWaitMs;
    const askers: Asker<T, R>[] = [];
    let count = 0;
    for (let asker = this.#waiting[0]; asker && (count === 0 || count + asker.things.length <= maxThings); asker = this.#waiting[0]) {
      this.#waiting.shift();
      if (asker.since < oldest) asker.reject(new Overloaded(`no room within ${maxWaitMs} ms`));
      else {
        askers.push(asker);
        count += asker.things.length;
      }
    }
    if (askers.length > 0) void this.#run(askers);
  }

  /** Never rejects. */
  async #run(askers: readonly Asker<T, R>[]): Promise<void> {
    this.#calls += 1;
    try {
      const answers = await this.#options.call(askers.flatMap(({ things }) => things));
      let start = 0;
      for (const { things, resolve } of askers) {
        resolve(answers.slice(start, start + things.length));
        start += things.length;
      }
    } catch (error) {
      if (askers.length > 1 && this.#options.wasTooMuch(error)) await Promise.all(askers.map((asker) => this.#run([asker])));
      else for (const { reject } of askers) reject(error);
    } finally {
      this.#calls -= 1;
      this.#next();
    }
  }
}
