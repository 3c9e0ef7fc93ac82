import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { unary } from '../../src/runtime/grpc.js';
import { waitFor } from '../support/wait.js';
import { codeOf, Harness, image, methods } from './harness.js';
import { gif, jpeg, png, webp } from './images.js';

const maxBytes = 12_000_000;
const avatarBytes = 10_485_760;

let harness: Harness;
let users = 0;

beforeAll(async () => {
  harness = await Harness.start({ env: { UPLOAD_MAX_BYTES: String(maxBytes) } });
});
afterAll(() => harness.close());

const newUser = (): string => `user-${(users += 1)}`;
const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const file = (modelId: string, fileName = 'a.bin') => ({ model_id: modelId, collection_name: 'files', file_name: fileName });

async function failureOf(upload: Promise<unknown>): Promise<{ grpc: unknown; code: string | undefined; message: string }> {
  const error = await upload.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof Error && 'code' in error && 'details' in error)) throw new Error('the call did not fail');
  return { grpc: error.code, code: codeOf(error), message: String(error.details) };
}

/** What a failed upload must not leave behind. */
async function expectNothingKept(modelId: string, blobsBefore: { complete: number }): Promise<void> {
  expect(await harness.filesOf(modelId)).toEqual([]);
  await waitFor(async () => (await harness.blobs()).temporary === 0, { what: 'the temporary file to go' });
  expect((await harness.blobs()).complete).toBe(blobsBefore.complete);
  expect(harness.bus.events.filter((event) => event.endsWith(modelId))).toEqual([]);
}

