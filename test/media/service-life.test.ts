import { Client, credentials } from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';
import { service as healthService } from 'grpc-health-check';
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Media } from '../../src/contract/generated/media/v1/Media.js';
import { formatHostPort } from '../../src/runtime/setting-types.js';
import { tempDir, waitFor } from '../support/wait.js';
import { Harness, image } from './harness.js';
import { png } from './images.js';

/** The states that a client which watches the standard health service has been told. */
function watchHealth(harness: Harness, name: string): { states: string[]; stop: () => void } {
  const { Watch: method } = healthService;
  if (!method || !('requestSerialize' in method)) throw new Error('the health service has no Watch');
  const client = new Client(formatHostPort(harness.service.grpcAddress), credentials.createInsecure());
  const states: string[] = [];
  const { path, requestSerialize, responseDeserialize } = method;
  const watch = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service: name });
  watch.on('error', () => undefined).on('data', ({ status }: { status: string }) => states.push(status));
  return { states, stop: () => client.close() };
}

describe('the end of the service', () => {
  it('lets an upload in flight finish, publishes its event, and says NOT_SERVING meanwhile', async () => {
    const ending = await Harness.start();
    const { states, stop } = watchHealth(ending, 'media.v1.MediaService');
    const bytes = png(1, 1);
    let answer: Media | undefined;
    const call = ending.client.UploadFile((_error, media) => void (answer = media));
    call.write({ meta: image });
    call.write({ chunk: bytes });
    await waitFor(async () => states.includes('SERVING') && (await ending.blobs()).temporary === 1, { what: 'the upload to be under way' });
    const stopped = ending.service.stop();
    await waitFor(() => states.includes('NOT_SERVING'), { what: 'NOT_SERVING' });
    // A slow client: the stop must wait for as long as it goes on.
    await pause(500);
    call.write({ finish: { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') } });
    call.end();
    await stopped;
    expect(answer).toMatchObject({ mime_type: 'image/png' });
    expect(ending.bus.events).toEqual(['uploaded 1']);
    stop();
    await ending.close();
  });

  it('is not held up by a client that only watches its health', async () => {
    const ending = await Harness.start();
    const { states, stop } = watchHealth(ending, '');
    await waitFor(() => states.includes('SERVING'), { what: 'SERVING' });
    await waitFor(() => ending.service.stop().then(() => true), { what: 'the end', timeoutMs: 3_000 });
    stop();
    await ending.close();
  });

  it('starts anew with its rows and bytes, and publishes what was committed but not published', async () => {
    const first = await Harness.start();
    first.bus.answer = () => 'rejected';
    const media = await first.upload({}, png(1, 1));
    await first.stop();
    const second = await Harness.start({ dir: first.dir });
    expect(await second.filesOf('1')).toEqual([media]);
    await waitFor(() => second.bus.events.length > 0, { what: 'the event' });
    expect(second.bus.events).toEqual(['uploaded 1']);
    await second.close();
  });

  it('does not start on an address that is taken', async () => {
    const [first, dir] = [await Harness.start(), await tempDir('media')];
    const address = formatHostPort(first.service.grpcAddress);
    await expect(Harness.start({ dir, env: { MEDIA_GRPC_ADDR: address } })).rejects.toThrow();
    // Nothing of the failed start holds the stores.
    const second = await Harness.start({ dir });
    expect(await second.upload({}, png(1, 1))).toMatchObject({ id: '1' });
    await second.close();
    await first.close();
  });
});
