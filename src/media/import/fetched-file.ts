/** What an import is asked for, and what it gives to the library: bytes that are there, but not kept unless they are committed. */
import type { StagedBlob } from '../bytes/blob-store.js';
import { providerSource, urlSource } from '../rows/sources.js';

export type ImportSource =
  | { kind: 'url'; url: string }
  /** `announcedAt`, `sha256` (hex or base64): when the provider announced it, and with which hash; undefined: unknown. */
  | { kind: 'provider'; provider: string; id: string; announcedAt: Date | undefined; sha256?: string | undefined };

/** From a download, or from the copy that is kept of it. */
export interface FetchedFile extends Omit<StagedBlob, 'discard'> {
  /** Mended: safe as it is. */
  fileName: string;
  /** RFC 3339: when its bytes were downloaded. */
  fetchedAt: string;
}

/** The name under which sources.ts and the single flight know it. */
export function sourceName(source: ImportSource): string {
  return source.kind === 'url' ? urlSource(source.url) : providerSource(source.provider, source.id);
}

/** The source with this name; undefined when it is none. */
export function sourceNamed(name: string): ImportSource | undefined {
  if (/^https?:/i.test(name)) return { kind: 'url', url: name };
  const { provider, id } = /^(?<provider>[^:]+):(?<id>.+)$/s.exec(name)?.groups ?? {};
  return provider !== undefined && id !== undefined ? { kind: 'provider', provider, id, announcedAt: undefined } : undefined;
}

/** For the log: without what follows the path of a URL, where secrets are. */
export function sourceLabel(source: ImportSource): string {
  if (source.kind === 'provider') return source.id;
  const { origin, pathname } = URL.canParse(source.url) ? new URL(source.url) : { origin: '', pathname: 'of no URL' };
  return `${origin}${pathname}`;
}
