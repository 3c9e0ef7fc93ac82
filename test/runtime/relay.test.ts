/** Questions between workers: who is asked, when all have answered, and what happens to one that never does. */
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ToWorker } from '../../src/runtime/workers/messages.js';
import { Relay, type Member } from '../../src/runtime/workers/relay.js';

class Worker implements Member {
  readonly heard: ToWorker[] = [];
  kills = 0;

  send(message: ToWorker): void {
    this.heard.push(message);
  }

  kill(): void {
    this.kills += 1;
  }

  /** The number of the last question. */
  get question(): number {
    const [last] = this.heard.filter(({ type }) => type === 'question').slice(-1);
    return last?.id ?? 0;
  }
}

describe('the relay', () => {
  let relay: Relay;
  let asker: Worker;
  let others: [Worker, Worker];
  beforeEach(() => {
    [relay, asker, others] = [new Relay(), new Worker(), [new Worker(), new Worker()]];
    for (const worker of [asker, ...others]) relay.join(worker);
  });

  const ask = (id: number): void => relay.ask(asker, { type: 'ask', id, topic: 'name', body: 'who?' });
  const answer = (worker: Worker, body: unknown, id = worker.question): void => relay.answer(worker, { type: 'answer', id, body });

  it('asks all others, passes on each answer, and says when there are no more', () => {
    ask(7);
    for (const other of others) expect(other.heard).toEqual([{ type: 'question', id: other.question, topic: 'name', body: 'who?' }]);
    expect(asker.heard).toEqual([]);
    for (const [index, other] of others.entries()) answer(other, index);
    expect(asker.heard).toEqual([
      { type: 'answer', id: 7, body: 0 },
      { type: 'answer', id: 7, body: 1 },
      { type: 'answered', id: 7 },
    ]);
  });

  it('counts an answer once, and none to a question that was not asked', () => {
    ask(7);
    answer(others[0], 'me');
    answer(others[0], 'me');
    answer(others[1], 'me', 4_711);
    expect(asker.heard).toEqual([{ type: 'answer', id: 7, body: 'me' }]);
  });

  it('does not wait for who is gone, and does not ask who has not joined', () => {
    ask(1);
    answer(others[0], 'me');
    relay.leave(others[1]);
    relay.leave(others[1]);
    expect(asker.heard.slice(-1)).toEqual([{ type: 'answered', id: 1 }]);
    relay.leave(others[0]);
    ask(2);
    expect(asker.heard.slice(-1)).toEqual([{ type: 'answered', id: 2 }]);
    expect(others[1].heard).toHaveLength(1);
  });

  it('outlives an asker that is gone', () => {
    ask(1);
    relay.leave(asker);
    for (const other of others) answer(other, 'me');
    relay.ask(others[0], { type: 'ask', id: 1, topic: 'name', body: 'who?' });
    answer(others[1], 'me');
    expect(others[0].heard.slice(-1)).toEqual([{ type: 'answered', id: 1 }]);
  });

  it('ends a worker that owes more answers than may wait, so that what is sent to it does not pile up', () => {
    for (let id = 1; id <= 10_000; id += 1) {
      ask(id);
      answer(others[0], 'me');
    }
    expect(others.map(({ kills }) => kills)).toEqual([0, 0]);
    ask(10_001);
    expect(others.map(({ kills }) => kills)).toEqual([0, 1]);
  });
});
