/**
 * Questions about many things each, put to a service in few calls: while several calls are under way, who asks for many things waits for one of them
 * to end and then goes with all who wait. So a busy process makes fewer and larger calls; one that is not busy, and who asks for little, wait for nothing.
 * Invariant: nobody waits longer than a moment, and a call is made for things that were asked for before it began, and for nothing else.
 */

export interface CoalescerOptions<T, R> {
  /** Answers in the order of the things. Has a deadline and a bound of its own on how many are under way. */
  call: (things: readonly T[]) => Promise<readonly R[]>;
  /** Calls at once, before others wait. */
  maxCalls: number;
  /** Who asks for fewer things does not wait. */
  minThings: number;
  /** Of one call, where several ask for them. */
  maxThings: number;
  /** Milliseconds that one may wait; then a further call is made. */
  maxWaitMs: number;
  /** Whether a call may have failed because of one of its askers: then each is given a call of its own. */
  mayBeOfOne: (error: unknown) => boolean;
}

interface Asker<T, R> {
  readonly things: readonly T[];
  readonly resolve: (answers: readonly R[]) => void;
  readonly reject: (error: unknown) => void;
}

export class Coalescer<T, R> {
  readonly #options: CoalescerOptions<T, R>;
  readonly #waiting: Asker<T, R>[] = [];
  #calls = 0;
  #impatience: NodeJS.Timeout | undefined;

  constructor(options: CoalescerOptions<T, R>) {
    this.#options = options;
  }

  /** In the order of `things`. @throws what `call` throws. */
  ask(things: readonly T[]): Promise<readonly R[]> {
    const { maxCalls, minThings, maxWaitMs, call } = this.#options;
    if (things.length < minThings) return call(things);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ things, resolve, reject });
      if (this.#calls < maxCalls) this.#callForWaiting();
      else this.#impatience ??= setTimeout(() => this.#callForAll(), maxWaitMs);
    });
  }

  #callForAll(): void {
    while (this.#waiting.length > 0) this.#callForWaiting();
  }

  #callForWaiting(): void {
    const askers: Asker<T, R>[] = [];
    let count = 0;
    for (let asker = this.#waiting[0]; asker && (count === 0 || count + asker.things.length <= this.#options.maxThings); asker = this.#waiting[0]) {
      this.#waiting.shift();
      askers.push(asker);
      count += asker.things.length;
    }
    if (this.#waiting.length === 0) {
      clearTimeout(this.#impatience);
      this.#impatience = undefined;
    }
    if (askers.length > 0) void this.#run(askers);
  }

  /** Never rejects. */
  async #run(askers: readonly Asker<T, R>[]): Promise<void> {
    const { call, mayBeOfOne, maxCalls } = this.#options;
    this.#calls += 1;
    try {
      const answers = await call(askers.flatMap(({ things }) => things));
      let start = 0;
      for (const { things, resolve } of askers) {
        resolve(answers.slice(start, start + things.length));
        start += things.length;
      }
    } catch (error) {
      if (askers.length > 1 && mayBeOfOne(error)) await Promise.all(askers.map((asker) => this.#run([asker])));
      else for (const { reject } of askers) reject(error);
    } finally {
      this.#calls -= 1;
      if (this.#calls < maxCalls) this.#callForWaiting();
    }
  }
}
