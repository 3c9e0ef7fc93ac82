/** Asking a gateway as a front end does. */
import { z } from 'zod';

const answer = z.object({
  data: z.record(z.string(), z.unknown()).nullish(),
  errors: z.array(z.object({ message: z.string(), path: z.array(z.unknown()).optional(), extensions: z.looseObject({ code: z.string() }) })).optional(),
});

export type Answer = z.infer<typeof answer> & { status: number };

/** Sends a query and parses the answer; rejects when the answer is not GraphQL's. */
export async function query(url: string, source: string, variables: Record<string, unknown> = {}): Promise<Answer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: source, variables }),
    signal: AbortSignal.timeout(30_000),
  });
  return readAnswer(response);
}

export async function readAnswer(response: Response): Promise<Answer> {
  return { ...answer.parse(await response.json()), status: response.status };
}

export interface UploadFields {
  modelType: string;
  modelId: string;
  collectionName: string;
  fileName?: string;
  name?: string;
}

export const uploadMutation = `mutation ($input: UploadFileInput!) {
  uploadFile(input: $input) { success message data { id uuid fileName mimeType size width height modelType modelId collectionName } }
}`;

/** The body of an upload by the GraphQL multipart request specification. */
export function uploadForm(file: Blob, fileName: string, fields: UploadFields): FormData {
  const form = new FormData();
  form.set('operations', JSON.stringify({ query: uploadMutation, variables: { input: { ...fields, file: null } } }));
  form.set('map', JSON.stringify({ 0: ['variables.input.file'] }));
  form.set('0', file, fileName);
  return form;
}

export async function upload(url: string, file: Blob, fileName: string, fields: UploadFields): Promise<Answer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'apollo-require-preflight': 'true' },
    body: uploadForm(file, fileName, fields),
    signal: AbortSignal.timeout(60_000),
  });
  return readAnswer(response);
}

/** The smallest PNG: one pixel. */
export function onePixelPng(): Blob {
  return new Blob([Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')]);
}

export function codesOf({ errors = [] }: Answer): string[] {
  return errors.map(({ extensions }) => extensions.code);
}
