/**
 * A wire between one gateway and one server, which a fault can stall in either direction and an observer can listen to.
 * Invariant: bytes are passed on in order, and none before a stall of their direction is over; a stalled sender is held back, not closed.
 * (faults/tcp-proxy.ts stalls both directions at once, and shows nobody the bytes.)
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { closeServer } from '../support/close-server.js';
import type { Direction } from '../support/faults/link.js';
import { freePort } from '../support/wait.js';

/** Is shown the bytes of one connection as soon as they arrive, stalled or not. */
export type Listener = (direction: Direction, bytes: Buffer) => void;

export interface WireOptions {
  /** Where the server listens. */
  port: number;
  /** Default nobody. Called for each connection. */
  listen?: () => Listener;
  /** Default nothing. Changes what the server says, without changing how long it is. */
  translate?: (bytes: Buffer) => Buffer;
}

const host = '127.0.0.1';

/** Listens on a free port of 127.0.0.1. The server may go and come back. */
export async function startWire(options: WireOptions): Promise<Wire> {
  const port = await freePort();
  const wire = new Wire(port, options);
  await wire.listening;
  return wire;
}

export class Wire {
  readonly port: number;
  readonly listening: Promise<unknown>;
  readonly #server: Server;
  readonly #flows = new Set<Flow>();
  readonly #stalled = new Set<Direction>();

  constructor(port: number, { port: target, listen, translate }: WireOptions) {
    this.port = port;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      const upstream = connect({ host, port: target, allowHalfOpen: true, noDelay: true });
      const show = listen?.();
      this.#carry(new Flow(client, upstream, { isStalled: () => this.#stalled.has('toServer'), show: (bytes) => show?.('toServer', bytes) }));
      this.#carry(new Flow(upstream, client, { isStalled: () => this.#stalled.has('toClient'), show: (bytes) => show?.('toClient', bytes), ...(translate && { translate }) }));
    });
    this.#server.listen(port, host);
    this.listening = once(this.#server, 'listening');
  }

  /** From now on, nothing gets through in this direction, nor does the news that the other end is gone. */
  stall(direction: Direction): void {
    this.#stalled.add(direction);
  }

  resume(): void {
    this.#stalled.clear();
    for (const flow of this.#flows) flow.pump();
  }

  /** Ends the wire and all its connections. Idempotent. */
  async stop(): Promise<void> {
    await closeServer(this.#server, () => this.#flows.forEach((flow) => flow.destroy()));
  }

  #carry(flow: Flow): void {
    this.#flows.add(flow);
    flow.source.once('close', () => this.#flows.delete(flow));
  }
}

interface FlowOptions {
  isStalled: () => boolean;
  show: (bytes: Buffer) => void;
  translate?: (bytes: Buffer) => Buffer;
}

/** One direction of one connection. */
class Flow {
  readonly source: Socket;
  readonly #sink: Socket;
  readonly #options: FlowOptions;
  readonly #held: Buffer[] = [];
  #end: 'none' | 'ended' | 'broken' = 'none';

  constructor(source: Socket, sink: Socket, options: FlowOptions) {
    this.source = source;
    this.#sink = sink;
    this.#options = options;
    source.on('data', (bytes: Buffer) => {
      options.show(bytes);
      this.#held.push(options.translate?.(bytes) ?? bytes);
      this.pump();
    });
    source.on('end', () => this.#finish('ended'));
    source.on('error', () => this.#finish('broken'));
    source.on('close', () => this.#finish('broken'));
    sink.on('drain', () => this.pump());
  }

  /** Passes on what may be passed on. */
  pump(): void {
    if (this.#options.isStalled()) {
      this.source.pause();
      return;
    }
    for (let bytes = this.#held.shift(); bytes; bytes = this.#held.shift()) this.#sink.write(bytes);
    if (this.#end === 'broken') this.#sink.destroy();
    else if (this.#end === 'ended') this.#sink.end();
    else if (this.#sink.writableNeedDrain) this.source.pause();
    else this.source.resume();
  }

  destroy(): void {
    this.source.destroy();
  }

  #finish(end: 'ended' | 'broken'): void {
    // A close behind an end is no break: the sink may have more to say.
    if (this.#end === 'none') this.#end = end;
    this.pump();
  }
}
