/**
 * The contract of a provider that sends template messages, and that gives out handles for the media in their headers.
 * Invariant: a channel never touches the network itself: what it sends goes through `post`, which guards and times it. Part of the contract that
 * providers are written against.
 */
import type { Post } from '../import/provider-call.js';
import type { SendFailure } from './send-failure.js';

export const headerTypes = ['image', 'video', 'document'] as const;
export type HeaderType = (typeof headerTypes)[number];

/** A stored file that is to be uploaded. */
export interface OutgoingFile {
  readonly mimeType: string;
  readonly fileName: string;
  /** Bytes. */
  readonly size: number;
}

/** Under which the provider has a file of ours for a while. */
export interface Handle {
  readonly id: string;
  readonly expiresAt: Date;
}

export interface TemplateMessage {
  /** Ours; the provider says it again with each status. */
  readonly sendId: string;
  /** E.164, with its plus. */
  readonly to: string;
  /** As the provider knows them. */
  readonly name: string;
  readonly locale: string;
  readonly header: TemplateHeader | undefined;
  /** Of the body, in order. */
  readonly parameters: readonly string[];
}

/** By a handle, or by a link that the provider fetches itself. `fileName`: of a document. */
export type TemplateHeader = { readonly type: HeaderType; readonly fileName: string } & ({ readonly handle: string } | { readonly link: string });

export interface TemplateChannel {
  /** Which of the provider's senders this is; handles are bound to it. */
  readonly account: string;
  /** As what a file can stand in a header; a sentence when it cannot. */
  headerOf(file: OutgoingFile): HeaderType | { readonly problem: string };
  /** @throws SendFailure, and what `post` throws. */
  upload(file: OutgoingFile, bytes: AsyncIterable<Buffer>, post: Post): Promise<Handle>;
  /** The provider's id of the message, which it has taken then. @throws SendFailure, and what `post` throws. */
  send(message: TemplateMessage, post: Post): Promise<string>;
}

export const messageStatuses = ['sent', 'delivered', 'read', 'failed'] as const;

/** How a message fares that was sent. */
export interface StatusUpdate {
  /** The provider's. */
  readonly messageId: string;
  /** Ours, where the provider says it. */
  readonly sendId: string | undefined;
  readonly status: (typeof messageStatuses)[number];
  /** Of `failed`. */
  readonly failure: SendFailure | undefined;
}
