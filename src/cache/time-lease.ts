/**
 * How long this process may go by what it has heard: until δ after it *sent* the last question that was answered. The answer came behind
 * everything that was said before the question arrived, so whatever was said more than δ ago has been heard. A process or a channel that
 * was paused finds the lease over. Source: C. Gray, D. Cheriton, "Leases", SOSP 1989.
 */
export class TimeLease {
  readonly #ms: number;
  readonly #now: () => number;
  #until = -Infinity;

  /** `now`: milliseconds of a monotonic clock. */
  constructor(ms: number, now: () => number) {
    this.#ms = ms;
    this.#now = now;
  }

  get held(): boolean {
    return this.#now() < this.#until;
  }

  /** When the question is sent; hand it to `answered`. */
  asked(): number {
    return this.#now();
  }

  answered(askedAt: number): void {
    this.#until = Math.max(this.#until, askedAt + this.#ms);
  }

  /** The channel is gone. */
  end(): void {
    this.#until = -Infinity;
  }
}
