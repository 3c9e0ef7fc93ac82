/**
 * What a person is shown while a command works: lines that stay, and below them, on a terminal, lines that are true at the moment.
 * Invariant: nothing that came from elsewhere, such as a URL or a file name, can move the cursor or hide in a line.
 */
import { cleanText } from '../files/file-names.js';

/** The parts of `process.stderr` that are used. */
export type Screen = Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'write'>;

const defaultColumns = 80;

export class Progress {
  readonly #screen: Screen;
  #moment: readonly string[] = [];
  #drawn = 0;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** Whether `show` shows anything; where it does not, changes have to be said. */
  get isLive(): boolean {
    return this.#screen.isTTY;
  }

  /** A line that stays. */
  say(line: string): void {
    this.beside(() => this.#screen.write(`${cleanText(line)}\n`));
  }

  /** What is true at the moment, in place of what was; on a terminal only. */
  show(lines: readonly string[]): void {
    this.beside(() => {
      this.#moment = lines;
    });
  }

  /** Runs `write`, which may write to the same terminal. */
  beside(write: () => void): void {
    if (this.#drawn > 0) this.#screen.write(`\u001b[${this.#drawn}A\u001b[0J`);
    this.#drawn = 0;
    write();
    if (!this.isLive) return;
    const width = (this.#screen.columns || defaultColumns) - 1;
    for (const line of this.#moment) this.#screen.write(`${cleanText(line).slice(0, width)}\n`);
    this.#drawn = this.#moment.length;
  }
}
