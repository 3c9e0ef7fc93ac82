/**
 * The contract of the messages and of the queue of imports that is in them.
 * Implementation: sql-message-store.ts; one conformance suite runs on both databases.
 * Invariant: a message is there once, whoever tells of it how often; an import that was claimed and not ended is due again when its lease ends.
 */
import type { CollectionKey } from '../rows/media-store.js';
import type { MediaState, NewMessage } from './message.js';

/** Where the files of a message are. */
export function messageFiles(messageId: string): CollectionKey {
  return { modelType: 'Message', modelId: messageId, collectionName: 'attachments' };
}

export interface Message extends Omit<NewMessage, 'media'> {
  readonly providerMediaId: string | undefined;
  readonly mediaUrl: string | undefined;
  readonly state: MediaState;
  /** A sentence for clients; undefined where nothing went wrong. */
  readonly reason: string | undefined;
  /** Of the closed list; with a reason. */
  readonly code: string | undefined;
  /** Whether asking for it again may help. */
  readonly retryable: boolean;
  /** RFC 3339. */
  readonly receivedAt: string;
  /** Its place in the order of arrival. */
  readonly cursor: string;
}

export interface MessageQuery {
  readonly first: number;
  /** A cursor; empty: from the latest on. What is none finds nothing. */
  readonly after: string;
  /** Empty: of everybody. */
  readonly from: string;
}

export interface MessagePage {
  readonly messages: readonly Message[];
  /** Whether there are older ones. */
  readonly hasMore: boolean;
}

/** An import that somebody works on until its lease ends; then it is due again. */
export interface ImportJob {
  readonly messageId: string;
  readonly providerMediaId: string;
  readonly sha256: string | undefined;
  readonly fileName: string | undefined;
  readonly sentAt: string | undefined;
  /** Tries before this one. */
  readonly attempts: number;
}

/** Why a media is not there, as clients are told. */
export interface Failure {
  readonly reason: string;
  readonly code: string;
}

export interface MessageStore {
  /** All in one transaction; known ones are left as they are. Resolves with the ids of those that were new. */
  add(messages: readonly NewMessage[], now: Date): Promise<ReadonlySet<string>>;
  /** In the order of `ids`; undefined where there is none. */
  find(ids: readonly string[]): Promise<(Message | undefined)[]>;
  /** The latest first. */
  list(query: MessageQuery): Promise<MessagePage>;
  /**
   * Takes up to `limit` imports of the provider that are due, the longest due first, each for nobody else until `leaseUntil`; counts the try.
   * None while the provider is paused; after a pause one at a time, until `resume`.
   */
  claim(provider: string, now: Date, leaseUntil: Date, limit: number): Promise<ImportJob[]>;
  /** Takes the import of this message, due or not, and counts the try. `busy`: somebody works on it, or there is nothing to do any more. */
  claimOne(messageId: string, now: Date, leaseUntil: Date): Promise<ImportJob | 'busy' | 'paused'>;
  /** The claimed imports are worked on still. */
  renew(messageIds: readonly string[], leaseUntil: Date): Promise<void>;
  /** The media is there. Idempotent. */
  ready(messageId: string): Promise<void>;
  /** It cannot be had. `retryable`: somebody may ask for it again. Idempotent. */
  fail(messageId: string, state: 'EXPIRED' | 'FAILED', failure: Failure & { retryable: boolean }): Promise<void>;
  /** Due again at `until`. `counts`: whether it was a try of this import. Idempotent. */
  postpone(messageId: string, until: Date, failure: Failure & { counts: boolean }): Promise<void>;
  /** Nothing is asked of the provider before `until`, by any instance. `pauses`: how often since the last `resume`, this one included. */
  pause(provider: string, until: (pauses: number) => Date): Promise<void>;
  /** The provider answers as it should. Idempotent. */
  resume(provider: string): Promise<void>;
  /** Names the media of a message that has named none so far, and makes its import due. False when there is no such message. Idempotent. */
  identify(messageId: string, providerMediaId: string, now: Date): Promise<boolean>;
  /** Due at once, as if never tried, unless somebody works on it. False when there is no such message, or nothing to be had or missing. Idempotent. */
  retry(messageId: string, now: Date): Promise<boolean>;
}
