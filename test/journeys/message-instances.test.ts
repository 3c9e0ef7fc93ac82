/** Two media services on one PostgreSQL and one Redis, told of the same messages at the same time: each media is imported once. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { pino } from 'pino';
import { openPostgresDatabase } from '../../src/media/rows/postgres-database.js';
import type { SqlDatabase } from '../../src/media/rows/sql-database.js';
import { createSqlMediaStore } from '../../src/media/rows/sql-media-store.js';
import { createSqlMessageStore } from '../../src/media/rows/sql-message-store.js';
import { somePng } from '../media/import/import-bench.js';
import { startFakeWhatsApp, type FakeWhatsApp } from '../support/fake-whatsapp.js';
import { startMediaService, type Program } from '../support/programs.js';
import { sharedPostgres, sharedRedis, type SharedPostgres } from '../support/servers/shared.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';
import { bodyOf, deliver, entryOf, mediaMessage, webhookEnv } from '../support/whatsapp-webhooks.js';

describe('two instances', () => {
  let fake: FakeWhatsApp;
  let data: TempDir;
  let postgres: SharedPostgres;
  let database: SqlDatabase;
  let instances: Program[];

  beforeAll(async () => {
    [fake, data, postgres] = await Promise.all([startFakeWhatsApp(), tempDir('instances'), sharedPostgres()]);
    const shared = { MEDIA_DATABASE_URL: postgres.url, MEDIA_STORAGE_URL: `file:${join(data.path, 'blobs')}`, REDIS_ADDR: sharedRedis().url };
    const env = { ...shared, ...fake.env, ...webhookEnv, MEDIA_URL_KEYS: 'k1:the secret of both of them' };
    instances = await Promise.all(['one', 'other'].map((name) => startMediaService({ ...env, DATA_DIR: join(data.path, name) })));
    database = await openPostgresDatabase(postgres.url, pino({ level: 'silent' }));
  });
  afterAll(async () => {
    await Promise.all(instances.map((instance) => instance.stop()));
    await database.stop();
    await postgres.stop();
    await fake.stop();
    await data.remove();
  });

  it('import each media once, however it is asked for', async () => {
    const received = Array.from({ length: 30 }, () => fake.receive(somePng()));
    const sent = received.map((media) => mediaMessage('image', media));
    const ids = sent.map(({ id }) => id);
    await Promise.all(instances.map(({ url }) => deliver(url, bodyOf(...sent.map((message) => entryOf(message))))));
    // By their messages as well, at both.
    const asked = await Promise.all(instances.flatMap(({ url }) => ids.map((id) => fetch(`${url}/api/media/messages/${encodeURIComponent(id)}`))));
    expect(asked.map(({ status }) => status)).toEqual(asked.map(() => 200));
    await Promise.all(asked.map((response) => response.arrayBuffer()));
    const isReady = async (): Promise<boolean> => (await createSqlMessageStore(database).find(ids)).every((message) => message?.state === 'READY');
    await waitFor(isReady, { what: 'all media to be there' });
    expect(received.map(({ id }) => [fake.resolves(id), fake.downloads(id)])).toEqual(received.map(() => [1, 1]));
    const files = await createSqlMediaStore(database).filesByModels(ids.map((modelId) => ({ modelType: 'Message', modelId, collectionName: 'attachments', limit: 0 })));
    expect(files.map(({ total }) => total)).toEqual(files.map(() => 1));
  });
});
