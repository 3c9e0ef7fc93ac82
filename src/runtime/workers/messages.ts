/** What the processes of one program say to each other over IPC. Bodies are parsed by those who know what they mean. */
import { z } from 'zod';

/** From a worker to the primary. */
export const toPrimary = z.discriminatedUnion('type', [
  /** It answers questions from now on. */
  z.object({ type: z.literal('joined') }),
  /** It answers requests at `url`. */
  z.object({ type: z.literal('ready'), url: z.string() }),
  /** For all others who have joined; `id` is the asker's. */
  z.object({ type: z.literal('ask'), id: z.int(), topic: z.string(), body: z.unknown().optional() }),
  z.object({ type: z.literal('answer'), id: z.int(), body: z.unknown().optional() }),
]);
export type ToPrimary = z.infer<typeof toPrimary>;

/** From the primary to a worker. */
export const toWorker = z.discriminatedUnion('type', [
  z.object({ type: z.literal('question'), id: z.int(), topic: z.string(), body: z.unknown().optional() }),
  /** Of one of the others; `id` is the asker's. */
  z.object({ type: z.literal('answer'), id: z.int(), body: z.unknown().optional() }),
  /** All have answered who are still there. */
  z.object({ type: z.literal('answered'), id: z.int() }),
]);
export type ToWorker = z.infer<typeof toWorker>;
