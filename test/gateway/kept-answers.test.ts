import { describe, expect, it } from '@jest/globals';
import type { Receipt } from '../../src/cache/receipts.js';
import type { KeptUser } from '../../src/gateway/user-client.js';
import { KeptAnswers } from '../../src/gateway/hot-lane/kept-answers.js';

const receipt: Receipt = { keys: [], negatives: 0, freshUntil: Infinity, proof: { values: [] } };

const user: KeptUser = { id: '1', loading: Promise.resolve(new Map()), expires: Infinity, isKept: true };
const huge = Buffer.from('a huge one');

interface Doubts {
  users?: boolean;
  media?: boolean | Promise<boolean>;
}

/** Answers whose users and media are as the test says at the moment. */
function keptAnswers(bytes = 1_000_000): { kept: KeptAnswers; doubts: Doubts } {
  const doubts: Doubts = {};
  const kept = new KeptAnswers({
    users: { again: () => doubts.users ?? true },
    media: { again: () => doubts.media ?? true },
    maxBytes: { answers: 2 * bytes, packed: bytes },
  });
  return { kept, doubts };
}

describe('kept answers', () => {
  it.each([['as bytes', []], ['as objects', [user]]])('are given again, %s, while all that they are made of is still there', async (_how, users) => {
    const { kept, doubts } = keptAnswers();
    kept.keep(Buffer.from('question'), { text: 'answer', users, media: receipt });
    expect(kept.find(Buffer.from('question'))).toBe('answer');
    expect(kept.find(Buffer.from('another'))).toBeUndefined();
    doubts.users = false;
    expect(kept.find(Buffer.from('question'))).toBe(users.length > 0 ? undefined : 'answer');
    doubts.users = true;
    doubts.media = false;
    expect(kept.find(Buffer.from('question'))).toBeUndefined();
    doubts.media = Promise.resolve(false);
    expect(await kept.find(Buffer.from('question'))).toBeUndefined();
    doubts.media = Promise.resolve(true);
    expect(await kept.find(Buffer.from('question'))).toBe('answer');
  });

  it('are wanted of what is asked twice', () => {
    const { kept } = keptAnswers();
    const questions = Array.from({ length: 200 }, (_, index) => Buffer.from(`{"query":"query ($id: ID!) { user(id: $id) { id } }","variables":{"id":"${index}"}}`));
    expect(questions.filter((question) => kept.isWanted(question)).length).toBeLessThan(10);
    expect(questions.filter((question) => kept.isWanted(question)).length).toBeGreaterThan(190);
  });

  it.each([['as bytes', []], ['as objects', [user]]])('have so many bytes at most, %s, and those that are in use stay', (_how, users) => {
    const { kept } = keptAnswers(160_000);
    const questions = Array.from({ length: 1_000 }, (_, index) => Buffer.from(`question ${index}`));
    const [first = huge] = questions;
    const text = 'x'.repeat(250);
    for (const question of questions) {
      kept.keep(question, { text, users, media: receipt });
      expect(kept.find(first)).toBe(text);
    }
    const held = questions.filter((question) => kept.find(question) !== undefined);
    expect(held.length).toBeGreaterThanOrEqual(150);
    expect(held.length * text.length).toBeLessThanOrEqual(160_000);
    kept.keep(huge, { text: 'x'.repeat(10_001), users, media: receipt });
    expect(kept.find(huge)).toBeUndefined();
  });

  it('are looked at with the users and the media that they were made of', () => {
    const asked: unknown[] = [];
    const kept = new KeptAnswers({
      users: { again: (users) => asked.push(users) > 0 },
      media: { again: (media) => asked.push(media) > 0 },
      maxBytes: { answers: 1_000_000, packed: 500_000 },
    });
    const value = { owner: 'User:1', collection: 'avatars', version: 'of it' };
    const stored: Receipt = { keys: [value], negatives: 1, freshUntil: 10, proof: { values: [value] } };
    const question = Buffer.from('question');
    for (const { users, media } of [{ users: [user], media: stored }, { users: [user], media: undefined }, { users: [], media: undefined }]) {
      kept.keep(question, { text: 'answer', users, media });
      expect(kept.find(question)).toBe('answer');
      expect(asked.splice(0)).toEqual(media ? [users, media] : [users]);
    }
    kept.keep(question, { text: 'answer', users: [], media: stored });
    expect(kept.find(question)).toBe('answer');
    expect(asked.splice(0)).toEqual([stored]);
    kept.keep(question, { text: 'answer', users: [user], media: stored });
    expect(kept.find(question)).toBe('answer');
    expect(asked).toEqual([[user], stored]);
  });

  it('are found whatever else is asked for in between', () => {
    const { kept } = keptAnswers();
    const ofClients: ((id: string) => string)[] = [
      (id) => `{"query":"query A($id: ID!) { a }","variables":{"id":"${id}"}}`,
      (id) => `{"query":"{ a(id: \\"${id}\\") }"}`,
      (id) => `{"operationName":"A","variables":{"id":"${id}"},"query":"query A($id: ID!) { a }"}`,
      (id) => `{"operationName":"A","variables":{"id":"${id}"},"extensions":{"clientLibrary":{"name":"a"}},"query":"query A($id: ID!) { a }"}`,
    ];
    const questions = Array.from({ length: 20 }, (_, id) => ofClients.map((questionOf) => Buffer.from(questionOf(String(id))))).flat();
    for (let time = 0; time < 2; time += 1) for (const question of questions) kept.keep(question, { text: question.toString(), users: [], media: receipt });
    for (const question of questions) expect(kept.find(question)).toBe(question.toString());
  });

  it('have what the bytes of others do not take', () => {
    const kept = new KeptAnswers({ users: { again: () => true }, media: { again: () => true }, maxBytes: { answers: 400_000, packed: 300_000 } });
    const long = Array.from({ length: 100 }, (_, index) => ({ question: Buffer.from(`long question ${index}`), text: 'x'.repeat(2_500), users: [], media: receipt }));
    const keepLong = (): number => {
      for (const { question, ...answer } of long) kept.keep(question, answer);
      return long.filter(({ question }) => kept.find(question) !== undefined).length;
    };
    const alone = keepLong();
    for (let index = 0; index < 6_000; index += 1) kept.keep(Buffer.from(`question ${index}`), { text: 'short', users: [], media: receipt });
    const besideOthers = keepLong();
    expect(alone).toBeGreaterThan(50);
    expect(besideOthers).toBeGreaterThan(10);
    expect(besideOthers * 2_500).toBeLessThan(100_000);
  });

  it('are replaced, also by those that are too long to be bytes, and back', () => {
    const { kept } = keptAnswers();
    const question = Buffer.from('question');
    for (const text of ['short', 'x'.repeat(3_000), 'short again', 'ü'.repeat(3_000)]) {
      kept.keep(question, { text, users: [], media: receipt });
      expect(kept.find(question)).toBe(text);
    }
  });
});
