/**
 * The way of a hot operation through HTTP: from the request's bytes to the answer's, before any framework.
 * Invariant: a request is answered here as it would be behind `next`, to the byte, or goes there with all that was read of it (`taken`).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { explainHeader } from '../explain.js';
import type { Known } from '../request-context.js';
import type { HotLane, Outcome } from './hot-lane.js';

export type Next = (request: IncomingMessage, response: ServerResponse) => void;
export type Entrance = (request: IncomingMessage, response: ServerResponse, next: Next) => void;

export interface EntranceOptions {
  lane: HotLane;
  paths: readonly string[];
  /** What the other lane answers to an `accept`, where that is known. */
  contentTypeOf: (accept: string) => string | undefined;
  requestIdOf: (request: IncomingMessage) => string;
  /** From now on requests go to `next`, which tells their connections to end. */
  isStopping: () => boolean;
  /** Called with each request that was answered here. */
  answered: (seconds: number) => void;
}

/** Of a request that has gone on to `next` after its body was read. */
export interface Taken {
  /** All of it. */
  readonly body: Buffer;
  /** What was read for it. */
  readonly known: Known | undefined;
}

export const taken = new WeakMap<IncomingMessage, Taken>();

/** What is longer seldom arrives in one piece. */
const maxBodyBytes = 65_536;

const jsonTypes: readonly (string | undefined)[] = ['application/json', 'application/json; charset=utf-8', 'application/json;charset=utf-8', 'application/json;charset=UTF-8'];

/** A request on its way through here. */
interface Passing {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly next: Next;
  readonly contentType: string;
  /** Milliseconds of the process's clock. */
  readonly beganAt: number;
}

export function hotEntrance(options: EntranceOptions): Entrance {
  const { contentTypeOf, paths, isStopping } = options;
  return (request, response, next) => {
    const { method, url = '', headers } = request;
    const length = Number(headers['content-length']);
    const isOurs = method === 'POST' && paths.includes(url) && length > 0 && length <= maxBodyBytes && jsonTypes.includes(headers['content-type']) && !headers[explainHeader];
    const contentType = contentTypeOf(headers.accept ?? '');
    if (!isOurs || contentType === undefined || isStopping()) {
      next(request, response);
      return;
    }
    const passing = { request, response, next, contentType, beganAt: performance.now() };
    request.once('data', (chunk: Buffer) => {
      if (chunk.length < length) {
        request.pause();
        request.unshift(chunk);
        next(request, response);
        return;
      }
      const outcome = options.lane.answer(chunk);
      if (typeof outcome === 'string') answer(passing, outcome, options);
      else if (outcome) void answerLater(passing, { body: chunk, outcome }, options);
      else giveOn(passing, { body: chunk, known: undefined });
    });
  };
}

function giveOn({ request, response, next }: Passing, read: Taken): void {
  taken.set(request, read);
  next(request, response);
}

function answer({ request, response, contentType, beganAt }: Passing, text: string, { requestIdOf, isStopping, answered }: EntranceOptions): void {
  const id = requestIdOf(request);
  const length = Buffer.byteLength(text);
  // A connection that is kept alive behind its last answer would hold up the stop.
  if (isStopping()) response.setHeader('connection', 'close');
  response.writeHead(200, { 'cache-control': 'no-store', 'content-type': contentType, 'x-request-id': id, 'content-length': length });
  // Text without a character beyond ASCII is the same bytes either way, and written faster.
  response.end(text, length === text.length ? 'latin1' : 'utf8');
  answered((performance.now() - beganAt) / 1_000);
}

async function answerLater(passing: Passing, { body, outcome }: { body: Buffer; outcome: Promise<Outcome> }, options: EntranceOptions): Promise<void> {
  const found = await outcome;
  if (typeof found === 'string') answer(passing, found, options);
  else giveOn(passing, { body, known: found });
}
