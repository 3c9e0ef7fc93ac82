/**
 * The load: connections that are kept alive, each of which asks, waits for the answer, and asks again. Plain sockets, because a generator on
 * one core must be able to keep the fastest contender busy on another.
 * Invariant: an answer that is not a 200 with `data` and without `errors` ends the measurement with an error; it is never counted.
 */
import { connect, type Socket } from 'node:net';
import type { Query } from './data.js';

export interface Run {
  /** Answers. */
  readonly count: number;
  readonly seconds: number;
  /** Of each answer, in milliseconds, ascending. */
  readonly latencies: Float64Array;
}

/** Undefined: this connection has nothing more to ask. */
export type Source = () => Query | undefined;

/** What the answer of each query was, for those who want to look at it. */
export type Listener = (query: Query, body: string) => void;

const answerTimeoutMs = 30_000;

export class Load {
  readonly #connections: Connection[];

  private constructor(connections: Connection[]) {
    this.#connections = connections;
  }

  /** @throws Error when nothing listens there. */
  static async connect(url: string, connections: number): Promise<Load> {
    return new Load(await Promise.all(Array.from({ length: connections }, () => Connection.open(new URL(url)))));
  }

  /** Asks what `source` gives for `milliseconds`, or until it gives nothing more. */
  async run(source: Source, { milliseconds = Infinity, listener }: { milliseconds?: number; listener?: Listener } = {}): Promise<Run> {
    const start = performance.now();
    const end = start + milliseconds;
    const latencies: number[] = [];
    await Promise.all(this.#connections.map((connection) => connection.askUntil(end, { source, latencies, listener })));
    return { count: latencies.length, seconds: (performance.now() - start) / 1_000, latencies: Float64Array.from(latencies).toSorted() };
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}

/** A source that asks each of `queries` once, over all connections. */
export function each(queries: Iterable<Query>): Source {
  const rest = queries[Symbol.iterator]();
  return () => {
    const { done, value } = rest.next();
    return done ? undefined : value;
  };
}

interface Asking {
  source: Source;
  latencies: number[];
  listener: Listener | undefined;
}

/** Where the question is asked again and again, its bytes are made once. */
const requests = new WeakMap<Query, Buffer>();
const requestHead = 'POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: application/json\r\ncontent-length: ';
const headEnd = Buffer.from('\r\n\r\n');
const lastChunk = Buffer.from('\r\n0\r\n\r\n');

class Connection {
  readonly #socket: Socket;
  #received: Buffer | undefined;
  #answered: (() => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setTimeout(answerTimeoutMs, () => socket.destroy(new Error(`no answer within ${answerTimeoutMs} ms`)));
    socket.on('data', (data) => this.#receive(data));
    socket.on('error', (error) => this.#failed?.(error));
    socket.on('close', () => this.#failed?.(new Error('the gateway has closed a connection')));
  }

  static open(url: URL): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(url.port), url.hostname, () => resolve(new Connection(socket)));
      socket.once('error', reject);
    });
  }

  askUntil(end: number, { source, latencies, listener }: Asking): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) throw new Error('the gateway has closed a connection');
      let asked = performance.now();
      let query = source();
      this.#failed = reject;
      this.#answered = () => {
        const now = performance.now();
        latencies.push(now - asked);
        try {
          if (query && this.#received) checkAnswer(this.#received, query, listener);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
          return;
        }
        query = now < end ? source() : undefined;
        asked = performance.now();
        if (query) this.#send(query);
        else resolve();
      };
      if (query) this.#send(query);
      else resolve();
    });
  }

  close(): void {
    this.#failed = undefined;
    this.#socket.destroy();
  }

  #send(query: Query): void {
    let request = requests.get(query);
    if (!request) {
      request = Buffer.from(`${requestHead}${Buffer.byteLength(query.body)}\r\n\r\n${query.body}`);
      requests.set(query, request);
    }
    this.#received = undefined;
    this.#socket.write(request);
  }

  #receive(data: Buffer): void {
    this.#received = this.#received ? Buffer.concat([this.#received, data]) : data;
    if (isWhole(this.#received)) this.#answered?.();
  }
}

function isWhole(received: Buffer): boolean {
  const bodyStart = received.indexOf(headEnd) + headEnd.length;
  if (bodyStart < headEnd.length) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(received.toString('latin1', 0, bodyStart))?.[1];
  return length === undefined ? received.subarray(-lastChunk.length).equals(lastChunk) : received.length >= bodyStart + Number(length);
}

function checkAnswer(received: Buffer, query: Query, listener: Listener | undefined): void {
  const good = received.toString('latin1', 9, 12) === '200' && received.includes('"data"') && !received.includes('"errors"');
  if (!good) throw new Error(`an answer that is none: ${received.toString('utf8', 0, 800)}\nto ${query.body.slice(0, 300)}`);
  listener?.(query, bodyOf(received));
}

function bodyOf(received: Buffer): string {
  const [head = '', ...rest] = received.toString().split('\r\n\r\n');
  const body = rest.join('\r\n\r\n');
  return /\r\ntransfer-encoding: *chunked/i.test(head) ? body.replaceAll(/(?:^|\r\n)[0-9a-f]+\r\n/gi, '') : body;
}
