/** What an imported file is called: as its source says, mended, with an extension where its content or its type tells one. */
import { extensionOf, safeFileName, stemOf } from '../files/file-names.js';
import { detectType, magicOf } from '../files/type-detection.js';
import { typesOfExtension } from '../files/type-table.js';

export interface NameHints {
  /** What the provider calls it. */
  given: string | undefined;
  /** The header Content-Disposition. */
  disposition: string | undefined;
  /** The path of the URL that was asked for; undefined: it tells nothing. */
  path: string | undefined;
  /** Content-Type, as it was declared. */
  declaredType: string | undefined;
  head: Buffer;
}

const fallback = 'file';

/** Never fails: a name that would be refused is replaced. */
export async function nameOf({ given, disposition, path, declaredType, head }: NameHints): Promise<string> {
  const name = usable(given || nameIn(disposition ?? '') || lastSegment(path ?? ''));
  const named = extensionOf(name);
  const told = (await magicOf(head))?.ext;
  // Hosts serve what a browser likes best under the name of something else; the name is what is wrong then.
  if (told !== undefined && (await contradicts(named, head))) return usable(`${stemOf(name)}.${told}`);
  if (named !== '') return name;
  const extension = told ?? declared.get(declaredType?.split(';')[0]?.trim().toLowerCase() ?? '');
  return extension === undefined ? name : usable(`${name}.${extension}`);
}

/** The name is the source's, not the client's: what belongs to a program (`image.php`) is no reason to refuse the file. */
function usable(name: string): string {
  try {
    return safeFileName(name);
  } catch {
    return fallback;
  }
}

/** Of `filename*` (RFC 5987) before `filename`. */
function nameIn(disposition: string): string {
  const { encoded } = /;\s*filename\*\s*=\s*utf-8'[^']*'(?<encoded>[^;\s]+)/i.exec(disposition)?.groups ?? {};
  if (encoded !== undefined) return decoded(encoded);
  const { quoted, token } = /;\s*filename\s*=\s*(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<token>[^;"]+))/i.exec(disposition)?.groups ?? {};
  return asUtf8(quoted?.replace(/\\(.)/g, '$1') ?? token?.trim() ?? '');
}

/** Headers arrive as Latin-1, and many servers write UTF-8 into them. */
function asUtf8(text: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1'));
  } catch {
    return text;
  }
}

function lastSegment(path: string): string {
  return decoded(path.slice(path.lastIndexOf('/') + 1));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function contradicts(extension: string, head: Buffer): Promise<boolean> {
  const types = typesOfExtension(extension);
  return types.length > 0 && !types.includes(await detectType(head, extension));
}

/** Text has no magic bytes: its type is told by the extension, so it needs one. */
const declared: ReadonlyMap<string, string> = new Map([
  ['text/plain', 'txt'],
  ['text/csv', 'csv'],
  ['text/html', 'html'],
  ['text/markdown', 'md'],
  ['text/calendar', 'ics'],
  ['text/vcard', 'vcf'],
  ['text/x-vcard', 'vcf'],
  ['text/vtt', 'vtt'],
  ['application/json', 'json'],
  ['image/svg+xml', 'svg'],
]);
