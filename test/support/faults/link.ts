/**
 * The condition of a proxy's network: stalled, slow or far away. It carries one direction of one connection at a time
 * in `flow`; all connections share the condition. Invariant: about `QUEUED_BYTES` wait at most in each flow; beyond
 * that the source is paused, and its sender feels it.
 */
import { EventEmitter, on, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Socket } from 'node:net';

export type Direction = 'toServer' | 'toClient';

const QUEUED_BYTES = 256 * 1024;
/** A limited link moves the bytes of 50 ms at once. */
const SLICES_PER_SECOND = 20;

export class Link {
  delayMs = 0;
  #bytesPerSecond = Infinity;
  #freeAt = { toServer: 0, toClient: 0 };
  #paused = false;
  readonly #resumed = new EventEmitter().setMaxListeners(0);

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#resumed.emit('resume');
  }

  throttle(bytesPerSecond = Infinity): void {
    this.#bytesPerSecond = bytesPerSecond;
    this.#freeAt = { toServer: 0, toClient: 0 };
  }

  /** Resolves when the link is not stalled. */
  async open(signal: AbortSignal): Promise<void> {
    while (this.#paused) await once(this.#resumed, 'resume', { signal });
  }

  /** Moves all bytes of `source` to `sink`, and then its end. @throws AbortError when `signal` aborts. */
  async flow(source: Socket, sink: Socket, { direction, signal }: { direction: Direction; signal: AbortSignal }): Promise<void> {
    const arrivals: number[] = [];
    let waiting = 0;
    source.on('data', (chunk: Buffer) => {
      arrivals.push(performance.now());
      waiting += chunk.length;
      if (waiting >= QUEUED_BYTES) source.pause();
    });
    for await (const [chunk] of on(source, 'data', { signal, close: ['end'] })) {
      await sleepUntil((arrivals.shift() ?? 0) + this.delayMs, signal);
      for await (const slice of this.#slices(chunk, direction, signal)) {
        if (!sink.write(slice)) await once(sink, 'drain', { signal });
      }
      waiting -= chunk.length;
      if (waiting < QUEUED_BYTES) source.resume();
    }
    await sleepUntil(performance.now() + this.delayMs, signal);
    await this.open(signal);
    sink.end();
  }

  async *#slices(chunk: Buffer, direction: Direction, signal: AbortSignal): AsyncGenerator<Buffer> {
    for (let rest = chunk; rest.length > 0; ) {
      const length = Math.max(1, Math.floor(Math.min(rest.length, this.#bytesPerSecond / SLICES_PER_SECOND)));
      this.#freeAt[direction] = Math.max(performance.now(), this.#freeAt[direction]) + (length / this.#bytesPerSecond) * 1_000;
      await sleepUntil(this.#freeAt[direction], signal);
      await this.open(signal);
      yield rest.subarray(0, length);
      rest = rest.subarray(length);
    }
  }
}

async function sleepUntil(time: number, signal: AbortSignal): Promise<void> {
  const ms = time - performance.now();
  if (ms > 0) await sleep(ms, undefined, { signal });
}
