/**
 * `npm run demo:whatsapp`: the product beside a fake of the WhatsApp Cloud API, which tells it of a message with each kind of media, and takes
 * template messages: of the second one the media has expired.
 */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { png } from '../media/images.js';
import { startFakeWhatsApp } from '../support/fake-whatsapp.js';
import { query } from '../support/graphql.js';
import { startEverything } from '../support/programs.js';
import { tempDir, waitFor } from '../support/wait.js';
import { bodyOf, deliver, entryOf, mediaMessage, mediaTypes, textMessage, webhookEnv, type MediaType } from '../support/whatsapp-webhooks.js';

const samples: Readonly<Record<MediaType, readonly [bytes: Buffer, mimeType: string, fileName: string | undefined]>> = {
  image: [png(640, 480, 'a view'), 'image/png', undefined],
  sticker: [png(512, 512, 'a sticker'), 'image/png', undefined],
  document: [Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n'), 'application/pdf', 'offer.pdf'],
  audio: [Buffer.concat([Buffer.from('ID3\u0004\0\0\0\0\0\0', 'latin1'), Buffer.alloc(2_000)]), 'audio/mpeg', undefined],
  video: [Buffer.concat([Buffer.from('000000186674797069736f6d0000020069736f6d69736f32', 'hex'), Buffer.alloc(2_000)]), 'video/mp4', undefined],
};

const source = 'query ($id: ID!) { message(id: $id) { type media { id fileName mimeType size url } mediaStatus { state reason } } }';
const send = 'mutation ($input: SendTemplateInput!) { sendTemplate(input: $input) { sent messageId error { code message } } }';
const found = z.object({ message: z.object({ type: z.string(), media: z.array(z.object({ id: z.string(), url: z.string() })), mediaStatus: z.object({ state: z.string() }) }) });

const data = await tempDir('demo');
const fake = await startFakeWhatsApp();
const product = await startEverything({ DATA_DIR: data.path, LOG_LEVEL: 'info', ...fake.env, ...webhookEnv });
try {
  process.stdout.write(`GraphQL at ${product.url}/graphql, the fake provider at ${fake.host.url('')}\n`);
  const kinds = mediaTypes.map((type) => {
    const [bytes, mimeType, filename] = samples[type];
    const received = fake.receive(bytes, mimeType);
    return { message: mediaMessage(type, received, filename === undefined ? {} : { filename }), sha256: received.sha256 };
  });
  const text = textMessage();
  const delivered = await deliver(product.url, bodyOf(entryOf(...kinds.map(({ message }) => message), text)));
  process.stdout.write(`a webhook with ${kinds.length + 1} messages was answered with ${delivered.status}\n`);
  for (const { message, sha256 } of kinds) {
    // oxlint-disable-next-line no-await-in-loop -- told in order
    const answer = await waitFor(async () => shown(product.url, message.id), { what: `the media of ${message.id}` });
    // oxlint-disable-next-line no-await-in-loop
    const bytes = await (await fetch(answer.media[0]?.url ?? '')).arrayBuffer();
    const isSame = createHash('sha256').update(Buffer.from(bytes)).digest('base64') === sha256;
    process.stdout.write(`${JSON.stringify(answer)}\n  its bytes are ${isSame ? 'those that were announced' : 'OTHERS'}\n`);
    if (!isSame) process.exitCode = 1;
  }
  process.stdout.write(`${JSON.stringify((await query(product.url, source, { id: text.id })).data)}\n`);
  const image = await shown(product.url, kinds.find(({ message }) => message.type === 'image')?.message.id ?? '');
  const input = { to: '+15550100001', template: 'welcome', language: 'en', parameters: ['Ann'], headerMediaId: image?.media[0]?.id };
  for (const what of ['a template message', 'one whose media has expired at the provider']) {
    // oxlint-disable-next-line no-await-in-loop -- told in order
    const sent = await query(product.url, send, { input });
    process.stdout.write(`${what}: ${JSON.stringify(sent.data)}, ${fake.sending.sendCalls()} sends and ${fake.sending.uploadCalls()} uploads so far\n`);
    fake.sending.kill(fake.sending.uploads.at(-1)?.handle ?? '');
  }
} finally {
  await product.stop();
  await fake.stop();
  await rm(data.path, { recursive: true, force: true });
}

async function shown(url: string, id: string): Promise<z.infer<typeof found>['message'] | undefined> {
  const { message } = found.parse((await query(url, source, { id })).data);
  return message.mediaStatus.state === 'PENDING' ? undefined : message;
}
