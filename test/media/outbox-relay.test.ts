import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { pino } from 'pino';
import { OutboxRelay } from '../../src/media/outbox-relay.js';
import { outboxEvent } from '../../src/media/rows/outbox.js';
import type { Media } from '../../src/media/rows/media-store.js';
import type { SqlDatabase } from '../../src/media/rows/sql-database.js';
import { appendToOutbox, createSqlOutbox } from '../../src/media/rows/sql-outbox.js';
import { openSqliteDatabase } from '../../src/media/rows/sqlite-database.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';
import { RecordingBus } from './recording-bus.js';

const aMedia: Media = {
  id: '1', modelType: 'User', modelId: '', uuid: 'u', collectionName: 'avatars', name: 'n', fileName: 'f', mimeType: 'image/png', disk: 'local',
  conversionsDisk: 'local', size: 1, manipulations: '[]', customProperties: '{}', generatedConversions: '[]', responsiveImages: '[]', orderColumn: 1,
  width: 0, height: 0, createdAt: '', updatedAt: '', sha256: '',
};

let dir: TempDir;
let database: SqlDatabase;
let bus: RecordingBus;
let relay: OutboxRelay | undefined;
const lines: string[] = [];
const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });

beforeEach(async () => {
  dir = await tempDir('relay');
  database = await openSqliteDatabase(join(dir.path, 'media.db'), pino({ level: 'silent' }));
  bus = new RecordingBus();
  lines.length = 0;
});
afterEach(async () => {
  await relay?.stop();
  await database.stop();
  await dir.remove();
});

const start = (options: { pollMs?: number } = {}): OutboxRelay => (relay = new OutboxRelay({ outbox: createSqlOutbox(database), bus, log, ...options }));

/** One event for each owner, in this order, in transactions of their own. */
async function commit(...owners: string[]): Promise<void> {
  const now = new Date().toISOString();
  for (const modelId of owners) {
    // oxlint-disable-next-line no-await-in-loop
    await database.transaction((trx) => appendToOutbox(trx, [outboxEvent('uploaded', { ...aMedia, modelId }, now)], now));
  }
}

const taken = (count: number): Promise<true> => waitFor(() => bus.taken.length >= count, { what: `${count} events` });
const unpublished = async (): Promise<number> =>
  (await database.db.selectFrom('outbox').select('id').where('published_at', 'is', null).execute()).length;

describe('the outbox relay', () => {
  it('publishes what was committed before it started, and on a hint without waiting for its poll', async () => {
    await commit('a', 'b');
    const started = start({ pollMs: 3_600_000 });
    await taken(2);
    await commit('c');
    started.wake();
    await taken(3);
    await waitFor(async () => (await unpublished()) === 0, { what: 'the marks' });
    expect(bus.events.toSorted()).toEqual(['uploaded a', 'uploaded b', 'uploaded c']);
  });

  it('finds without a hint what another process has committed', async () => {
    start({ pollMs: 20 });
    await commit('a');
    await taken(1);
    expect(bus.events).toEqual(['uploaded a']);
  });

  it('names each message after its event, and sends one only once', async () => {
    await commit('a', 'b', 'a');
    start({ pollMs: 5 });
    await taken(3);
    await waitFor(async () => (await unpublished()) === 0, { what: 'the marks' });
    expect(bus.taken.map(({ messageId }) => messageId)).toEqual(bus.taken.map(({ body }) => JSON.parse(String(body)).event_id));
    expect(bus.asked).toHaveLength(3);
  });

  it('does not lose an event whose number is lower than a published one', async () => {
    await database.db.insertInto('outbox').values({
      event_id: 'later', routing_key: 'k', body: '{}', owner: 'o', created_at: '', published_at: new Date().toISOString(), attempts: 0, next_attempt_at: '',
    }).execute();
    await commit('a');
    await database.db.updateTable('outbox').set({ owner: 'o' }).execute();
    start();
    await taken(1);
    expect(bus.events).toEqual(['uploaded a']);
  });

  it('keeps an event that the broker does not take, and the order of its owner', async () => {
    let refusals = 2;
    bus.answer = () => ((refusals -= 1) >= 0 ? 'rejected' : 'routed');
    await commit('a', 'a', 'a');
    start({ pollMs: 20 });
    await taken(3);
    expect(bus.taken.map(({ messageId }) => messageId)).toEqual(bus.asked.slice(-3).map(({ messageId }) => messageId));
    const { rows } = { rows: await database.db.selectFrom('outbox').select('event_id').orderBy('id').execute() };
    expect(bus.taken.map(({ messageId }) => messageId)).toEqual(rows.map((row) => row.event_id));
  });

  it('does not let an owner whose events cannot be routed hold up the others, and warns once', async () => {
    bus.answer = ({ body }) => (JSON.parse(String(body)).model_id === 'lost' ? 'unroutable' : 'routed');
    await commit(...Array.from({ length: 150 }, () => 'lost'), 'a');
    start({ pollMs: 10 });
    await taken(1);
    await commit('b');
    await taken(2);
    expect(bus.events).toEqual(['uploaded a', 'uploaded b']);
    expect(await unpublished()).toBe(150);
    expect(lines.filter((line) => line.includes('no queue is bound'))).toHaveLength(1);
  });

  it('delivers what could not be routed once a queue is bound', async () => {
    bus.answer = () => 'unroutable';
    await commit('a', 'a');
    start({ pollMs: 10 });
    await waitFor(() => bus.asked.length > 0, { what: 'the first try' });
    bus.answer = () => 'routed';
    await taken(2);
    expect(bus.events).toEqual(['uploaded a', 'uploaded a']);
  });

  it('waits for the broker without trying, and goes on when it is back', async () => {
    bus.state = 'connecting';
    await commit('a');
    start({ pollMs: 10 }).wake();
    await commit('b');
    expect(bus.asked).toEqual([]);
    bus.state = 'connected';
    await taken(2);
    expect(bus.events.toSorted()).toEqual(['uploaded a', 'uploaded b']);
  });

  it('publishes what is due when it stops, and only that', async () => {
    const started = start({ pollMs: 3_600_000 });
    await waitFor(() => !bus.asked.length, { what: 'the first look' });
    await commit('a', 'b');
    await started.stop();
    await started.stop();
    expect(bus.events.toSorted()).toEqual(['uploaded a', 'uploaded b']);
    await commit('c');
    expect(await unpublished()).toBe(1);
  });

  it('forgets what was published long ago', async () => {
    await commit('a', 'b');
    await database.db.updateTable('outbox').set({ published_at: '2020-01-01T00:00:00.000Z' }).execute();
    start();
    await waitFor(async () => (await database.db.selectFrom('outbox').select('id').execute()).length === 0, { what: 'the table to be empty' });
    expect(bus.asked).toEqual([]);
  });

  it('survives a database that fails for a while', async () => {
    const working = createSqlOutbox(database);
    let failures = 2;
    relay = new OutboxRelay({
      outbox: { ...working, due: (...given) => ((failures -= 1) >= 0 ? Promise.reject(new Error('gone')) : working.due(...given)) },
      bus,
      log,
      pollMs: 10,
    });
    await commit('a');
    await taken(1);
    expect(bus.events).toEqual(['uploaded a']);
  });
});
