/** A call of a provider and its answer, as providers see them. Part of the contract that providers are written against. */

/** What a POST sends. */
export interface PostBody {
  contentType: string;
  /** Bytes. */
  length: number;
  /** Read once. */
  bytes: AsyncIterable<Buffer>;
}

export interface ProviderAnswer {
  status: number;
  /** Of `retry-after`. */
  retryAfter: string | undefined;
  /** At most 1 MB. */
  text: string;
}

/** `headers` go to the origin of `url` only. @throws ImportFailure, which is passed on as it is. */
export type Post = (url: string, headers: Readonly<Record<string, string>>, body: PostBody) => Promise<ProviderAnswer>;
