/**
 * The bytes of an import as they arrive, for those who do not wait until they are stored.
 * Invariant: whoever watches never slows the import, and is never given all of a file: what may be its last bytes stays here, because nothing is
 * verified yet. Memory: `backlogBytes` for those who may come, and `behindBytes` for each who watches.
 */
import { headBytes } from '../files/file-types.js';
import { isTelling, magicBytes } from '../files/type-detection.js';

/** What is known of a file while it arrives. */
export interface ArrivingFile {
  /** Mended: safe as it is, and what it will be called. */
  readonly fileName: string;
  /** The first bytes, enough to tell its type. */
  readonly head: Buffer;
  /** Bytes, as announced; undefined: nobody has said. */
  readonly size: number | undefined;
}

export interface Watched {
  readonly file: ArrivingFile;
  /** From the first one on. */
  readonly bytes: LiveWatcher;
}

interface Announced {
  /** Bytes. */
  size: number | undefined;
  /** What a file that begins with `head` is called. */
  nameOf: (head: Buffer) => Promise<string>;
}

/** As long as there is not more of a file, whoever comes later has missed nothing. */
const backlogBytes = 524_288;
/** Who is further behind goes on from the store. */
const behindBytes = 1_048_576;

/** One import, with all its tries. */
export class LiveBytes {
  /** Resolves when there is something to watch for the first time, or when the import has ended. */
  readonly opened: Promise<void>;
  #open = (): void => undefined;
  #arrival: Arrival | undefined;

  constructor() {
    this.opened = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  /** Undefined: nothing arrives, or the beginning was missed. The caller closes what it was given. */
  watch(): Watched | undefined {
    return this.#arrival?.watch();
  }

  /** Passes on the chunks of one try, and shows them to those who watch. */
  async *pass(chunks: AsyncIterable<Buffer>, announced: Announced): AsyncGenerator<Buffer, void, undefined> {
    const arrival = new Arrival(announced);
    this.#arrival = arrival;
    try {
      for await (const chunk of chunks) {
        if (await arrival.add(chunk)) this.#open();
        yield chunk;
      }
    } finally {
      arrival.end();
    }
  }

  /** The import has ended. Idempotent. */
  end(): void {
    this.#arrival = undefined;
    this.#open();
  }
}

/** What arrives in one try. */
class Arrival {
  readonly #announced: Announced;
  readonly #watchers = new Set<LiveWatcher>();
  #file: ArrivingFile | undefined;
  #received = 0;
  /** Bytes after which the head is looked at. */
  #lookAt = magicBytes;
  /** What was shown so far; undefined: more than is kept, or it is over. */
  #backlog: Buffer[] | undefined = [];
  #backlogSize = 0;
  /** Where no size was announced, any chunk may be the last. */
  #held: Buffer | undefined;

  constructor(announced: Announced) {
    this.#announced = announced;
  }

  /** True once the file can be watched. */
  async add(chunk: Buffer): Promise<boolean> {
    const { size } = this.#announced;
    this.#received += chunk.length;
    if (size === undefined) {
      this.#show(this.#held);
      this.#held = chunk;
    } else if (this.#received < size) {
      this.#show(chunk);
    } else {
      this.end();
    }
    if (this.#received >= this.#lookAt) await this.#look();
    return this.#file !== undefined;
  }

  watch(): Watched | undefined {
    if (!this.#file || !this.#backlog) return undefined;
    const bytes = new LiveWatcher(this.#backlog, () => this.#watchers.delete(bytes));
    this.#watchers.add(bytes);
    return { file: this.#file, bytes };
  }

  /** Who watches keeps what it has not taken yet. Idempotent. */
  end(): void {
    this.#backlog = undefined;
    for (const watcher of this.#watchers) watcher.end();
  }

  #show(chunk: Buffer | undefined): void {
    if (!chunk) return;
    for (const watcher of this.#watchers) watcher.push(chunk);
    this.#backlogSize += chunk.length;
    if (this.#backlogSize <= backlogBytes) this.#backlog?.push(chunk);
    else this.#backlog = undefined;
  }

  async #look(): Promise<void> {
    // Over before it began: as good as stored.
    if (!this.#backlog) return;
    const head = Buffer.concat([...this.#backlog, ...(this.#held ? [this.#held] : [])]).subarray(0, headBytes);
    this.#lookAt = head.length < headBytes ? headBytes : Infinity;
    if (head.length < headBytes && !(await isTelling(head))) return;
    this.#lookAt = Infinity;
    this.#file = { fileName: await this.#announced.nameOf(head), head, size: this.#announced.size };
  }
}

/** The chunks for one who watches. They end early for who does not keep up, and with each try that ends, well or not. */
export class LiveWatcher implements AsyncIterable<Buffer> {
  readonly #chunks: Buffer[];
  readonly #left: () => void;
  #size: number;
  #isOver = false;
  #wake = (): void => undefined;

  /** `left` is called when nothing more is taken. */
  constructor(chunks: readonly Buffer[], left: () => void) {
    this.#chunks = [...chunks];
    this.#size = chunks.reduce((sum, { length }) => sum + length, 0);
    this.#left = left;
  }

  push(chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size > behindBytes) {
      this.end();
      return;
    }
    this.#chunks.push(chunk);
    this.#wake();
  }

  /** Nothing more comes. Idempotent. */
  end(): void {
    this.#isOver = true;
    this.#left();
    this.#wake();
  }

  /** Nobody takes what is left. Idempotent. */
  close(): void {
    this.#chunks.length = 0;
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) {
        this.#size -= chunk.length;
        yield chunk;
      } else if (this.#isOver) {
        return;
      } else {
        // oxlint-disable-next-line no-await-in-loop -- for the next one
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
