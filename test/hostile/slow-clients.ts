/**
 * Clients that take their time: they begin, and leave the product waiting. They have a product of their own, since they outlast all others.
 * Invariant: each ends by itself within the product's own idle time.
 */
import { connect } from 'node:net';
import { uploadMutation } from '../support/graphql.js';
import type { HostileInput, Reply, Section } from './hostile-input.js';
import type { Kept } from './kept.js';
import { World } from './world.js';

const crowdSize = 100;
/** Longer than the product's. */
const patienceMs = 60_000;

const part = (disposition: string, content: string): string => `--x\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${content}\r\n`;
const input = { modelType: 'Post', modelId: 'slow', collectionName: 'files', file: null };
const operations = part('name="operations"', JSON.stringify({ query: uploadMutation, variables: { input } }));
const begun = `${operations}${part('name="map"', '{"0":["variables.input.file"]}')}--x\r\nContent-Disposition: form-data; name="0"; filename="a.txt"\r\n\r\nhel`;

const head = [
  'POST /graphql HTTP/1.1',
  'Host: x',
  'Apollo-Require-Preflight: 1',
  'Content-Type: multipart/form-data; boundary=x',
  'Content-Length: 1000000',
  '\r\n',
].join('\r\n');

/** The answer to a request that begins so, and then says nothing more. */
async function afterSilence(world: World, text: string): Promise<Reply> {
  const said = await world.talk(Number(new URL(world.url).port), text, patienceMs);
  const { code, message } = /"message":"(?<message>[^"]*)".*"code":"(?<code>\w+)"/.exec(said)?.groups ?? {};
  return { answer: code ?? said.slice(0, 100), says: message ?? '' };
}

export class SlowClients {
  readonly #world: World;
  readonly #before: Kept;
  readonly #ends: (() => void)[];
  readonly replies: Readonly<Record<'multipart' | 'operations' | 'grpc', Promise<Reply>>>;

  private constructor(world: World, before: Kept) {
    this.#world = world;
    this.#before = before;
    const meta = { model_type: 'Post', model_id: 'slow', collection_name: 'files', file_name: 'a.txt' };
    this.#ends = Array.from({ length: crowdSize }, () => dribble(world, head + begun));
    this.replies = {
      multipart: afterSilence(world, head + begun),
      operations: afterSilence(world, head + operations.slice(0, 40)),
      grpc: world.send([{ meta }, { chunk: Buffer.from('hel') }], { end: false, patienceMs }),
    };
    for (const reply of Object.values(this.replies)) reply.catch(() => undefined);
  }

  static async start(): Promise<SlowClients> {
    const world = await World.start();
    return new SlowClients(world, await world.settled());
  }

  /** That the product answers others meanwhile. */
  async crowd(): Promise<Reply> {
    await this.#world.expectWell();
    const { says } = await this.#world.upload(Buffer.from('meanwhile'), 'a.txt');
    for (const end of this.#ends) end();
    return { answer: 'others are answered', says };
  }

  /** What was kept of all of them, once they have ended: one file of somebody else. */
  async kept(): Promise<{ before: Kept; after: Kept }> {
    await Promise.allSettled(Object.values(this.replies));
    return { before: this.#before, after: await this.#world.settled() };
  }

  stop(): Promise<void> {
    for (const end of this.#ends) end();
    return this.#world.stop();
  }
}

/** A byte each second, until it is ended. */
function dribble(world: World, text: string): () => void {
  const socket = connect(Number(new URL(world.url).port), '127.0.0.1', () => socket.write(text));
  socket.on('error', () => undefined);
  socket.resume();
  const timer = setInterval(() => socket.write('x'), 1_000);
  socket.once('close', () => clearInterval(timer));
  return () => socket.destroy();
}

export function slowClients(clients: () => SlowClients): Section {
  const row = (text: string, answer: string, send: () => Promise<Reply>): HostileInput => ({ input: text, answer, stored: false, send });
  return {
    title: 'Clients that wait',
    intro: 'To a product of their own, all at once: silence ends after 30 seconds. Who sends a byte now and then is not silent, and ends after 5 minutes at the latest.',
    inputs: [
      row(`${crowdSize} uploads of a byte each second`, 'others are answered', () => clients().crowd()),
      row('an upload that stops in the middle of its file', 'BAD_USER_INPUT', () => clients().replies.multipart),
      row('an upload that stops in the middle of `operations`', 'BAD_USER_INPUT', () => clients().replies.operations),
      row('a gRPC stream that stops in the middle of its file', 'ABORTED', () => clients().replies.grpc),
    ],
  };
}
