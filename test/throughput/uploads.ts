/** Uploads as a front end sends them: GraphQL multipart requests over connections that are kept. Every answer is checked. */
import { Agent, request, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
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
  const body = function* (): Generator<Buffer> {
    yield head;
    yield* contentOf(round, file, bytes);
    yield tail;
  };
  const [response] = await Promise.all([answered, pipeline(Readable.from(body()), sending)]);
  const answer = await text(response);
  if (!answer.includes(`"success":true`) || !answer.includes(`"size":${bytes}`)) throw new Error(`an upload was not acknowledged: ${answer}`);
}
