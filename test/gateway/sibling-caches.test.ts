/** What a worker tells the others of a write, and how long the write waits for them. */
import { describe, expect, it } from '@jest/globals';
import type { SiblingListener, Write } from '../../src/cache/siblings.js';
import { SiblingCaches } from '../../src/gateway/workers/sibling-caches.js';
import type { Answerer, Answers } from '../../src/runtime/workers/worker-link.js';

const confirmed: Write = { owner: 'User:1', collection: 'avatars', isConfirmed: true };
const unconfirmed: Write = { owner: 'User:1', collection: undefined, isConfirmed: false };

/** A link whose others answer what the test says. */
class Link {
  readonly asked: { topic: string; body: unknown; withinMs: number }[] = [];
  readonly answerers = new Map<string, Answerer>();
  answers: Answers = { bodies: [], isComplete: true };

  ask(topic: string, body: unknown, withinMs: number): Promise<Answers> {
    this.asked.push({ topic, body, withinMs });
    return Promise.resolve(this.answers);
  }

  answer(topic: string, answerer: Answerer): void {
    this.answerers.set(topic, answerer);
  }
}

function caches(options: { coherenceMs?: number; hasCopies?: boolean } = {}): { link: Link; siblings: SiblingCaches; heard: unknown[] } {
  const link = new Link();
  const siblings = new SiblingCaches({ link, coherenceMs: 200, hasCopies: true, ...options });
  const heard: unknown[] = [];
  const listener: SiblingListener = { wrote: (write) => void heard.push(write), held: () => ['User:2'], hold: (owners) => void heard.push(owners) };
  siblings.listen(listener);
  return { link, siblings, heard };
}

describe('the caches of the other workers', () => {
  it('are told of a confirmed write for δ at most, and of an unconfirmed one until they have answered', async () => {
    const { link, siblings } = caches();
    await siblings.tell(confirmed);
    await siblings.tell(unconfirmed);
    expect(link.asked).toEqual([
      { topic: 'wrote', body: confirmed, withinMs: 200 },
      { topic: 'wrote', body: unconfirmed, withinMs: 5_000 },
    ]);
  });

  it('hear what was told, as it comes out of the channel', () => {
    const { link, heard } = caches();
    for (const write of [confirmed, unconfirmed]) link.answerers.get('wrote')?.(JSON.parse(JSON.stringify(write)));
    expect(heard).toEqual([confirmed, unconfirmed]);
    expect(() => link.answerers.get('wrote')?.({ owner: 1 })).toThrow();
    expect(heard).toHaveLength(2);
  });

  it('are given δ to lose faith in their copies when one of them does not answer, also when nobody can be asked any more', async () => {
    const { link, siblings } = caches();
    link.answers = { bodies: [], isComplete: false };
    const before = performance.now();
    await siblings.tell(confirmed);
    expect(performance.now() - before).toBeGreaterThanOrEqual(200);
  });

  it('fail a write that is unconfirmed when one of them does not answer: the store may go on serving it what is old', async () => {
    const { link, siblings } = caches();
    link.answers = { bodies: [], isComplete: false };
    await expect(siblings.tell(unconfirmed)).rejects.toThrow('another worker may not know');
  });

  it('are not told of what they cannot have copied', async () => {
    const { link, siblings } = caches({ hasCopies: false });
    await siblings.tell(confirmed);
    expect(link.asked).toEqual([]);
    await siblings.tell(unconfirmed);
    expect(link.asked).toHaveLength(1);
  });

  it('say what they hold to a new one, which does not begin before all have', async () => {
    const { link, siblings, heard } = caches();
    expect(await link.answerers.get('held')?.(undefined)).toEqual(['User:2']);
    link.answers = { bodies: [['User:3', 'User:4'], [], 'everything'], isComplete: true };
    await siblings.catchUp();
    expect(heard).toEqual([['User:3', 'User:4'], [], 'everything']);
    link.answers = { bodies: [[]], isComplete: false };
    await expect(siblings.catchUp()).rejects.toThrow('does not answer');
  });
});
