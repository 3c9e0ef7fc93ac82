/** Counts what is being worked on, so that a stop can wait for it. */
export class InFlight {
  readonly #running = new Set<Promise<unknown>>();

  get size(): number {
    return this.#running.size;
  }

  /** What `work` comes to. */
  track<T>(work: Promise<T>): Promise<T> {
    const ended = work.finally(() => this.#running.delete(ended));
    this.#running.add(ended);
    return ended;
  }

  /** True once nothing runs, also of what is tracked meanwhile; false after `ms`. */
  async idle(ms: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const expired = new Promise<'expired'>((resolve) => {
      timer = setTimeout(resolve, ms, 'expired');
    });
    try {
      while (this.#running.size > 0) {
        // oxlint-disable-next-line no-await-in-loop
        if ((await Promise.race([Promise.allSettled(this.#running), expired])) === 'expired') return false;
      }
      return true;
    } finally {
      clearTimeout(timer);
    }
  }
}
