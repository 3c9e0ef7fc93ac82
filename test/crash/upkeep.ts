/**
 * Makes time pass for what is to be cleaned up, and asks for the cleanup.
 * No operator should touch the database like this: it takes away the grace period, so that deletions and uploads of the same bytes meet all the time.
 */
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Database } from './database.js';
import { filesBelow } from './evidence.js';
import type { KilledService } from './service.js';

const longAgo = '2001-02-03T04:05:06.789Z';

/** What nothing refers to has been so for years. */
export async function ageOrphans(database: Database): Promise<void> {
  await database.query(`update blobs set orphaned_at = '${longAgo}' where orphaned_at > '${longAgo}'`);
}

/** Nobody works on a conversion any more that a killed process had begun, or tries one later that has failed. */
export async function ageClaims(database: Database): Promise<void> {
  await database.query(`update conversions set next_attempt_at = '${longAgo}' where state = 'pending'`);
}

/** All files below were written years ago. */
export async function ageFiles(directory: string): Promise<void> {
  const time = new Date(longAgo);
  await Promise.all((await filesBelow(directory)).map((path) => utimes(join(directory, path), time, time)));
}

const cleanupAnswer = z.object({ removed_blobs: z.number(), unrecorded_blobs: z.number(), temporary_files: z.number(), missing_blobs: z.number(), unmatched_blobs: z.number(), is_complete: z.boolean() });

export type CleanupAnswer = z.infer<typeof cleanupAnswer>;

/** Resolves when the cleanup is over, with what it has removed. @throws Error when it failed, or was not taken on. */
export async function cleanUp({ url }: Pick<KilledService, 'url'>): Promise<CleanupAnswer> {
  const response = await fetch(`${url}/media/cleanup`, { method: 'POST', signal: AbortSignal.timeout(60_000) });
  const answer = await response.text();
  if (response.status !== 200) throw new Error(`the cleanup was answered with ${response.status}: ${answer}`);
  return cleanupAnswer.parse(JSON.parse(answer));
}
