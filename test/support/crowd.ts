/**
 * Many clients that ask the same at the same moment.
 * Invariant: they live on a thread of their own, which has ended when they have their answers, or with the first that got none.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';

export interface CrowdOptions {
  /** Of the gateways, asked in turn. */
  urls: readonly string[];
  count: number;
  source: string;
  variables: Record<string, unknown>;
  /** Default 30,000. Milliseconds that each may wait. */
  timeoutMs?: number;
}

const answers = z.array(z.object({ answer: z.unknown(), ms: z.number() }));

export interface Crowd {
  /** Asks, all at once; resolves with each answer and the milliseconds it took. Once; rejects when one got no answer. */
  ask(): Promise<z.infer<typeof answers>>;
}

/** Resolves when the crowd is there; it asks when it is told to. */
export async function gatherCrowd({ timeoutMs = 30_000, ...options }: CrowdOptions): Promise<Crowd> {
  const worker = new Worker(new URL('fixtures/crowd.js', import.meta.url), { workerData: { ...options, timeoutMs } });
  // A crowd that is never told to ask keeps no test run alive.
  worker.unref();
  await once(worker, 'message');
  return {
    ask: async () => {
      const answered = once(worker, 'message');
      worker.postMessage('go', []);
      const [asked]: unknown[] = await answered;
      await worker.terminate();
      return answers.parse(asked);
    },
  };
}