describe('UploadFile', () => {
  it('stores a file and tells what it is', async () => {
    const modelId = newUser();
    const bytes = png(30, 20, randomBytes(300_000));
    const media = await harness.upload({ model_id: modelId, name: '', custom_properties: '{"alt":"é"}' }, bytes);
    expect(media).toMatchObject({
      model_type: 'User',
      model_id: modelId,
      collection_name: 'avatars',
      name: 'me',
      file_name: 'me.png',
      mime_type: 'image/png',
      disk: 'local',
      conversions_disk: 'local',
      size: bytes.length,
      width: 30,
      height: 20,
      sha256: sha256Of(bytes),
      custom_properties: '{"alt":"é"}',
      manipulations: '[]',
      order_column: 1,
    });
    expect(await unary(harness.client, methods.GetFileByID, { id: media.id }, 5_000)).toEqual(media);
    expect(await unary(harness.client, methods.GetFileByUUID, { uuid: media.uuid }, 5_000)).toEqual(media);
    expect(await harness.filesOf(modelId)).toEqual([media]);
    await waitFor(() => harness.bus.events.includes(`uploaded ${modelId}`), { what: 'the event' });
  });

  it.each([
    ['jpeg', jpeg(400, 300, 1), 'image/jpeg', 400, 300],
    ['jpeg on its side', jpeg(400, 300, 6), 'image/jpeg', 300, 400],
    ['gif', gif(12, 34), 'image/gif', 12, 34],
    ['webp', webp(120, 45), 'image/webp', 120, 45],
  ])('takes an avatar as %s, whatever its name says', async (_, bytes, mimeType, width, height) => {
    const media = await harness.upload({ model_id: newUser(), file_name: 'avatar.dat' }, bytes);
    expect(media).toMatchObject({ mime_type: mimeType, width, height });
  });

  it.each([
    ['a text', Buffer.from('<?php echo 1;'), 'UNSUPPORTED_MEDIA_TYPE'],
    ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'), 'UNSUPPORTED_MEDIA_TYPE'],
    ['a PDF', Buffer.from('%PDF-1.7\n%âãÏÓ\n1 0 obj'), 'UNSUPPORTED_MEDIA_TYPE'],
    ['the first bytes of a PNG', png(3, 3).subarray(0, 12), 'UNSUPPORTED_MEDIA_TYPE'],
    ['a PNG without pixels', png(0, 3), 'UNSUPPORTED_MEDIA_TYPE'],
    ['a PNG with too many pixels', png(16_000, 16_000), 'IMAGE_TOO_LARGE'],
    ['a PNG with a side too long', png(16_385, 1), 'IMAGE_TOO_LARGE'],
    ['no bytes', Buffer.alloc(0), 'EMPTY_FILE'],
    ['a JPEG that never comes to its size', Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), Buffer.alloc(300_000)]), 'UNSUPPORTED_MEDIA_TYPE'],
  ])('refuses %s as an avatar', async (_, bytes, code) => {
    const modelId = newUser();
    const before = await harness.blobs();
    const failure = await failureOf(harness.upload({ model_id: modelId, file_name: 'me.png' }, bytes));
    expect(failure).toMatchObject({ grpc: status.INVALID_ARGUMENT, code });
    await expectNothingKept(modelId, before);
  });

  it('refuses too many pixels in any collection', async () => {
    const failure = await failureOf(harness.upload({ ...file(newUser()) }, png(10_000, 10_000)));
    expect(failure).toMatchObject({ code: 'IMAGE_TOO_LARGE', message: 'The image has 10000 x 10000 pixels; at most 16384 pixels a side and 50 megapixels are allowed.' });
  });

  it.each([
    ['notes.txt', Buffer.from('hello'), 'text/plain'],
    ['data.csv', Buffer.from('a,b\n1,2\n'), 'text/csv'],
    ['data.json', Buffer.from('{"a":1}'), 'application/json'],
    ['drawing.svg', Buffer.from('<?xml version="1.0"?><svg/>'), 'image/svg+xml'],
    ['fake.txt', Buffer.from([0, 1, 2, 3]), 'application/octet-stream'],
    ['fake.txt', png(1, 1), 'image/png'],
    ['unknown', Buffer.from('hello'), 'application/octet-stream'],
    ['x.pdf', Buffer.from('%PDF-1.7\n1 0 obj\n'), 'application/pdf'],
  ])('tells the type of %s by its content first', async (fileName, bytes, mimeType) => {
    expect(await harness.upload(file(newUser(), fileName), bytes)).toMatchObject({ mime_type: mimeType });
  });

  it('takes a file of exactly the limit, and refuses one byte more while it arrives', async () => {
    const [bytes, modelId] = [randomBytes(maxBytes), newUser()];
    expect(await harness.upload(file(modelId), bytes)).toMatchObject({ size: maxBytes });
    const avatar = png(3, 3, Buffer.alloc(avatarBytes - png(3, 3).length));
    expect(await harness.upload({ model_id: newUser() }, avatar)).toMatchObject({ size: avatarBytes });
    const before = await harness.blobs();
    const refused = newUser();
    expect(await failureOf(harness.upload(file(refused), Buffer.concat([bytes, Buffer.alloc(1)])))).toMatchObject({
      code: 'FILE_TOO_LARGE',
      message: `The file is too large: at most ${maxBytes} bytes are allowed here.`,
    });
    const tooLarge = png(3, 3, Buffer.alloc(avatarBytes + 1 - png(3, 3).length));
    expect(await failureOf(harness.upload({ model_id: refused }, tooLarge))).toMatchObject({ code: 'FILE_TOO_LARGE' });
    await expectNothingKept(refused, before);
  });

  it.each([
    ['without its finish', [{ chunk: png(1, 1) }]],
    ['with another size', [{ chunk: png(1, 1) }, { finish: { size: 1, sha256: sha256Of(png(1, 1)) } }]],
    ['with another hash', [{ chunk: png(1, 1) }, { finish: { size: png(1, 1).length, sha256: sha256Of(Buffer.from('x')) } }]],
    ['with nothing at all after the meta', []],
  ])('aborts an upload that ends %s', async (_, rest) => {
    const modelId = newUser();
    const before = await harness.blobs();
    const failure = await failureOf(harness.send([{ meta: { ...image, model_id: modelId } }, ...rest]));
    expect(failure.grpc).toBe(status.ABORTED);
    await expectNothingKept(modelId, before);
  });

  it('keeps nothing of a client that disappears', async () => {
    const modelId = newUser();
    const before = await harness.blobs();
    const call = harness.client.UploadFile(() => undefined);
    call.on('error', () => undefined);
    call.write({ meta: { ...image, model_id: modelId } });
    call.write({ chunk: png(1, 1) });
    await waitFor(async () => (await harness.blobs()).temporary === 1, { what: 'the bytes to arrive' });
    call.cancel();
    await expectNothingKept(modelId, before);
  });

  it.each([
    ['no meta', [{ chunk: Buffer.from('x') }], 'The first message of an upload must be its meta.'],
    ['two metas', [{ meta: image }, { meta: image }], 'After the meta an upload has chunks, and a finish.'],
    ['no owner', [{ meta: { ...image, model_type: '' } }], 'model_type must not be empty.'],
    ['a control character in a name', [{ meta: { ...image, model_id: 'a\0b' } }], 'model_id must not contain control characters.'],
    ['no collection', [{ meta: { ...image, collection_name: '' } }], 'collection_name must not be empty.'],
    ['properties that are no object', [{ meta: { ...image, custom_properties: '[1]' } }], 'custom_properties must be the JSON text of an object.'],
    ['properties that are no JSON', [{ meta: { ...image, custom_properties: '{' } }], 'custom_properties must be the JSON text of an object.'],
    ['too many properties', [{ meta: { ...image, custom_properties: `{"a":"${'x'.repeat(65_536)}"}` } }], 'custom_properties must have at most 65536 bytes.'],
    ['a name without end', [{ meta: { ...image, name: 'x'.repeat(256) } }], 'name must have at most 255 characters.'],
    ['a file that gets run', [{ meta: { ...image, file_name: 'a.php.png' } }], 'Files with the extension .php are not allowed, not even in the middle of a file name.'],
  ])('refuses %s before the bytes', async (_, messages, message) => {
    // No end: the answer must not wait for one.
    const failure = await failureOf(
      new Promise((resolve, reject) => {
        const call = harness.client.UploadFile({ deadline: Date.now() + 10_000 }, (error, media) => (error ? reject(error) : resolve(media)));
        for (const sent of messages) call.write(sent);
      }),
    );
    expect(failure).toMatchObject({ grpc: status.INVALID_ARGUMENT, code: 'BAD_USER_INPUT', message });
  });

  it('answers an early refusal to a client that goes on sending', async () => {
    const chunks = Array.from({ length: 100 }, () => ({ chunk: Buffer.alloc(65_536) }));
    const failure = await failureOf(harness.send([{ meta: { ...image, model_type: '' } }, ...chunks]));
    expect(failure).toMatchObject({ code: 'BAD_USER_INPUT' });
  });

  it('takes `[]` for no properties, and none for an empty object', async () => {
    expect(await harness.upload({ model_id: newUser(), custom_properties: '[]' }, png(1, 1))).toMatchObject({ custom_properties: '[]' });
    expect(await harness.upload({ model_id: newUser() }, png(1, 1))).toMatchObject({ custom_properties: '{}' });
  });

  it('stores equal bytes once', async () => {
    const bytes = randomBytes(200_000);
    const before = await harness.blobs();
    const media = await Promise.all(Array.from({ length: 10 }, () => harness.upload(file(newUser()), bytes)));
    expect(new Set(media.map(({ id }) => id)).size).toBe(10);
    expect(await harness.blobs()).toEqual({ complete: before.complete + 1, temporary: 0 });
  });

  it('answers a retry with what its first try made', async () => {
    const [modelId, key] = [newUser(), randomUUID()];
    const first = await harness.upload({ model_id: modelId, idempotency_key: key }, png(1, 1));
    expect(await harness.upload({ model_id: modelId, idempotency_key: key }, png(1, 1))).toEqual(first);
    expect(await failureOf(harness.upload({ model_id: newUser(), idempotency_key: key }, png(1, 1)))).toMatchObject({ code: 'BAD_USER_INPUT' });
    expect(await harness.filesOf(modelId)).toHaveLength(1);
  });

  it('replaces an avatar, with deleted and uploaded, and adds to other collections', async () => {
    const modelId = newUser();
    await harness.upload({ model_id: modelId }, png(1, 1, 'first'));
    const second = await harness.upload({ model_id: modelId }, png(1, 1, 'second'));
    expect(await harness.filesOf(modelId)).toEqual([second]);
    await waitFor(() => harness.bus.events.filter((event) => event.endsWith(modelId)).length === 3, { what: 'three events' });
    expect(harness.bus.events.filter((event) => event.endsWith(modelId))).toEqual([`uploaded ${modelId}`, `deleted ${modelId}`, `uploaded ${modelId}`]);
    await harness.upload(file(modelId), png(1, 1));
    await harness.upload(file(modelId), png(1, 1));
    expect((await harness.filesOf(modelId, 'files')).map(({ order_column: order }) => order)).toEqual([1, 2]);
  });
});

