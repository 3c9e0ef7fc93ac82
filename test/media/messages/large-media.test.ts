/** The proxy as a program: what 100 MB cost in memory, whether they are imported, stored, or waited for by a client that takes nothing. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { startFakeWhatsApp, type FakeWhatsApp, type Received } from '../../support/fake-whatsapp.js';
import { LiveClient } from '../../support/live-client.js';
import { inParts } from '../../support/media-host.js';
import { startMediaService, type Program } from '../../support/programs.js';
import { tempDir, type TempDir } from '../../support/wait.js';
import { bodyOf, deliver, entryOf, mediaMessage, webhookEnv } from '../../support/whatsapp-webhooks.js';

const bytes = randomBytes(104_857_600);
const hash = createHash('sha256').update(bytes).digest('hex');
const peakBytes = 150_000_000;

let fake: FakeWhatsApp;
let received: Received;
let dir: TempDir;
let service: Program;

beforeEach(async () => {
  [fake, dir] = await Promise.all([startFakeWhatsApp(), tempDir('large')]);
  received = fake.receive(bytes, 'video/mp4');
  service = await startMediaService({ ...fake.env, ...webhookEnv, DATA_DIR: dir.path });
});
afterEach(async () => {
  await service.stop();
  await fake.stop();
  await dir.remove();
});

/** Tells of a message with the media; the URL of its bytes. */
async function tell(): Promise<string> {
  const sent = mediaMessage('video', received);
  expect((await deliver(service.url, bodyOf(entryOf(sent)))).status).toBe(200);
  return `${service.url}/api/media/messages/${encodeURIComponent(sent.id)}`;
}

async function hashOf(client: LiveClient): Promise<string> {
  const digest = createHash('sha256');
  for await (const chunk of client.chunks()) digest.update(chunk);
  return digest.digest('hex');
}

describe('100 MB in less than 150 MB of memory', () => {
  it('are streamed while they are imported, and when they are stored', async () => {
    const url = await tell();
    for (let time = 0; time < 2; time += 1) expect(await hashOf(await LiveClient.ask(url))).toBe(hash);
    expect(fake.downloads(received.id)).toBe(1);
    expect(service.process.peakRssBytes()).toBeLessThan(peakBytes);
  });

  it('are imported while a client takes nothing, which has all of them when it reads on', async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    fake.onDownload(received.id, inParts(bytes.subarray(0, 100_000), gate, bytes.subarray(100_000)));
    const url = await tell();
    const client = await LiveClient.ask(url);
    open();
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
    expect(await hashOf(client)).toBe(hash);
    expect(fake.downloads(received.id)).toBe(1);
    expect(service.process.peakRssBytes()).toBeLessThan(peakBytes);
  });
});
