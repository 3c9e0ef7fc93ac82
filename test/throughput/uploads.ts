/** Uploads as a front end sends them: GraphQL multipart requests over connections that are kept. Every answer is checked. */
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { uploadMutation } from '../support/graphql.js';
import { inParallel } from '../support/latency.js';
import { contentOf, type Load } from './content.js';

const boundary = 'measured-upload';
const part = (name: string, extra = ''): string => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${extra}\r\n\r\n`;
const tail = Buffer.from(`\r\n--${boundary}--\r\n`);

/** Milliseconds from the first request to the last answer. @throws Error when one is not acknowledged. */
export async function uploadAll(url: string, { files, bytes }: Load, { clients, round }: { clients: number; round: number }): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const startedAt = performance.now();
  try {
    await inParallel({ clients, count: files }, (file) => uploadOne(url, agent, { bytes, round, file }));
    return performance.now() - startedAt;
  } finally {
    agent.destroy();
  }
}

async function uploadOne(url: string, agent: Agent, { bytes, round, file }: { bytes: number; round: number; file: number }): Promise<void> {
  const input = { modelType: 'Measured', modelId: `${round}-${file}`, collectionName: 'files', file: null };
  const operations = JSON.stringify({ query: uploadMutation, variables: { input } });
  const head = Buffer.from(`${part('operations')}${operations}\r\n${part('map')}{"0":["variables.input.file"]}\r\n${part('0', '; filename="measured.bin"')}`);
  const headers = {
    'content-type': `multipart/form-data; boundary=${boundary}`,
    'content-length': head.length + bytes + tail.length,
    'apollo-require-preflight': 'true',
  };
  const sending = request(`${url}/graphql`, { agent, method: 'POST', headers });
  const answered = new Promise<IncomingMessage>((resolve, reject) => sending.once('response', resolve).once('error', reject));
  sending.write(head);
  for (const chunk of contentOf(round, file, bytes)) {
    // Without streams in between, which would cost this process, and with it what is measured, more than the sending itself.
    // oxlint-disable-next-line no-await-in-loop
    if (!sending.write(chunk)) await Promise.race([once(sending, 'drain'), answered]);
  }
  sending.end(tail);
  const answer = await text(await answered);
  if (!answer.includes(`"success":true`) || !answer.includes(`"size":${bytes}`)) throw new Error(`an upload was not acknowledged: ${answer}`);
}
