/**
 * The contract of the sends: the record of every template message that was to be sent, and the queue of those that are sent once more.
 * Implementation: sql-send-store.ts; one conformance suite runs on both databases.
 * Invariant: a message is sent once more at most, however often and by how many its failure is told; what is `SENDING` is never sent again.
 */
import type { HeaderType, StatusUpdate } from './template-channel.js';
import type { SendFailure } from './send-failure.js';

export const sendStates = [
  /** To be sent once more, with a fresh handle. */
  'QUEUED',
  /** The provider is being asked; or was, and nobody knows what came of it. */
  'SENDING',
  /** The provider has taken it. */
  'ACCEPTED',
  'SENT',
  'DELIVERED',
  'READ',
  'FAILED',
  /** It may have been sent. */
  'UNKNOWN',
] as const;
export type SendState = (typeof sendStates)[number];

/** By a stored file and the handle that was used for it, or by a link. */
export type SendHeader = { readonly type: HeaderType; readonly fileName: string } & (
  | { readonly link: string; readonly file?: undefined }
  | { readonly link?: undefined; readonly file: HeaderFile; readonly handle: string | undefined }
);

/** A stored file of ours, by its content. */
export interface HeaderFile {
  readonly sha256: string;
  readonly mimeType: string;
  readonly fileName: string;
  /** Bytes. */
  readonly size: number;
}

export interface NewSend {
  /** The name of the provider, and which of its senders it is. */
  readonly provider: string;
  readonly account: string;
  /** E.164, with its plus. */
  readonly to: string;
  /** As it was asked for. */
  readonly template: string;
  readonly language: string;
  /** As the provider knows them. */
  readonly name: string;
  readonly locale: string;
  readonly parameters: readonly string[];
  readonly header: SendHeader | undefined;
}

export interface Send extends NewSend {
  /** Ours. */
  readonly id: string;
  /** Undefined: the first attempt. Else the id of the attempt that this one repeats. */
  readonly resendOf: string | undefined;
  readonly state: SendState;
  /** The provider's; undefined until it has taken the message. */
  readonly messageId: string | undefined;
  /** A sentence for clients, and the provider's code; undefined where nothing went wrong. */
  readonly reason: string | undefined;
  readonly providerCode: number | undefined;
  /** How often a resend was tried to be begun. */
  readonly tries: number;
  readonly createdAt: Date;
}

/** How a send ended that was not taken. */
export interface SendEnd {
  readonly state: 'FAILED' | 'UNKNOWN';
  readonly failure: Pick<SendFailure, 'message' | 'providerCode'>;
}

/** What a status has changed: `resend`: it failed by its media, and is queued to be sent once more. */
export type Reported = 'unknown' | 'nothing' | 'noted' | 'resend';

export interface SendStore {
  /** Records a first attempt, before the provider is asked: `SENDING`. With `end`: that it could not even be begun. */
  begin(send: NewSend, now: Date, end?: SendEnd): Promise<Send>;
  /** Takes a queued resend to `SENDING`, with this handle. False: it is not queued any more. */
  start(id: string, handle: string, now: Date): Promise<boolean>;
  /** The provider has taken it under this id; what a status has said meanwhile stays. Idempotent. */
  accept(id: string, messageId: string, now: Date): Promise<void>;
  /** Of what is `SENDING`, or was given up as that; what a status has said meanwhile stays. Idempotent. */
  end(id: string, end: SendEnd, now: Date): Promise<void>;
  /** Of a resend that nobody has begun: it failed. False: somebody has, or it has ended. */
  giveUp(id: string, failure: SendEnd['failure'], now: Date): Promise<boolean>;
  /**
   * Ends a first attempt, and queues it to be sent once more, in one transaction; the resend is the caller's until `leaseUntil`.
   * Undefined: it is not `SENDING`, has no handle, or was sent once more already.
   */
  endAndResend(id: string, failure: SendEnd['failure'], now: Date, leaseUntil: Date): Promise<Send | undefined>;
  /**
   * Notes statuses in their order: later ones count, `failed` ends a message, and nothing revives what has failed. Queues a resend where the media was
   * at fault. What came of each, in the same order. Idempotent.
   */
  report(provider: string, updates: readonly StatusUpdate[], now: Date): Promise<Reported[]>;
  /** Takes up to `limit` queued resends of this sender that are due, each for nobody else until `leaseUntil`; counts the try. */
  claim(provider: string, account: string, now: Date, leaseUntil: Date, limit: number): Promise<Send[]>;
  /** A queued resend is due again at `until`. */
  postpone(id: string, until: Date): Promise<void>;
  /** A resend that was begun, and certainly not sent, is queued again until `until`; what a status has said meanwhile stays. */
  requeue(id: string, until: Date, now: Date): Promise<void>;
  /** Whatever has been `SENDING` since before `before` is `UNKNOWN` now: whoever sent it has died. */
  abandon(provider: string, before: Date, now: Date): Promise<number>;
  /** In the order of `ids`; undefined where there is none. */
  find(ids: readonly string[]): Promise<(Send | undefined)[]>;
  /** The attempts of the message that `id` names, the first one first: at most two. */
  attempts(id: string): Promise<Send[]>;
}
