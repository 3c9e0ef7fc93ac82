/**
 * Single flight with a shared result: all who ask for the same at the same time wait for one run and use what it gave.
 * Invariant: a result is discarded once, when the last who uses it has ended; who comes after that starts anew.
 */

interface Flight<T> {
  result: Promise<T>;
  users: number;
  /** The most that any of its users wants. */
  maxBytes: number;
}

export class Flights<T extends { discard(): Promise<void> }> {
  readonly #flights = new Map<string, Flight<T>>();

  /**
   * What `use` makes of the result of `start`, which runs unless somebody else's run goes on or is still in use.
   * `start` asks how many bytes are wanted as often as it needs to know: the limit rises when somebody joins who wants more.
   */
  async join<R>(key: string, maxBytes: number, start: (maxBytes: () => number) => Promise<T>, use: (result: T) => Promise<R>): Promise<R> {
    const flight = this.#flights.get(key) ?? this.#begin(key, maxBytes, start);
    flight.users += 1;
    flight.maxBytes = Math.max(flight.maxBytes, maxBytes);
    try {
      return await use(await flight.result);
    } finally {
      flight.users -= 1;
      if (flight.users === 0) await this.#finish(key, flight);
    }
  }

  /** Who asks from now on starts anew; those who are on it stay. */
  forget(key: string): void {
    this.#flights.delete(key);
  }

  #begin(key: string, maxBytes: number, start: (maxBytes: () => number) => Promise<T>): Flight<T> {
    const result = Promise.resolve().then(() => start(() => flight.maxBytes));
    const flight: Flight<T> = { result, users: 0, maxBytes };
    this.#flights.set(key, flight);
    return flight;
  }

  async #finish(key: string, flight: Flight<T>): Promise<void> {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
    const result = await flight.result.catch(() => undefined);
    await result?.discard();
  }
}
