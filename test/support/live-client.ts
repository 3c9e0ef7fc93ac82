/** A client of one answer that reads it bit by bit, or not at all for as long as it likes. */

export class LiveClient {
  readonly status: number;
  readonly headers: Headers;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #connection: AbortController;
  /** Read, and not given to anybody yet. */
  readonly #read: Uint8Array[] = [];

  private constructor({ status, headers, body }: Response, connection: AbortController) {
    this.status = status;
    this.headers = headers;
    this.#reader = body?.getReader();
    this.#connection = connection;
  }

  /** Resolves with the head of the answer. */
  static async ask(url: string): Promise<LiveClient> {
    const connection = new AbortController();
    return new LiveClient(await fetch(url, { signal: connection.signal }), connection);
  }

  /** Resolves once there is a byte. */
  async first(): Promise<void> {
    const chunk = await this.#next();
    if (!chunk) throw new Error('the answer has no bytes');
    this.#read.push(chunk);
  }

  /** From the first byte on. Rejects when the connection is cut. */
  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    yield* this.#read.splice(0);
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    for (let chunk = await this.#next(); chunk; chunk = await this.#next()) yield chunk;
  }

  /** All bytes. Rejects when the connection is cut. */
  async all(): Promise<Buffer> {
    const all: Uint8Array[] = [];
    for await (const chunk of this.chunks()) all.push(chunk);
    return Buffer.concat(all);
  }

  /** Breaks the connection off. Idempotent. */
  leave(): void {
    this.#connection.abort();
  }

  async #next(): Promise<Uint8Array | undefined> {
    return (await this.#reader?.read())?.value;
  }
}
