/** A form with one file, as it is sent: RFC 7578. The file is streamed. */
import { randomUUID } from 'node:crypto';
import type { PostBody } from '../../media/import/provider-call.js';

export interface FormFile {
  readonly fileName: string;
  /** Also of the part: providers look at both. */
  readonly mimeType: string;
  /** Bytes. */
  readonly size: number;
  readonly bytes: AsyncIterable<Buffer>;
}

export function multipart(fields: Readonly<Record<string, string>>, { fileName, mimeType, size, bytes }: FormFile): PostBody {
  const boundary = `form-${randomUUID()}`;
  const parts = Object.entries(fields).map(([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`);
  const fileHead = `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${quoted(fileName)}"\r\nContent-Type: ${mimeType}\r\n\r\n`;
  const [head, tail] = [Buffer.from(parts.join('') + fileHead), Buffer.from(`\r\n--${boundary}--\r\n`)];
  return { contentType: `multipart/form-data; boundary=${boundary}`, length: head.length + size + tail.length, bytes: between(head, bytes, tail) };
}

async function* between(head: Buffer, bytes: AsyncIterable<Buffer>, tail: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield head;
  yield* bytes;
  yield tail;
}

/** As browsers do. */
function quoted(fileName: string): string {
  return fileName.replace(/["\r\n]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
