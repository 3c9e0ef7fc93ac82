/** What a converter process is asked, and what it answers: one message each, one task at a time. */
import { z } from 'zod';

export const convertTask = z.object({
  /** Paths; the output is made. */
  input: z.string(),
  output: z.string(),
  width: z.int(),
  height: z.int(),
  fit: z.enum(['contain', 'cover']),
  format: z.enum(['webp', 'jpeg', 'png']),
  quality: z.int(),
});

export type ConvertTask = z.infer<typeof convertTask>;

/** Without a reason the output is there. With one, no such task can ever be done with these bytes. */
export const convertAnswer = z.object({ unconvertible: z.string().optional() });

export type ConvertAnswer = z.infer<typeof convertAnswer>;
