/** What do uploads beside the reads cost? Reads of one user, while avatars of 256 KiB are uploaded through the same gateway, 20 a second. */
import { randomBytes } from 'node:crypto';
import { userQuery } from '../data.js';
import { oneOf } from '../random.js';
import { everyoneWhoInvalidates, firstIds, type Question } from './question.js';

const [users, fileBytes, everyMs] = [1_000, 262_144, 50];
const bytes = randomBytes(fileBytes);

const mutation = `mutation ($file: Upload!, $modelId: ID!) {
  uploadFile(input: { file: $file, modelType: "User", modelId: $modelId, collectionName: "avatars" }) { success data { id fileName } }
}`;

/** @throws Error with the answer when it was refused. */
async function upload(url: string, modelId: string): Promise<void> {
  const form = new FormData();
  form.append('operations', JSON.stringify({ query: mutation, variables: { file: null, modelId } }));
  form.append('map', '{"0": ["variables.file"]}');
  form.append('0', new Blob([bytes], { type: 'image/png' }), 'avatar.png');
  const response = await fetch(url, { method: 'POST', headers: { 'apollo-require-preflight': 'true' }, body: form, signal: AbortSignal.timeout(10_000) });
  const answer = await response.text();
  if (!answer.includes('"success":true')) throw new Error(`an upload was refused: ${answer}`);
}

export const uploads: Question = {
  name: 'uploads',
  title: 'one user, 20 uploads a second beside',
  quick: false,
  suits: everyoneWhoInvalidates,
  begin: ({ random, gateway: { url } }) => {
    const ids = firstIds(users);
    const queries = ids.map(userQuery);
    const beside = (): Promise<() => Promise<void>> => {
      const underWay: Promise<void>[] = [];
      const timer = setInterval(() => {
        const uploading = upload(url, oneOf(ids, random));
        // Looked at when all is over.
        uploading.catch(() => undefined);
        underWay.push(uploading);
      }, everyMs);
      return Promise.resolve(async () => {
        clearInterval(timer);
        await Promise.all(underWay);
      });
    };
    return { fill: queries, next: () => oneOf(queries, random), beside, changed: userQuery };
  },
};
