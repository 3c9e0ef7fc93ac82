import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { createMemoryFailedMedia, failedMediaKey, type FailedMedia, type RememberedFailure } from '../../../src/media/import/failed-media.js';
import type { ImportSource } from '../../../src/media/import/fetched-file.js';
import { openFailedMedia } from '../../../src/media/import/open-failed-media.js';
import { connectRedis } from '../../../src/runtime/redis.js';
import { redisAddress } from '../../../src/runtime/redis-address.js';
import { readSettings } from '../../../src/runtime/settings.js';
import { startTcpProxy } from '../../support/faults/tcp-proxy.js';
import { startSentinelPair } from '../../support/servers/redis-sentinel.js';
import { startRedis } from '../../support/servers/redis.js';
import { sharedRedis } from '../../support/servers/shared.js';
import { waitFor } from '../../support/wait.js';
import { untilRemembering } from './import-bench.js';

const silent = pino({ level: 'silent' });

const at = (url: string, log = silent, timeoutMs = '2000'): Promise<FailedMedia> =>
  openFailedMedia(readSettings({ REDIS_ADDR: url, REDIS_COMMAND_TIMEOUT_MS: timeoutMs }, ['media']), log);

/** Ended after the test, the last first. */
const owned: { stop: () => Promise<void> }[] = [];
const own = <T extends { stop(): Promise<void> }>(started: T): T => {
  owned.push({ stop: () => started.stop() });
  return started;
};
afterEach(async () => {
  // oxlint-disable-next-line no-await-in-loop
  for (let last = owned.pop(); last; last = owned.pop()) await last.stop();
});

const media = (id: string = randomUUID(), provider = 'fake'): ImportSource => ({ kind: 'provider', provider, id, announcedAt: undefined });
const failure = (reason: string): RememberedFailure => ({ kind: 'gone', reason });
const file = (path: string = randomUUID()): ImportSource => ({ kind: 'url', url: `https://files.example/${path}` });

function describeFailedMedia(name: string, open: () => Promise<FailedMedia>): void {
  describe(`a negative cache (${name})`, () => {
    let failed: FailedMedia;
    beforeAll(async () => {
      failed = await open();
    });
    afterAll(() => failed.stop());

    it('knows nothing of what did not fail', async () => {
      expect(await failed.find(media())).toBeUndefined();
      expect(await failed.find(file())).toBeUndefined();
    });

    it('says why something failed, a provider\'s media and a URL, of any length', async () => {
      for (const source of [media(), file(), file('a'.repeat(2_000)), file('?q=ü&token=x:y')]) {
        // oxlint-disable-next-line no-await-in-loop
        await failed.mark(source, failure('gone: "für immer" 🙂'), 60_000);
        // oxlint-disable-next-line no-await-in-loop
        expect(await failed.find(source)).toEqual(failure('gone: "für immer" 🙂'));
      }
    });

    it('takes all spellings of a URL for one', async () => {
      const path = randomUUID();
      await failed.mark(file(path), failure('gone'), 60_000);
      expect(await failed.find({ kind: 'url', url: `HTTPS://FILES.example:443/${path}#page` })).toEqual(failure('gone'));
    });

    it('tells providers apart that have the same id', async () => {
      const id = randomUUID();
      await failed.mark(media(id), failure('gone'), 60_000);
      expect(await failed.find(media(id, 'other'))).toBeUndefined();
      expect(await failed.find(media(id))).toEqual(failure('gone'));
    });

    it('forgets when the time is over, or when told to', async () => {
      const [short, told] = [media(), media()];
      await failed.mark(short, failure('gone'), 300);
      await failed.mark(told, failure('gone'), 60_000);
      expect(await failed.find(told)).toEqual(failure('gone'));
      await failed.mark(told, failure(''), 0);
      expect(await failed.find(told)).toBeUndefined();
      await waitFor(async () => (await failed.find(short)) === undefined, { what: 'the failure to be forgotten' });
    });

    it('counts the latest failure', async () => {
      const source = media();
      await failed.mark(source, failure('first'), 60_000);
      await failed.mark(source, failure('second'), 60_000);
      expect(await failed.find(source)).toEqual(failure('second'));
    });
  });
}

describeFailedMedia('in the process', () => Promise.resolve(createMemoryFailedMedia()));

describeFailedMedia('in Redis', async () => {
  const failed = await at(sharedRedis().url);
  await untilRemembering(failed);
  return failed;
});

