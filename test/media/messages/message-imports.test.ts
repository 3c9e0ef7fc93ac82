/** The queue of imports, on a real database and a provider that the test scripts; its clock is the test's. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { pino } from 'pino';
import { MessageImports } from '../../../src/media/messages/message-imports.js';
import type { Message } from '../../../src/media/messages/message-store.js';
import { createSqlMediaStore } from '../../../src/media/rows/sql-media-store.js';
import { createSqlMessageStore } from '../../../src/media/rows/sql-message-store.js';
import { newMessage } from '../../conformance/message-store.js';
import { providerOf, startFakeWhatsApp, type FakeWhatsApp, type Received, type ResolveTrouble } from '../../support/fake-whatsapp.js';
import { waitFor } from '../../support/wait.js';
import { ImportBench, somePng } from '../import/import-bench.js';

const minuteMs = 60_000;

let fake: FakeWhatsApp;
let bench: ImportBench;
let running: MessageImports[] = [];

beforeEach(async () => {
  fake = await startFakeWhatsApp();
  // The negative cache has a clock of its own: here only the queue decides when something is asked for again.
  const failedMedia = { find: () => Promise.resolve(undefined), mark: () => Promise.resolve(), stop: () => Promise.resolve() };
  bench = await ImportBench.start({ providers: [providerOf(fake)], failedMedia });
});
afterEach(async () => {
  await Promise.all(running.map((imports) => imports.stop()));
  running = [];
  await bench.close();
  await fake.stop();
});

/** An instance of the service, as far as it imports. */
function startImports(): MessageImports {
  const imports = new MessageImports({
    provider: 'whatsapp',
    messages: createSqlMessageStore(bench.database),
    library: bench.library,
    counters: bench.counters,
    log: pino({ level: 'silent' }),
    concurrency: 5,
    pollMs: 5,
    // The clock goes faster than the work.
    leaseMs: 20 * minuteMs,
    now: () => Date.now() + bench.ahead,
  });
  running.push(imports);
  return imports;
}

function messageWith({ id, sha256 }: Received) {
  return newMessage({ provider: 'whatsapp', sentAt: new Date().toISOString(), media: { id, sha256, url: undefined, fileName: undefined } });
}

async function find(id: string): Promise<Message> {
  const [message] = await createSqlMessageStore(bench.database).find([id]);
  if (!message) throw new Error(`there is no message ${id}`);
  return message;
}

const untilState = (id: string, state: Message['state']): Promise<unknown> => waitFor(async () => (await find(id)).state === state, { what: `the media to be ${state}` });

async function filesOf(messageId: string): Promise<string[]> {
  const [files] = await createSqlMediaStore(bench.database).filesByModels([{ modelType: 'Message', modelId: messageId, collectionName: 'attachments', limit: 0 }]);
  return (files?.media ?? []).map(({ sha256 }) => sha256);
}

/** Lets the clock go on, with all that is done after each step. */
async function pass(steps: number, minutesEach = 1): Promise<void> {
  for (let step = 0; step < steps; step += 1) {
    bench.ahead += minutesEach * minuteMs;
    fake.ahead += minutesEach * minuteMs;
    const seen = { calls: -1, times: 0 };
    const isQuiet = (): boolean => {
      const { length: calls } = fake.host.calls;
      seen.times = calls === seen.calls && fake.host.openSockets() === 0 ? seen.times + 1 : 0;
      seen.calls = calls;
      return seen.times >= 5;
    };
    // oxlint-disable-next-line no-await-in-loop
    await waitFor(isQuiet, { what: 'nothing to be asked for any more' });
  }
}

