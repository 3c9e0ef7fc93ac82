/** What a gateway tells about its cache: `extensions.cache` to who knows the token, and `/metrics`; with real Redis and RabbitMQ. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { startFakeOrigin, type FakeOrigin } from '../support/fake-origin.js';
import { publish } from '../support/foreign-publisher.js';
import { query } from '../support/graphql.js';
import { startGateway, type Env, type Program } from '../support/programs.js';
import type { PrivateServer } from '../support/servers/private-server.js';
import { startRedis } from '../support/servers/redis.js';
import { sharedRabbitMQ, type SharedRabbitMQ } from '../support/servers/shared.js';
import { waitFor } from '../support/wait.js';

const token = 'let me see';
const photos = 'query ($id: ID!) { modelMedia(modelType: "Album", modelId: $id, collectionName: "photos") { fileName } }';

const explanation = z.strictObject({
  path: z.string(),
  modelType: z.string(),
  modelId: z.string(),
  collectionName: z.string(),
  source: z.enum(['in-process', 'redis', 'media-service', 'stale', 'none']),
  ageMs: z.int().nullable(),
  ttlMs: z.int().nullable(),
  generation: z.string().nullable(),
  lastEventId: z.string().nullable(),
});
const answerWithCache = z.object({ data: z.unknown(), errors: z.unknown().optional(), extensions: z.strictObject({ cache: z.array(explanation) }).optional() });
type Explanation = z.infer<typeof explanation>;

async function ask(url: string, source: string, { variables = {}, header }: { variables?: object; header?: string | undefined }): Promise<z.infer<typeof answerWithCache>> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(header === undefined ? {} : { 'x-cache-explain': header }) },
    body: JSON.stringify({ query: source, variables }),
    signal: AbortSignal.timeout(30_000),
  });
  return answerWithCache.parse(await response.json());
}

async function explained(gateway: Program, source: string, variables: object): Promise<Explanation[]> {
  const { extensions } = await ask(gateway.url, source, { variables, header: token });
  return extensions?.cache ?? [];
}

async function photosOf(gateway: Program, id: string): Promise<Explanation> {
  const [field] = await explained(gateway, photos, { id });
  if (!field) throw new Error('nothing was explained');
  return field;
}

/** The samples of `/metrics`, by name and labels as they are written there. */
async function samplesOf({ url }: Program): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) });
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

/** By how much the sample of that name and labels has grown since `before`. */
async function grown(gateway: Program, before: ReadonlyMap<string, number>, sample: string): Promise<number> {
  return ((await samplesOf(gateway)).get(sample) ?? 0) - (before.get(sample) ?? 0);
}

/** Resolves once canaries come through: its queues are there, and what they may have missed has been given up. */
function isProven(gateway: Program): Promise<boolean> {
  return waitFor(async () => ((await samplesOf(gateway)).get('media_invalidation_lag_seconds') ?? Number.NaN) < 5, { what: 'the canaries to come through' });
}