describe('a negative cache in the process', () => {
  it('remembers the last 10,000 at most', async () => {
    const failed = createMemoryFailedMedia();
    const many = Array.from({ length: 10_001 }, () => media());
    await Promise.all(many.map((source) => failed.mark(source, failure('gone'), 60_000)));
    const found = await Promise.all(many.map((source) => failed.find(source)));
    expect(found.filter((reason) => reason === undefined)).toHaveLength(1);
  });
});

describe('a negative cache in Redis', () => {
  it('has the keys that operators look for, with the reason and an end', async () => {
    const { url } = sharedRedis();
    const failed = own(await at(url));
    await untilRemembering(failed);
    const parsed = redisAddress.parse(url);
    if (parsed.kind === 'cluster') throw new Error('the shared Redis is one server');
    const redis = connectRedis(parsed, undefined);
    own({ stop: () => Promise.resolve(redis.disconnect()) });
    await waitFor(() => redis.status === 'ready', { what: 'Redis to be connected' });
    const id = randomUUID();
    await failed.mark(media(id), failure('The source does not have the file (404).'), 3_600_000);
    expect(JSON.parse((await redis.get(`failed_media:${id}`)) ?? '')).toEqual({ source: `fake:${id}`, kind: 'gone', reason: 'The source does not have the file (404).' });
    const left = await redis.pttl(`failed_media:${id}`);
    expect(left > 3_500_000 && left <= 3_600_000).toBe(true);
    // What others wrote there is nothing that we know.
    for (const text of ['404 Not Found', '{"reason":1}', `{"source":"fake:${id}","kind":"of a later version","reason":""}`, 'null', '']) {
      // oxlint-disable-next-line no-await-in-loop
      await redis.set(`failed_media:${id}`, text, 'PX', 60_000);
      // oxlint-disable-next-line no-await-in-loop
      expect(await failed.find(media(id))).toBeUndefined();
    }
  });

  it('names what is long by its hash', () => {
    expect(failedMediaKey(media('2060674271006192'))).toBe('failed_media:2060674271006192');
    expect(failedMediaKey(file('a.png'))).toBe('failed_media:https://files.example/a.png');
    expect(failedMediaKey(file('a'.repeat(2_000)))).toMatch(/^failed_media:sha256:[0-9a-f]{64}$/);
  });

  it('is no failure of anybody while Redis is away, slow or unheard of, and says so once', async () => {
    const redis = own(await startRedis());
    const proxy = own(await startTcpProxy({ host: '127.0.0.1', port: redis.port }));
    const lines: string[] = [];
    const failed = own(await at(`redis://127.0.0.1:${proxy.port}`, pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }), '200'));
    const told = (text: string): number => lines.filter((line) => line.includes(text)).length;
    await untilRemembering(failed);
    lines.length = 0;
    await failed.mark(media('a'), failure('gone'), 60_000);

    proxy.pause();
    expect(await Promise.all([failed.find(media('a')), failed.find(media('b')), failed.mark(media('b'), failure('gone'), 60_000)])).toEqual([undefined, undefined, undefined]);
    // The answer was not waited for, neither until it came nor until the connection was given up.
    expect(told('no answer within 200 ms')).toBe(1);
    proxy.resume();
    await waitFor(async () => (await failed.find(media('a'))) !== undefined, { what: 'the failure to be known again' });
    expect([told('does not answer'), told('answers again')]).toEqual([1, 1]);

    await proxy.refuse();
    await waitFor(async () => (await failed.find(media('a'))) === undefined, { what: 'the outage' });
    await failed.mark(media('a'), failure('gone'), 60_000);
    expect(told('does not answer')).toBe(2);
    await proxy.accept();
    await untilRemembering(failed);
    expect(await failed.find(media('a'))).toEqual(failure('gone'));
    await failed.stop();
  });

  it('follows the sentinels to the next master', async () => {
    const pair = own(await startSentinelPair());
    const failed = own(await at(pair.url));
    await untilRemembering(failed);
    await pair.failover();
    await untilRemembering(failed);
    await failed.mark(media('a'), failure('gone'), 60_000);
    expect(await failed.find(media('a'))).toEqual(failure('gone'));
  });

  it('is replaced by one in the process on a cluster, and says so', async () => {
    const lines: string[] = [];
    const failed = await at('redis+cluster://127.0.0.1:7000', pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }));
    await failed.mark(media('a'), failure('gone'), 60_000);
    expect(await failed.find(media('a'))).toEqual(failure('gone'));
    expect(lines.join()).toContain('in this process only');
    await failed.stop();
  });

  it('is one in the process without Redis', async () => {
    const failed = await openFailedMedia(readSettings({}, ['media']), silent);
    await failed.mark(media('a'), failure('gone'), 60_000);
    expect(await failed.find(media('a'))).toEqual(failure('gone'));
    await failed.stop();
  });
});
