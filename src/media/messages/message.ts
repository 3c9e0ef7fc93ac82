/** Messages that a provider tells of, and the import of the media that they bring. Part of the contract that providers are written against. */

/** What became of the media of a message: `EXPIRED` is gone for good, `FAILED` says in its reason whether it may still be had. */
export const mediaStates = ['NONE', 'PENDING', 'READY', 'EXPIRED', 'FAILED'] as const;
export type MediaState = (typeof mediaStates)[number];

export interface NewMessage {
  /** Of the provider; names the message everywhere. */
  readonly id: string;
  /** The name of the provider. */
  readonly provider: string;
  readonly from: string | undefined;
  /** In the provider's words: `image`, `text`. */
  readonly type: string;
  /** RFC 3339. */
  readonly sentAt: string | undefined;
  /** Undefined: it brings no media. */
  readonly media: NewMessageMedia | undefined;
  /** JSON text, as it came. */
  readonly rawPayload: string;
}

/** With an id under which the provider has it, or with the reason why it cannot be had. */
export type NewMessageMedia = {
  /** Where the provider says that it is, when it does. */
  readonly url: string | undefined;
  /** Hex or base64, as announced. */
  readonly sha256: string | undefined;
  readonly fileName: string | undefined;
} & ({ readonly id: string } | { readonly id: undefined; readonly problem: string });

export interface Inbox {
  /**
   * Stores messages; those whose id is known are left as they are, so a repeated delivery changes nothing. Resolves once they are durable, all or none.
   * Their media are imported later.
   */
  add(messages: readonly NewMessage[]): Promise<void>;
}
