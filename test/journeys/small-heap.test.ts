/** A gateway in a small container: what it keeps gives way, the process does not. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startFakeOrigin, type FakeOrigin } from '../support/fake-origin.js';
import { query } from '../support/graphql.js';
import { startGateway, type Program } from '../support/programs.js';
import { sharedRedis } from '../support/servers/shared.js';

const avatarQuery = 'query ($id: ID!) { modelMedia(modelType: "User", modelId: $id, collectionName: "avatars") { fileName } }';
/** Together more than the heap; by default more of them would be kept than it has room for. */
const [owners, propertyBytes, heapMegabytes] = [1_200, 80_000, 80];
/** What is loaded for the first time is not kept yet. */
const [times, together] = [2, 10];

describe('a gateway whose heap is smaller than what it may keep', () => {
  const ids = Array.from({ length: owners }, (_, index) => String(index));
  let origin: FakeOrigin;
  let gateway: Program;

  beforeAll(async () => {
    origin = await startFakeOrigin();
    const custom_properties = JSON.stringify({ note: 'x'.repeat(propertyBytes) });
    origin.put(ids.map((id) => ({ model_id: id, file_name: `${id}.png`, custom_properties })));
    const { url, keyPrefix } = sharedRedis();
    gateway = await startGateway({ MEDIA_SERVICE_ADDR: origin.address, REDIS_ADDR: url, CACHE_KEY_PREFIX: keyPrefix, NODE_OPTIONS: `--max-old-space-size=${heapMegabytes}` });
  });
  afterAll(async () => {
    await gateway.stop();
    await origin.stop();
  });

  it('says when it starts that it keeps less', async () => {
    expect(await gateway.process.waitForLine(/The heap is too small/)).toContain('CACHE_L1_MAX_MB');
  });

  it('answers for all owners, however often they are asked for', async () => {
    for (let time = 0; time < times; time += 1) {
      for (let first = 0; first < owners; first += together) {
        const asked = ids.slice(first, first + together);
        // oxlint-disable-next-line no-await-in-loop
        const answers = await Promise.all(asked.map((id) => query(gateway.url, avatarQuery, { id })));
        expect(answers).toEqual(asked.map((id) => ({ status: 200, data: { modelMedia: [{ fileName: `${id}.png` }] } })));
      }
    }
  });
});
