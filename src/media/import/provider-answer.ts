/** Reads what a provider answers to a call. */
import type { Answer } from './guarded-fetch.js';
import { FileTooLarge } from './import-failure.js';
import type { ProviderAnswer } from './provider-call.js';

const maxAnswerBytes = 1_048_576;

/** @throws FileTooLarge, and what the body throws. */
export async function providerAnswer({ status, headers, body }: Answer): Promise<ProviderAnswer> {
  const chunks: Buffer[] = [];
  for await (const chunk of capped(body, () => maxAnswerBytes)) chunks.push(chunk);
  return { status, retryAfter: headers['retry-after'], text: Buffer.concat(chunks).toString() };
}

/** The chunks as they come. `maxBytes` is asked for each. @throws FileTooLarge as soon as there are more. */
export async function* capped(chunks: AsyncIterable<Buffer>, maxBytes: () => number): AsyncGenerator<Buffer, void, undefined> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > maxBytes()) throw new FileTooLarge(maxBytes());
    yield chunk;
  }
}
