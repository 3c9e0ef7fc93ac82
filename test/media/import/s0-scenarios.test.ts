/** The six scenarios of importing media from a provider that expires it, at both ages that are asked for. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openFailedMedia } from '../../../src/media/import/open-failed-media.js';
import type { FailedMedia } from '../../../src/media/import/failed-media.js';
import { createLogger } from '../../../src/runtime/logger.js';
import { readSettings } from '../../../src/runtime/settings.js';
import { planMedia } from '../../support/fake-provider.js';
import { hang, ok, status } from '../../support/media-host.js';
import { startRedis } from '../../support/servers/redis.js';
import type { PrivateServer } from '../../support/servers/private-server.js';
import { sharedRedis } from '../../support/servers/shared.js';
import { waitFor } from '../../support/wait.js';
import { failureOf, ImportBench, somePng, untilRemembering, type BenchOptions } from './import-bench.js';

const log = createLogger('test', 'silent');

const failedMediaAt = (url: string): Promise<FailedMedia> => openFailedMedia(readSettings({ REDIS_ADDR: url, REDIS_COMMAND_TIMEOUT_MS: '1000' }, ['media']), log);

let ids = Date.now();
/** Of digits, as providers have them; new each time, for the Redis that tests share. */
const newId = (): string => String((ids += 1));

