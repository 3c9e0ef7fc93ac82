/**
 * The contract of a provider: a service that gives out ids of media, and for an id a URL that lives for a short time.
 * Invariant: a provider never touches the network itself; what it asks for goes through `fetch`, which guards, times and counts it.
 */

import type { FastifyPluginAsync } from 'fastify';
import type { Inbox } from '../messages/message.js';
import type { StatusUpdate, TemplateChannel } from '../templates/template-channel.js';
import type { ProviderAnswer } from './provider-call.js';

export interface ProviderContext {
  /** Aborted when the service stops. */
  signal: AbortSignal;
  /** A GET within the deadline of a resolve. `headers` go to the origin of `url` only. @throws ImportFailure, which is passed on as it is. */
  fetch: (url: string, headers: Readonly<Record<string, string>>) => Promise<ProviderAnswer>;
}

export interface ResolvedMedia {
  url: string;
  /** For the download: sent to the origin of `url`, and dropped by a redirect that leaves it. */
  headers: Readonly<Record<string, string>>;
  /** Where `url` may lead: `host`, `host:port` or `*.domain`. A redirect may lead elsewhere, without the headers. */
  allowedHosts: readonly string[];
  /** What the bytes must be: hex or base64. */
  sha256?: string | undefined;
  /** Bytes. */
  size?: number | undefined;
  mimeType?: string | undefined;
  fileName?: string | undefined;
}

export interface MediaProvider {
  /** Lower case, without a colon: it begins the names of its sources. */
  readonly name: string;
  /** `host:port` that the operator has named for it: for its media they may be called by plain HTTP and at private addresses too. */
  readonly namedHosts: readonly string[];
  /**
   * Where the media with this id is now. Called for each try, so a URL that has ended is not met again.
   * @throws ImportFailure (import-failure.ts): `gone` when there is no such media any more, `unauthorised`, `throttled`, `transient`.
   * What else it throws counts as `transient`.
   */
  resolve(id: string, context: ProviderContext): Promise<ResolvedMedia>;
  /** The id of the media of a message, in what the provider has said of it (`rawPayload`). Undefined: there is none. */
  readonly mediaIdIn?: (rawPayload: string) => string | undefined;
  /** The routes by which it tells of messages. Default none: its media are imported only when somebody asks for them. */
  readonly webhook?: (inbox: ProviderInbox) => FastifyPluginAsync;
  /** Default none: it sends nothing. */
  readonly templates?: TemplateChannel;
}

/** What a provider tells of: messages that arrive, and how those fare that were sent. */
export interface ProviderInbox extends Inbox {
  /** Of messages that are not ours nothing is kept. Resolves once it is durable. Idempotent, in any order. */
  report(updates: readonly StatusUpdate[]): Promise<void>;
}

/** The hex of a sha256 in either notation; undefined for what is none. */
export function sha256Hex(text: string): string | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === 32 ? bytes.toString('hex') : undefined;
}
