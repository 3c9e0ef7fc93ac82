/** A provider of media on a media host: an id is resolved with a bearer token to a URL on the same host, as the large ones do it. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { failureOfStatus, ImportFailure } from '../../src/media/import/import-failure.js';
import type { MediaProvider } from '../../src/media/import/provider.js';
import { ok, type MediaHost, type Play } from './media-host.js';

const answer = z.object({
  url: z.string(),
  sha256: z.string().optional(),
  file_size: z.coerce.number().optional(),
  mime_type: z.string().optional(),
});

const dead = z.object({ error: z.object({ code: z.literal(100) }) });

export interface FakeProviderOptions {
  /** Default the host itself. Where its media may be. */
  allowedHosts?: readonly string[];
}

export const token = 'Bearer secret-of-the-provider';

export function fakeProvider(host: MediaHost, { allowedHosts = [host.host] }: FakeProviderOptions = {}): MediaProvider {
  const headers = { authorization: token };
  return {
    name: 'fake',
    namedHosts: [],
    async resolve(id, { fetch }) {
      const { status, retryAfter, text } = await fetch(host.url(`/ids/${encodeURIComponent(id)}`), headers);
      if (status === 400 && dead.safeParse(JSON.parse(text)).success) throw new ImportFailure('gone', 'The provider does not have the media any more.');
      if (status !== 200) throw failureOfStatus(status, retryAfter);
      const { url, sha256, file_size: size, mime_type: mimeType } = answer.parse(JSON.parse(text));
      return { url, headers, allowedHosts, sha256, size, mimeType };
    },
  };
}

/** Plans a media with all that is announced of it; `changes` to that, `plays` in place of the plain download. */
export function planMedia(host: MediaHost, id: string, bytes: Buffer, changes: Record<string, unknown> = {}, ...plays: Play[]): void {
  const path = `/files/${id}`;
  const announced = {
    url: host.url(path),
    mime_type: 'image/png',
    sha256: createHash('sha256').update(bytes).digest('hex'),
    file_size: String(bytes.length),
    ...changes,
  };
  host.plan(`/ids/${id}`, ok(JSON.stringify(announced), { 'content-type': 'application/json' }));
  const [first = ok(bytes), ...others] = plays;
  host.plan(path, first, ...others);
}