describe('the media of messages', () => {
  it('are imported once, as files of their messages', async () => {
    const bytes = somePng();
    const message = messageWith(fake.receive(bytes));
    await Promise.all([startImports().add([message]), startImports().add([message])]);
    await untilState(message.id, 'READY');
    expect(await filesOf(message.id)).toEqual([createHash('sha256').update(bytes).digest('hex')]);
    expect(fake.host.calls.length).toBe(2);
  });

  it('are not there twice when an instance dies between the import and the note of it', async () => {
    const message = messageWith(fake.receive(somePng()));
    const store = createSqlMessageStore(bench.database);
    await store.add([message], new Date());
    const imported = { modelType: 'Message', modelId: message.id, collectionName: 'attachments', fileName: '', name: '', customProperties: '', idempotencyKey: `whatsapp:${message.id}` };
    await bench.library.import(imported, { kind: 'provider', provider: 'whatsapp', id: message.media?.id ?? '', announcedAt: undefined });
    startImports();
    await untilState(message.id, 'READY');
    expect((await filesOf(message.id)).length).toBe(1);
    expect(fake.host.calls.length).toBe(2);
  });

  it('that the provider does not have any more are expired, and the others are imported', async () => {
    const [dead, alive] = [fake.receive(somePng()), fake.receive(somePng())];
    fake.onResolve(dead.id, 'code 100, subcode 33');
    const messages = [messageWith(dead), messageWith(alive)] as const;
    await startImports().add(messages);
    await untilState(messages[0].id, 'EXPIRED');
    await untilState(messages[1].id, 'READY');
    expect(await find(messages[0].id)).toMatchObject({ code: 'IMPORT_FAILED', retryable: false, reason: expect.stringContaining('does not have the media any more') });
  });

  it('that are older than the provider keeps them are expired without a call', async () => {
    const message = { ...messageWith(fake.receive(somePng())), sentAt: new Date(Date.now() - 169 * 60 * minuteMs).toISOString() };
    await startImports().add([message]);
    await untilState(message.id, 'EXPIRED');
    expect(fake.host.calls).toEqual([]);
  });

  it('whose bytes are never those that were announced fail in the end, and can be asked for again', async () => {
    const received = fake.receive(somePng());
    fake.onDownload(received.id, 'other bytes');
    const message = messageWith(received);
    await startImports().add([message]);
    for (let hours = 0; hours < 12 && (await find(message.id)).state === 'PENDING'; hours += 1) await pass(1, 60);
    expect(await find(message.id)).toMatchObject({ state: 'FAILED', retryable: true });
    fake.onDownload(received.id, undefined);
    expect(await createSqlMessageStore(bench.database).retry(message.id, new Date(Date.now() + bench.ahead))).toBe(true);
    await untilState(message.id, 'READY');
  });

  it.each<ResolveTrouble>(['status 500', 'a reset', 'code 190', 'code 130429', 'status 429, again after an hour'])('are all imported after an hour of %s, in which hardly a call is made', async (trouble) => {
    const received = Array.from({ length: 40 }, () => fake.receive(somePng()));
    for (const { id } of received) fake.onResolve(id, trouble);
    const messages = received.map(messageWith);
    await startImports().add(messages);
    await startImports().add([]);
    await pass(12, 5);
    expect(fake.host.calls.length).toBeGreaterThan(1);
    expect(fake.host.calls.length).toBeLessThan(20);
    for (const { id } of messages) expect(await find(id)).toMatchObject({ state: 'PENDING' });
    for (const { id } of received) fake.onResolve(id, undefined);
    await pass(9, 5);
    for (const { id } of messages) await untilState(id, 'READY');
    expect(await bench.storedBlobs()).toBe(40);
  });

  it('are imported although one of them never works', async () => {
    const [bad, ...good] = Array.from({ length: 20 }, () => fake.receive(somePng()));
    if (!bad) throw new Error('nothing was sent');
    fake.onResolve(bad.id, 'status 500');
    const messages = good.map(messageWith);
    await startImports().add([messageWith(bad), ...messages]);
    for (const { id } of messages) await untilState(id, 'READY');
    expect(await bench.storedBlobs()).toBe(19);
  });
});