describe('a gateway tells about its cache', () => {
  let origin: FakeOrigin;
  let redis: PrivateServer;
  let broker: SharedRabbitMQ;
  let env: Env;
  let gateway: Program;
  let other: Program;
  let albums = 0;

  beforeAll(async () => {
    [origin, redis, broker] = await Promise.all([startFakeOrigin(), startRedis(), sharedRabbitMQ()]);
    const services = { MEDIA_SERVICE_ADDR: origin.address, USER_SERVICE_ADDR: origin.address };
    // What is shown is where answers come from, not how fast a busy machine probes.
    const patience = { CACHE_L1_LEASE_MS: '3000', REDIS_COMMAND_TIMEOUT_MS: '1000' };
    env = { ...services, REDIS_ADDR: redis.url, RABBITMQ_ADDR: broker.url, EXPLAIN_TOKEN: token, ...patience };
    [gateway, other] = await Promise.all([startGateway(env), startGateway(env)]);
    await Promise.all([isProven(gateway), isProven(other)]);
  });
  afterAll(async () => {
    await Promise.all([gateway.stop(), other.stop()]);
    await Promise.all([origin.stop(), redis.stop(), broker.stop()]);
  });
  beforeEach(() => {
    origin.delayMs = 0;
  });

  /** An album with one photo. */
  const newAlbum = (): string => {
    const id = `album-${(albums += 1)}`;
    origin.put([{ model_type: 'Album', model_id: id, collection_name: 'photos', file_name: `${id}.png` }]);
    return id;
  };
  const eventOf = (id: string, more: object = {}): object => ({ model_type: 'Album', model_id: id, collection_name: 'photos', ...more });
  /** Resolves with what was told of it on the way, the last one being the first from there. */
  const readUntil = async (source: Explanation['source'], id: string): Promise<Explanation[]> => {
    const seen: Explanation[] = [];
    await waitFor(async () => seen.push(await photosOf(gateway, id)) && seen.at(-1)?.source === source, { what: `an answer from ${source}` });
    return seen;
  };

  describe('in `extensions.cache`', () => {
    it('where an answer came from, how old it is and how long it lives', async () => {
      const seen = await readUntil('in-process', newAlbum());
      expect([...new Set(seen.map(({ source }) => source))]).toEqual(['media-service', 'redis', 'in-process']);
      const [loaded, ...stored] = seen;
      expect(loaded).toMatchObject({ path: 'modelMedia', ageMs: null, ttlMs: null, generation: null, lastEventId: null });
      const generation = stored[0]?.generation;
      expect(generation).toMatch(/^\S+$/);
      let age = 0;
      for (const { ageMs, ttlMs, ...told } of stored) {
        expect(told).toMatchObject({ modelType: 'Album', collectionName: 'photos', generation, lastEventId: null });
        expect(ageMs).toBeGreaterThanOrEqual(age);
        expect((ageMs ?? 0) + (ttlMs ?? 0)).toBeGreaterThan(0.9 * 3_600_000 - 10);
        expect((ageMs ?? 0) + (ttlMs ?? 0)).toBeLessThan(3_600_000 + 10);
        age = ageMs ?? 0;
      }
    });

    it('of every field by its path in the answer, whatever its alias, in lists too', async () => {
      const source = `query ($id: ID!) {
        me: user(id: $id) { face: avatar { id } }
        users(ids: [$id, "nobody"]) { avatar { id } }
        all: modelMedia(modelType: "User", modelId: $id) { id }
        mediaURL(id: "1") { url }
      }`;
      const fields = await explained(gateway, source, { id: 'somebody' });
      expect(fields.map(({ path, modelType, modelId, collectionName }) => `${path}: ${modelType} ${modelId} ${collectionName}`).toSorted()).toEqual([
        'all: User somebody ',
        'me.face: User somebody avatars',
        'users.0.avatar: User somebody avatars',
        'users.1.avatar: User nobody avatars',
      ]);
      expect(new Set(fields.map(({ source: from }) => from))).toEqual(new Set(['media-service']));
    });

    it('which event has last invalidated something of the owner', async () => {
      const id = newAlbum();
      const [before] = (await readUntil('in-process', id)).slice(-1);
      await publish(broker.url, 'media.event.uploaded', eventOf(id, { event_id: 'event-42' }));
      const after = await readUntil('media-service', id);
      const again = (await readUntil('in-process', id)).filter(({ source }) => source !== 'media-service');
      for (const { lastEventId, generation } of again) expect([lastEventId, generation]).toEqual(['event-42', before?.generation]);
      expect(after.at(-1)).toMatchObject({ lastEventId: null });
    });

    it('only to who knows the token', async () => {
      const variables = { id: newAlbum() };
      const closed = await startGateway({ MEDIA_SERVICE_ADDR: origin.address });
      try {
        for (const [url, header] of [
          [gateway.url, undefined],
          [gateway.url, ''],
          [gateway.url, 'let me se'],
          [gateway.url, `${token}!`],
          [closed.url, undefined],
          [closed.url, ''],
          [closed.url, token],
          [closed.url, 'undefined'],
        ] as const) {
          const { data, extensions } = await ask(url, photos, { variables, header });
          expect(data).toEqual({ modelMedia: [{ fileName: `${variables.id}.png` }] });
          expect(extensions).toBeUndefined();
        }
      } finally {
        await closed.stop();
      }
    });

    it('that an answer is stale, or that there is none, while the media service is gone', async () => {
      const media = await startFakeOrigin();
      media.put([{ model_type: 'Album', model_id: 'old', collection_name: 'photos', file_name: 'old.png' }]);
      const hasty = await startGateway({ ...env, MEDIA_SERVICE_ADDR: media.address, CACHE_KEY_PREFIX: 'hasty', EVENTS_QUEUE_PREFIX: 'hasty', CACHE_TTL_SECONDS: '1' });
      try {
        await isProven(hasty);
        await waitFor(async () => ['redis', 'in-process'].includes((await photosOf(hasty, 'old')).source), { what: 'the entry' });
        await media.stop();
        const filledBefore = performance.now();
        await waitFor(() => performance.now() - filledBefore > 1_000, { what: 'the entry to expire' });
        const { data, errors, extensions } = await ask(hasty.url, photos, { variables: { id: 'old' }, header: token });
        expect([data, errors]).toEqual([{ modelMedia: [{ fileName: 'old.png' }] }, undefined]);
        expect(extensions?.cache).toMatchObject([{ path: 'modelMedia', source: 'stale' }]);
        expect(extensions?.cache[0]?.ageMs).toBeGreaterThan(1_000);
        expect(await photosOf(hasty, 'never seen')).toMatchObject({ source: 'none', ageMs: null, ttlMs: null });
        expect(await grown(hasty, new Map(), 'media_cache_reads_total{source="stale",negative="false"}')).toBe(1);
      } finally {
        await hasty.stop();
        await media.stop();
      }
    });
  });

  describe('in `/metrics`', () => {
    it('how many reads were answered from where, those that found nothing apart', async () => {
      const before = await samplesOf(gateway);
      const seen = await readUntil('in-process', newAlbum());
      const none = await readUntil('in-process', 'no album');
      for (const [negative, told] of [
        ['false', seen],
        ['true', none],
      ] as const) {
        for (const [label, source] of [
          ['origin', 'media-service'],
          ['store', 'redis'],
          ['local', 'in-process'],
        ] as const) {
          expect(await grown(gateway, before, `media_cache_reads_total{source="${label}",negative="${negative}"}`)).toBe(told.filter((each) => each.source === source).length);
        }
      }
      expect(await grown(gateway, before, 'media_cache_loads_total{reason="leased"}')).toBe(2);
      expect(await grown(gateway, before, 'media_cache_leases_total{state="granted"}')).toBe(2);
    });

    it('who waited for whose lease, and whose was left to expire', async () => {
      const id = newAlbum();
      const before = await samplesOf(other);
      const dying = await startGateway({ ...env, CACHE_LEASE_MS: '1500' });
      origin.delayMs = 60_000;
      origin.calls.length = 0;
      const unanswered = photosOf(dying, id).catch(() => undefined);
      await waitFor(() => origin.calls.length === 1, { what: 'the load to be under way' });
      origin.delayMs = 0;
      const waiting = photosOf(other, id);
      await waitFor(async () => (await grown(other, before, 'media_cache_leases_total{state="waited"}')) === 1, { what: 'the other gateway to wait' });
      dying.process.signal('SIGKILL');
      expect(await waiting).toMatchObject({ source: 'media-service' });
      await unanswered;
      await dying.stop();
      expect(await grown(other, before, 'media_cache_leases_total{state="expired"}')).toBe(1);
      expect(await grown(other, before, 'media_cache_leases_total{state="granted"}')).toBe(1);
    });

    it('which loads were not stored, and what was invalidated by whom, and how long after the change', async () => {
      const id = newAlbum();
      const gateways = [gateway, other];
      const before = await Promise.all(gateways.map(samplesOf));
      const grownAtBoth = (sample: string): Promise<number[]> => Promise.all(gateways.map((each, index) => grown(each, before[index] ?? new Map(), sample)));
      const sum = (counts: number[]): number => counts.reduce((total, count) => total + count, 0);
      origin.delayMs = 1_000;
      origin.calls.length = 0;
      const reading = photosOf(gateway, id);
      await waitFor(() => origin.calls.length === 1, { what: 'the load to be under way' });
      await publish(broker.url, 'media.event.uploaded', eventOf(id, { occurred_at: new Date().toISOString() }));
      await publish(broker.url, 'media.event.deleted', eventOf(id));
      await waitFor(async () => sum(await grownAtBoth('media_cache_invalidations_total{tier="store",source="event"}')) === 2, { what: 'both events to be applied' });
      expect(await reading).toMatchObject({ source: 'media-service' });
      await waitFor(async () => (await grown(gateway, before[0] ?? new Map(), 'media_cache_fills_refused_total')) === 1, { what: 'the fill to be refused' });
      await waitFor(async () => (await grownAtBoth('media_cache_invalidations_total{tier="local",source="announced"}')).every((count) => count === 2), { what: 'both gateways to hear of both' });
      expect(sum(await grownAtBoth('media_event_applied_seconds_count'))).toBe(1);
      expect(sum(await grownAtBoth('media_event_applied_seconds_sum'))).toBeLessThan(60);
      origin.delayMs = 0;
      origin.put([{ id: '77', model_type: 'Album', model_id: id, collection_name: 'photos' }]);
      expect((await query(gateway.url, 'mutation { deleteMedia(id: "77") { success } }')).data).toEqual({ deleteMedia: { success: true } });
      expect(await grownAtBoth('media_cache_invalidations_total{tier="store",source="write"}')).toEqual([1, 0]);
    });

    it('how far the invalidations are behind, and that reads go past Redis while it does not answer', async () => {
      expect((await samplesOf(gateway)).get('media_invalidation_lag_seconds')).toBeGreaterThan(0);
      expect((await samplesOf(gateway)).get('media_cache_breaker_open')).toBe(0);
      redis.pause();
      try {
        await waitFor(async () => (await samplesOf(gateway)).get('media_cache_breaker_open') === 1, { what: 'the breaker to open', timeoutMs: 30_000 });
        const paused = await samplesOf(gateway);
        expect(await photosOf(gateway, newAlbum())).toMatchObject({ source: 'media-service' });
        expect(await grown(gateway, paused, 'media_cache_loads_total{reason="bypass"}')).toBe(1);
        expect(await grown(gateway, paused, 'media_cache_leases_total{state="granted"}')).toBe(0);
        await waitFor(async () => ((await samplesOf(gateway)).get('media_invalidation_lag_seconds') ?? 0) > 5, { what: 'the lag to grow' });
      } finally {
        redis.resume();
      }
      await waitFor(async () => (await samplesOf(gateway)).get('media_cache_breaker_open') === 0, { what: 'the breaker to close' });
      await isProven(gateway);
    });
  });
});
