/**
 * The way of a hot operation through HTTP: from the request's bytes to the answer's, before any framework.
 * Invariant: a request is answered here as it would be behind `next`, to the byte, or goes there untouched: its body is put back, and what was
 * read for it is found by `known`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { explainHeader } from '../explain.js';
import type { Known } from '../request-context.js';
import type { GraphQLBody, HotLane, Outcome } from './hot-lane.js';

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

/** What was read for a request that has gone on to `next`. */
export const known = new WeakMap<IncomingMessage, Known>();

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
      const body = chunk.length === length ? bodyOf(chunk) : undefined;
      const outcome = body && options.lane.answer(body);
      if (typeof outcome === 'string') {
        answer(passing, outcome, options);
        return;
      }
      // Now: by the next tick the request may have ended, and behind its end nothing can be put back.
      request.pause();
      request.unshift(chunk);
      if (outcome) void answerLater(passing, outcome, options);
      else next(request, response);
    });
  };
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

async function answerLater(passing: Passing, outcome: Promise<Outcome>, options: EntranceOptions): Promise<void> {
  const { request, response, next } = passing;
  const found = await outcome;
  if (typeof found === 'string') {
    request.resume();
    answer(passing, found, options);
  } else {
    known.set(request, found);
    next(request, response);
  }
}

/** Fastify refuses bodies that could change prototypes, however they are written: it is to look at whatever may be one. */
function isSuspect(text: string): boolean {
  return text.includes('__proto__') || text.includes('constructor') || text.includes('\\u');
}

/** Undefined of what only Apollo can read. */
function bodyOf(bytes: Buffer): GraphQLBody | undefined {
  const text = bytes.toString();
  const body = isSuspect(text) ? undefined : parsed(text);
  if (!isRecord(body) || typeof body.query !== 'string' || (body.extensions ?? undefined) !== undefined) return undefined;
  const { query } = body;
  const operationName = body.operationName ?? undefined;
  const variables = body.variables ?? {};
  if (operationName !== undefined && (typeof operationName !== 'string' || operationName === '')) return undefined;
  return isRecord(variables) ? { query, operationName, variables } : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
