/** JSON files that operators write: read as a whole, or refused with one line that says what is wrong in them. */
import { readFile } from 'node:fs/promises';
import type { z } from 'zod';

/** @throws Error in one line, as `avatars.maxBytes must be …`. */
export async function readJsonFile<T>(path: string, type: z.ZodType<T>): Promise<T> {
  const parsed = type.safeParse(parseJson(await readFile(path, 'utf8')));
  if (parsed.success) return parsed.data;
  throw new Error(explain(parsed.error.issues[0]));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    throw new Error('the file is not JSON');
  }
}

function explain(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === 'invalid_key') return `the name ${JSON.stringify(issue.path.at(-1))} ${issue.issues[0]?.message}`;
  return `${issue?.path.join('.') || 'the file'} ${issue?.message ?? 'is not usable'}`;
}
