/**
 * Clients of a gateway with several workers, each with one connection that it keeps: so each stays with one worker.
 * Which one shows in the id of its requests, whose first part is the process's.
 */
import { Agent, request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { waitFor } from './wait.js';

const answer = z.object({
  data: z.unknown(),
  errors: z.unknown().optional(),
  extensions: z.object({ cache: z.array(z.looseObject({ source: z.string() })) }).optional(),
});

export interface VisitorAnswer {
  readonly status: number;
  readonly worker: string;
  readonly data: unknown;
  /** Where its media came from, if the token is right. */
  readonly sources: readonly string[];
}

export class Visitor {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(url: string) {
    this.#url = url;
  }

  /** Rejects when the connection breaks, or the answer is not GraphQL's. */
  async ask(source: string, { variables = {}, explainToken }: { variables?: object; explainToken?: string } = {}): Promise<VisitorAnswer> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { 'content-type': 'application/json', ...(explainToken !== undefined && { 'x-cache-explain': explainToken }) };
      const sending = request(`${this.#url}/graphql`, { method: 'POST', agent: this.#agent, headers, signal: AbortSignal.timeout(30_000) });
      sending.on('response', resolve);
      sending.on('error', reject);
      sending.end(JSON.stringify({ query: source, variables }));
    });
    const { data, extensions } = answer.parse(JSON.parse(await text(response)));
    const worker = String(response.headers['x-request-id']).slice(0, 13);
    return { status: response.statusCode ?? 0, worker, data, sources: extensions?.cache.map(({ source: from }) => from) ?? [] };
  }

  leave(): void {
    this.#agent.destroy();
  }
}

/** `each` for every worker; resolves once all of `workers` are reached. */
export async function visitorsOfAll(url: string, { workers, each }: { workers: number; each: number }): Promise<Visitor[]> {
  const byWorker = new Map<string, Visitor[]>();
  const enough = (): boolean => byWorker.size === workers && [...byWorker.values()].every(({ length }) => length === each);
  await waitFor(
    async () => {
      const visitor = new Visitor(url);
      const { worker } = await visitor.ask('{ __typename }');
      const known = byWorker.get(worker) ?? [];
      if (known.length < each) byWorker.set(worker, [...known, visitor]);
      else visitor.leave();
      return enough();
    },
    { what: `${each} connections to each of ${workers} workers` },
  );
  return [...byWorker.values()].flat();
}
