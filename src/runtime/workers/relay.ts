/**
 * Passes the questions of each worker to all others, and their answers back.
 * Invariant: `answered` is said when each worker that had joined before the question has answered it, or is gone.
 */
import type { ToPrimary, ToWorker } from './messages.js';

/** A worker, as the relay sees it. */
export interface Member {
  /** Lost when it is gone. */
  send(message: ToWorker): void;
  /** Ends it at once. */
  kill(): void;
}

interface Question {
  readonly asker: Member;
  /** The asker's. */
  readonly id: number;
  /** How many have not answered yet. */
  waiting: number;
}

/** A worker that owes so many answers does not run any more, and what is sent to it is kept in memory until it does. */
const maxOwed = 10_000;

export class Relay {
  /** Who has joined, with what each has not answered yet, by number. */
  readonly #owed = new Map<Member, Map<number, Question>>();
  #questions = 0;

  join(member: Member): void {
    this.#owed.set(member, new Map());
  }

  /** It is gone. Idempotent. */
  leave(member: Member): void {
    const owed = this.#owed.get(member);
    this.#owed.delete(member);
    for (const question of owed?.values() ?? []) answered(question);
  }

  ask(asker: Member, { id, topic, body }: Extract<ToPrimary, { type: 'ask' }>): void {
    const others = [...this.#owed].filter(([member]) => member !== asker);
    const question: Question = { asker, id, waiting: others.length };
    const number = (this.#questions += 1);
    if (others.length === 0) asker.send({ type: 'answered', id });
    for (const [member, owed] of others) {
      owed.set(number, question);
      member.send({ type: 'question', id: number, topic, body });
      if (owed.size > maxOwed) member.kill();
    }
  }

  answer(member: Member, { id, body }: Extract<ToPrimary, { type: 'answer' }>): void {
    const owed = this.#owed.get(member);
    const question = owed?.get(id);
    if (!owed || !question) return;
    owed.delete(id);
    question.asker.send({ type: 'answer', id: question.id, body });
    answered(question);
  }
}

function answered(question: Question): void {
  question.waiting -= 1;
  if (question.waiting === 0) question.asker.send({ type: 'answered', id: question.id });
}
