/** What the processes that share a Redis tell each other: that something was invalidated, or, with the empty text, that everything may have been. */
import { z } from 'zod';
import { parseJson } from '../runtime/parse-json.js';
import type { Invalidation } from './recent-invalidations.js';

const announcement = z.union([z.tuple([z.string(), z.string()]), z.tuple([z.string()])]);

export const everything = '';

export function announcementOf({ owner, collection }: Invalidation): string {
  return JSON.stringify(collection === undefined ? [owner] : [owner, collection]);
}

/** Who announces what we cannot read is newer than we are: better to forget too much. */
export function readAnnouncement(message: string): Invalidation | 'everything' {
  const parsed = announcement.safeParse(parseJson(message));
  return parsed.success ? { owner: parsed.data[0], collection: parsed.data[1] } : 'everything';
}
