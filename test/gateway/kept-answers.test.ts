import { describe, expect, it } from '@jest/globals';
import type { Receipt } from '../../src/cache/receipts.js';
import { KeptAnswers } from '../../src/gateway/hot-lane/kept-answers.js';

const receipt: Receipt = { keys: [], negatives: 0, freshUntil: Infinity, proof: { values: [] }, uses: 0 };

interface Doubts {
  users?: boolean;
  media?: boolean | Promise<boolean>;
}

/** Answers whose users and media are as the test says at the moment. */
function keptAnswers(maxBytes = 1_000_000): { kept: KeptAnswers; doubts: Doubts } {
  const doubts: Doubts = {};
  const kept = new KeptAnswers({
    users: { again: () => doubts.users ?? true },
    media: { again: () => doubts.media ?? true },
    maxBytes,
  });
  return { kept, doubts };
}

describe('kept answers', () => {
  it('are given again while all that they are made of is still there', async () => {
    const { kept, doubts } = keptAnswers();
    kept.keep('question', { text: 'answer', users: [], media: receipt });
    expect(kept.find('question')).toBe('answer');
    expect(kept.find('another')).toBeUndefined();
    doubts.users = false;
    expect(kept.find('question')).toBeUndefined();
    doubts.users = true;
    doubts.media = false;
    expect(kept.find('question')).toBeUndefined();
    doubts.media = Promise.resolve(false);
    expect(await kept.find('question')).toBeUndefined();
    doubts.media = Promise.resolve(true);
    expect(await kept.find('question')).toBe('answer');
  });

  it('are wanted of what is asked twice', () => {
    const { kept } = keptAnswers();
    const questions = Array.from({ length: 200 }, (_, index) => `{"query":"query ($id: ID!) { user(id: $id) { id } }","variables":{"id":"${index}"}}`);
    expect(questions.filter((question) => kept.isWanted(question)).length).toBeLessThan(10);
    expect(questions.filter((question) => kept.isWanted(question)).length).toBeGreaterThan(190);
  });

  it('have so many bytes at most, and those that are in use stay', () => {
    const { kept } = keptAnswers(160_000);
    const text = 'x'.repeat(92);
    for (let index = 0; index < 1_000; index += 1) {
      kept.keep(`question ${String(index).padStart(4, '0')}`, { text, users: [], media: undefined });
      expect(kept.find('question 0000')).toBe(text);
    }
    const held = Array.from({ length: 1_000 }, (_, index) => kept.find(`question ${String(index).padStart(4, '0')}`)).filter((found) => found !== undefined);
    expect(held.length).toBeGreaterThanOrEqual(100);
    expect(held.length * 105).toBeLessThanOrEqual(160_000);
    kept.keep('a huge one', { text: 'x'.repeat(5_000), users: [], media: undefined });
    expect(kept.find('a huge one')).toBeUndefined();
  });
});