describe.each([24, 168])('with MEDIA_EXPIRATION_HOURS=%d', (hours) => {
  let bench: ImportBench;
  let failedMedia: FailedMedia;
  let redis: PrivateServer | undefined;

  const start = async (options: BenchOptions = {}): Promise<void> => {
    bench = await ImportBench.start({ failedMedia, ...options, env: { MEDIA_EXPIRATION_HOURS: String(hours), ...options.env } });
  };
  beforeEach(async () => {
    failedMedia = await failedMediaAt(sharedRedis().url);
    await untilRemembering(failedMedia);
  });
  afterEach(async () => {
    try {
      await bench.close();
    } finally {
      await failedMedia.stop();
      await redis?.stop();
      redis = undefined;
    }
  });

  it('S0: fresh media', async () => {
    await start();
    const [id, bytes] = [newId(), somePng()];
    planMedia(bench.host, id, bytes);
    const copy = await bench.importer.keepCopy(bench.media(id, hours - 1));
    expect(copy).toMatchObject({ blob: { size: bytes.length, mimeType: 'image/png' }, fileName: 'file.png' });
    expect(await bench.storedBlobs()).toBe(1);
    expect(await bench.importer.keepCopy(bench.media(id, hours - 1))).toEqual(copy);
    expect(bench.host.callsTo(`/ids/${id}`)).toBe(1);
    await bench.counted({ total_requests: 2, cache_hits: 1, api_calls: 2 });
    expect(bench.lines).toEqual(
      expect.arrayContaining([
        `info: Fetching media ${id} (attempt 1/3)`,
        `info: Media downloaded for ${id} (${bytes.length} bytes)`,
        `info: Saved media ${id} to the store`,
        `info: Media ${id} is served from its stored copy`,
      ]),
    );
  });

  it('S0: expired media', async () => {
    await start();
    const id = newId();
    planMedia(bench.host, id, somePng());
    const first = await failureOf(bench.look(bench.media(id, hours + 0.1)));
    expect(first).toEqual({ code: 'IMPORT_FAILED', message: expect.stringContaining('Media expired') });
    // Marked as failed: also for whoever does not know its age.
    expect((await failureOf(bench.look(bench.media(id)))).message).toContain('Media expired');
    expect(bench.host.calls).toEqual([]);
    await bench.counted({ total_requests: 2, expired_media: 1, negative_hits: 1 });
    expect(bench.lines).toEqual(
      expect.arrayContaining([expect.stringMatching(new RegExp(`^warn: Media ${id} is expired \\(announced at .*\\), skipping download$`)), `info: Marked media ${id} as failed (TTL: 3600s)`]),
    );
    // What is not quite so old is asked for.
    const younger = newId();
    planMedia(bench.host, younger, somePng());
    await bench.look(bench.media(younger, hours - 0.1));
  });

  it('S0: failed media id (404)', async () => {
    await start();
    const id = newId();
    bench.host.plan(`/ids/${id}`, status(404));
    expect(await failureOf(bench.look(bench.media(id, 1)))).toEqual({ code: 'IMPORT_FAILED', message: expect.stringContaining('404') });
    expect(bench.waits).toEqual([]);
    expect(await failureOf(bench.look(bench.media(id, 1)))).toEqual({ code: 'IMPORT_FAILED', message: expect.stringContaining('404') });
    expect(bench.host.calls).toHaveLength(1);
    await bench.counted({ total_requests: 2, api_calls: 1, failed_calls: 1, negative_hits: 1 });
    expect(bench.lines).toContain(`info: Marked media ${id} as failed (TTL: 3600s)`);
    expect(bench.lines).toContain(`info: Media ${id} failed lately, skipping download`);
  });

  it('S0: cached media', async () => {
    await start();
    const [id, bytes] = [newId(), somePng()];
    planMedia(bench.host, id, bytes);
    const first = await bench.add(bench.media(id, 1));
    const second = await bench.add(bench.media(id, 1), '2');
    expect(second).toMatchObject({ sha256: first.sha256, fileName: first.fileName, size: bytes.length, width: 3, height: 4 });
    // The provider has it no more, and it does not matter.
    const old = await bench.add(bench.media(id, hours + 24), '3');
    expect(old.sha256).toBe(first.sha256);
    expect(bench.host.calls).toHaveLength(2);
    await bench.counted({ total_requests: 3, cache_hits: 2, api_calls: 2 });
  });

  it('S0: network timeout', async () => {
    await start({ timeouts: { resolveMs: 100, downloadMs: 100 } });
    const id = newId();
    bench.host.plan(`/ids/${id}`, hang);
    const { code, message } = await failureOf(bench.look(bench.media(id, 1)));
    expect({ code, message }).toEqual({ code: 'IMPORT_FAILED', message: 'The source did not answer within 0.1 s. It may work later.' });
    expect(bench.host.callsTo(`/ids/${id}`)).toBe(3);
    const [first = 0, second = 0, ...more] = bench.waits;
    expect(first >= 1_000 && first <= 2_000 && second >= 2_000 && second <= 4_000 && more.length === 0).toBe(true);
    await bench.counted({ total_requests: 1, api_calls: 3, failed_calls: 1 });
    expect(bench.lines).toEqual(
      expect.arrayContaining([
        `warn: Failed to fetch media ${id} (attempt 1/3)`,
        expect.stringMatching(new RegExp(`^info: Retrying media ${id} in [\\d.]+s \\(attempt 2/3\\)$`)),
        expect.stringMatching(new RegExp(`^info: Retrying media ${id} in [\\d.]+s \\(attempt 3/3\\)$`)),
        `error: Max retries (3) reached for media ${id}`,
        // An outage is no reason to lose media for an hour.
        `info: Marked media ${id} as failed (TTL: 60s)`,
      ]),
    );
    expect((await failureOf(bench.look(bench.media(id, 1)))).message).toContain('did not answer within');
    expect(bench.host.callsTo(`/ids/${id}`)).toBe(3);
  });

  it('S0: Redis failure', async () => {
    redis = await startRedis();
    const ofAll = failedMedia;
    failedMedia = await openFailedMedia(readSettings({ REDIS_ADDR: redis.url }, ['media']), log);
    await ofAll.stop();
    await start();
    const [gone, fresh, during, frozen] = [newId(), newId(), newId(), newId()];
    bench.host.plan(`/ids/${gone}`, status(404));
    for (const id of [fresh, during, frozen]) planMedia(bench.host, id, somePng());
    await untilRemembering(failedMedia);
    await failureOf(bench.look(bench.media(gone)));
    await failureOf(bench.look(bench.media(gone)));
    expect(bench.host.callsTo(`/ids/${gone}`)).toBe(1);

    await redis.kill();
    // It is asked for again, and everything else works as ever.
    expect((await failureOf(bench.look(bench.media(gone)))).message).toContain('404');
    expect(bench.host.callsTo(`/ids/${gone}`)).toBe(2);
    const copies = [await bench.importer.keepCopy(bench.media(fresh, 1))];
    expect(await bench.importer.keepCopy(bench.media(fresh, 1))).toEqual(copies[0]);
    await bench.add(bench.media(during, 1));

    await redis.start();
    await untilRemembering(failedMedia);
    redis.pause();
    // Frozen, its sockets open: no answer is waited for longer than one command may take.
    await bench.add(bench.media(frozen, 1));
    redis.resume();
    expect(await bench.storedBlobs()).toBe(3);
    await bench.counted({ total_requests: 7, cache_hits: 1, api_calls: 8, failed_calls: 2, negative_hits: 1 });
  });

  it('S0: statistics, every ten operations', async () => {
    await start();
    bench.host.plan('/a.png', ok(somePng()));
    for (let count = 0; count < 10; count += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other: the tenth is the one
      await bench.importer.keepCopy(bench.url('/a.png'));
    }
    const statistics = await waitFor(() => bench.log.find((line) => line.includes('Media cache statistics')), { what: 'the statistics' });
    expect(JSON.parse(statistics)).toMatchObject({
      statistics: { total_requests: 10, cache_hits: 9, api_calls: 1, failed_calls: 0, expired_media: 0, negative_hits: 0, cache_hit_rate: '90.0%' },
    });
    expect(bench.log.filter((line) => line.includes('Media cache statistics'))).toHaveLength(1);
  });
});
