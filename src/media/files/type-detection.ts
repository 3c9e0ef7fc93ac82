/**
 * The type of a file, told from its first bytes, and by its extension only where those leave it open: text, and containers of several types.
 * Invariant: hostile bytes lead to a type, never to an error, and the time for it is bounded.
 */
import { fileTypeFromBuffer, type FileTypeResult } from 'file-type';
import { canonicalType, refinedType, text } from './type-table.js';

const unknownType = 'application/octet-stream';

/** Enough for all but archives, whose table of contents is spread over the file. */
export const magicBytes = 4_100;
const archive = Buffer.from('PK\u0003\u0004');

/** Enough to come to the first element. */
const markupBytes = 4_096;

/** Never rejects. `extension`: lower case, without the dot. */
export async function detectType(head: Buffer, extension: string): Promise<string> {
  const encoding = textEncoding(head);
  const content = await contentType(head, encoding);
  if (content !== undefined) return refinedType(content, extension) ?? content;
  return (encoding && refinedType(text, extension)) ?? unknownType;
}

/** Whether the type and the magic of a file that begins with `head`, of `magicBytes` at least, are the same whatever follows. Never rejects. */
export async function isTelling(head: Buffer): Promise<boolean> {
  if (isArchive(head)) return false;
  // What is no text by now will not become one.
  return head.includes(0) || (await contentType(head, textEncoding(head))) !== undefined;
}

/** What the first bytes are the mark of, if anything. Never rejects. */
export async function magicOf(head: Buffer): Promise<FileTypeResult | undefined> {
  try {
    return await fileTypeFromBuffer(isArchive(head) ? head : head.subarray(0, magicBytes));
  } catch {
    return undefined;
  }
}

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be';

async function contentType(head: Buffer, encoding: Encoding | undefined): Promise<string | undefined> {
  // The mark of UTF-16 could begin an MP3 as well.
  const found = encoding?.startsWith('utf-16') ? undefined : await magicOf(head);
  const magic = found && canonicalType(found.mime);
  return (magic === undefined || magic === 'application/xml' ? markupType(head, encoding ?? 'utf-8') : undefined) ?? magic;
}

/** Undefined when it is no text. */
function textEncoding(head: Buffer): Encoding | undefined {
  const mark = head.length < 2 ? 0 : head.readUInt16BE(0);
  if (mark === 0xfffe) return 'utf-16le';
  if (mark === 0xfeff) return 'utf-16be';
  return head.includes(0) ? undefined : 'utf-8';
}

function isArchive(head: Buffer): boolean {
  return archive.equals(head.subarray(0, archive.length));
}

/** What may stand before the first element. */
const prologue = /\s+|<\?[^]*?\?>|<!--[^]*?-->|<!doctype[^>[]*(?:\[[^\]]*\]\s*)?>/iy;
const element = /<(?:[\w-]+:)?(?<name>[a-z][a-z0-9]*)(?=[\s/>])/iy;

/** By which a browser that guesses takes a text for HTML. */
const htmlElements = new Set('html head body title meta link base script style iframe div table font a b p br h1 img object embed form'.split(' '));

/** SVG, HTML and XML are told by how they begin, whatever they are called. */
function markupType(head: Buffer, encoding: string): string | undefined {
  const markup = new TextDecoder(encoding).decode(head.subarray(0, markupBytes));
  let start = 0;
  for (let next = endOf(prologue, markup, 0); next > start; next = endOf(prologue, markup, start)) start = next;
  const before = markup.slice(0, start);
  if (/<!doctype\s+html/i.test(before)) return 'text/html';
  element.lastIndex = start;
  const name = element.exec(markup)?.groups?.name?.toLowerCase() ?? '';
  if (name === 'svg') return 'image/svg+xml';
  // In XML the other names are anybody's.
  if (before.includes('<?xml')) return name === 'html' ? 'text/html' : 'application/xml';
  return htmlElements.has(name) ? 'text/html' : undefined;
}

/** Where the match of a sticky pattern at `start` ends; `start` when there is none. */
function endOf(pattern: RegExp, subject: string, start: number): number {
  pattern.lastIndex = start;
  return pattern.test(subject) ? pattern.lastIndex : start;
}