describe('MediaService', () => {
  it('deletes once, with one event, and answers a second time that there was nothing', async () => {
    const modelId = newUser();
    const media = await harness.upload({ model_id: modelId }, png(1, 1));
    const remove = (id: string) => unary(harness.client, methods.DeleteFile, { id }, 5_000);
    expect(await remove(media.id)).toEqual({ deleted: true, media });
    for (const id of [media.id, 'x', '', '999999999']) {
      // oxlint-disable-next-line no-await-in-loop
      expect(await remove(id)).toEqual({ deleted: false, media: null });
    }
    await waitFor(() => harness.bus.events.includes(`deleted ${modelId}`), { what: 'the event' });
    expect(harness.bus.events.filter((event) => event.endsWith(modelId))).toEqual([`uploaded ${modelId}`, `deleted ${modelId}`]);
  });

  it('says NOT_FOUND for unknown and unusable ids', async () => {
    for (const id of ['999999999', 'x', '', '1e3']) {
      // oxlint-disable-next-line no-await-in-loop
      expect(await failureOf(unary(harness.client, methods.GetFileByID, { id }, 5_000))).toMatchObject({ grpc: status.NOT_FOUND, code: 'NOT_FOUND' });
    }
    const unknown = unary(harness.client, methods.GetFileByUUID, { uuid: randomUUID() }, 5_000);
    expect(await failureOf(unknown)).toMatchObject({ grpc: status.NOT_FOUND, code: 'NOT_FOUND' });
  });

  it('answers a batch in request order, with totals beyond the limit', async () => {
    const [owner, empty] = [newUser(), newUser()];
    for (let count = 0; count < 3; count += 1) {
      // oxlint-disable-next-line no-await-in-loop
      await harness.upload(file(owner), png(1, 1, String(count)));
    }
    const query = { model_type: 'User', model_id: owner, collection_name: 'files' };
    const { results } = await unary(
      harness.client,
      methods.GetFilesByModels,
      { queries: [{ ...query, model_id: empty }, { ...query, limit: 2 }, query, { ...query, collection_name: 'Files' }] },
      5_000,
    );
    expect(results.map(({ media, total }) => [media.map(({ order_column: order }) => order), total])).toEqual([[[], 0], [[1, 2], 3], [[1, 2, 3], 3], [[], 0]]);
  });

  it('refuses more than 500 keys, unusable names and negative limits', async () => {
    const query = { model_type: 'User', model_id: '1' };
    const calls = [
      unary(harness.client, methods.GetFilesByModels, { queries: Array.from({ length: 501 }, () => query) }, 5_000),
      unary(harness.client, methods.GetFileURLs, { ids: Array.from({ length: 501 }, String) }, 5_000),
      unary(harness.client, methods.GetFilesByModel, { ...query, model_id: '' }, 5_000),
      unary(harness.client, methods.GetFilesByModel, { ...query, collection_name: 'a\nb' }, 5_000),
      unary(harness.client, methods.GetFilesByModel, { ...query, limit: -1 }, 5_000),
      unary(harness.client, methods.GetFileURLs, { ids: ['1'], expiry_seconds: -1 }, 5_000),
    ];
    for (const failure of await Promise.all(calls.map(failureOf))) {
      expect(failure).toMatchObject({ grpc: status.INVALID_ARGUMENT, code: 'BAD_USER_INPUT' });
    }
  });

  it('gives URLs in request order, empty for an unknown id', async () => {
    const { id } = await harness.upload({ model_id: newUser() }, png(1, 1));
    const { results } = await unary(harness.client, methods.GetFileURLs, { ids: ['x', id], expiry_seconds: 60 }, 5_000);
    expect(results).toEqual([
      { url: '', expires_at: '' },
      { url: expect.stringMatching(new RegExp(`/files/${id}/me\\.png\\?expires=\\d+&kid=k1&signature=[0-9a-f]{64}$`)), expires_at: expect.any(String) },
    ]);
  });
});
