/** Which gateways run: one for each measurement, or, for questions that say so, one for all rounds. */
import type { Contender } from './contenders.js';
import { Trial, type Conditions, type Measurement, type Turn } from './measure.js';
import type { Question } from './questions/question.js';

export class Trials {
  readonly #conditions: Omit<Conditions, 'flush' | 'seed'>;
  readonly #staying = new Map<string, Trial>();

  /** For one question with all its variants. */
  constructor(conditions: Omit<Conditions, 'flush' | 'seed'>) {
    this.#conditions = conditions;
  }

  /** @throws Error when the contender does not start, fails or answers differently; the next measurement begins with a new process then. */
  async measure(contender: Contender, question: Question, turn: Turn): Promise<Measurement> {
    const key = `${contender.name} ${question.stays ?? ''}`;
    const trial = this.#staying.get(key) ?? (await this.#begin(contender, question, turn));
    this.#staying.delete(key);
    let stays = false;
    try {
      const measurement = await trial.measure(question, turn);
      stays = question.stays !== undefined;
      return measurement;
    } finally {
      if (stays) this.#staying.set(key, trial);
      else await trial.end();
    }
  }

  /** Ends the gateways that still run. */
  async end(): Promise<void> {
    const staying = [...this.#staying.values()];
    this.#staying.clear();
    await Promise.all(staying.map((trial) => trial.end()));
  }

  async #begin(contender: Contender, question: Question, { round }: Turn): Promise<Trial> {
    const flush = question.stays === undefined || this.#staying.size === 0;
    return Trial.begin(contender, { ...this.#conditions, flush, seed: round + 1 });
  }
}
