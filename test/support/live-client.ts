/** A client of one answer that reads it bit by bit, or not at all for as long as it likes. */

export class LiveClient {
  readonly status: number;
  readonly headers: Headers;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #connection: AbortController;
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
    if (!(await this.#next())) throw new Error('the answer has no bytes');
  }

  /** All bytes, those that were read before too. Rejects when the connection is cut. */
  async all(): Promise<Buffer> {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    while (await this.#next());
    return Buffer.concat(this.#read);
  }

  /** Breaks the connection off. Idempotent. */
  leave(): void {
    this.#connection.abort();
  }

  async #next(): Promise<boolean> {
    const { value } = (await this.#reader?.read()) ?? {};
    if (value) this.#read.push(value);
    return value !== undefined;
  }
}
