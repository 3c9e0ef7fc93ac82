/** Reads what a provider answers to a call. */
import type { Answer } from './guarded-fetch.js';
import { ImportFailure } from './import-failure.js';
import type { ProviderAnswer } from './provider-call.js';

const maxAnswerBytes = 1_048_576;

/** @throws ImportFailure when it is too long, and what the body throws. */
export async function providerAnswer({ status, headers, body }: Answer): Promise<ProviderAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxAnswerBytes) throw new ImportFailure('transient', 'The provider gave an answer that is too long.');
    chunks.push(chunk);
  }
  return { status, retryAfter: headers['retry-after'], text: Buffer.concat(chunks).toString() };
}
