/**
 * The types that files have here: their one name, their extensions, and for those without magic bytes of their own what they are stored in.
 * Invariant: each type has one name; whatever other names tools and standards have for it lead to that one.
 */
import { supportedMimeTypes } from 'file-type';

/** Text has no magic bytes: as far as the content tells, it is text. */
export const text = 'text';

const zip = 'application/zip';
const compound = 'application/x-cfb';
const openXml = 'application/vnd.openxmlformats-officedocument';
const openDocument = 'application/vnd.oasis.opendocument';

interface KnownType {
  type: string;
  extensions: readonly string[];
  /** What the content looks like; the extension tells the rest. */
  within?: string;
}

const known: readonly KnownType[] = [
  ...of('image/jpeg', 'jpg jpeg jpe jfif'),
  ...of('image/png', 'png apng'),
  ...of('image/gif', 'gif'),
  ...of('image/webp', 'webp'),
  ...of('image/bmp', 'bmp dib'),
  ...of('image/tiff', 'tif tiff'),
  ...of('image/avif', 'avif'),
  ...of('image/heic', 'heic heif hif'),
  ...of('image/heif', 'heic heif hif'),
  ...of('image/x-icon', 'ico cur'),
  ...of('image/svg+xml', 'svg'),
  ...of('video/mp4', 'mp4 m4v mp4v f4v'),
  ...of('video/webm', 'webm'),
  ...of('video/quicktime', 'mov qt'),
  ...of('video/3gpp', '3gp 3gpp'),
  ...of('video/3gpp2', '3g2'),
  ...of('video/matroska', 'mkv'),
  ...of('video/mpeg', 'mpg mpeg'),
  ...of('video/ogg', 'ogv ogg'),
  ...of('video/vnd.avi', 'avi'),
  ...of('audio/mpeg', 'mp3'),
  ...of('audio/mp4', 'mp4'),
  ...of('audio/mp4', 'm4a m4b', 'video/mp4'),
  ...of('audio/ogg', 'ogg oga opus spx'),
  ...of('application/ogg', 'ogg ogx'),
  ...of('audio/webm', 'weba', 'video/webm'),
  ...of('audio/wav', 'wav'),
  ...of('audio/amr', 'amr'),
  ...of('audio/aac', 'aac'),
  ...of('audio/flac', 'flac'),
  ...of('application/pdf', 'pdf'),
  ...of('application/rtf', 'rtf'),
  ...of('application/msword', 'doc dot', compound),
  ...of('application/vnd.ms-excel', 'xls xlt', compound),
  ...of('application/vnd.ms-powerpoint', 'ppt pps pot', compound),
  ...of('application/vnd.ms-outlook', 'msg', compound),
  ...of(`${openXml}.wordprocessingml.document`, 'docx', zip),
  ...of(`${openXml}.spreadsheetml.sheet`, 'xlsx', zip),
  ...of(`${openXml}.presentationml.presentation`, 'pptx', zip),
  ...of(`${openDocument}.text`, 'odt', zip),
  ...of(`${openDocument}.spreadsheet`, 'ods', zip),
  ...of(`${openDocument}.presentation`, 'odp', zip),
  ...of('application/epub+zip', 'epub', zip),
  ...of(zip, 'zip'),
  ...of('application/gzip', 'gz tgz'),
  ...of('application/x-7z-compressed', '7z'),
  ...of('application/x-rar-compressed', 'rar'),
  ...of('application/x-tar', 'tar'),
  ...of('application/xml', 'xml'),
  ...of('text/plain', 'txt log', text),
  ...of('text/markdown', 'md', text),
  ...of('text/csv', 'csv', text),
  ...of('text/tab-separated-values', 'tsv', text),
  ...of('text/html', 'html htm', text),
  ...of('text/css', 'css', text),
  ...of('text/calendar', 'ics', text),
  ...of('text/vcard', 'vcf', text),
  ...of('text/vtt', 'vtt', text),
  ...of('application/json', 'json', text),
  ...of('application/yaml', 'yaml yml', text),
];

function of(type: string, extensions: string, within?: string): KnownType[] {
  return [{ type, extensions: extensions.split(' '), ...(within !== undefined && { within }) }];
}

const aliases: ReadonlyMap<string, string> = new Map([
  ['image/jpg', 'image/jpeg'],
  ['image/pjpeg', 'image/jpeg'],
  // An animated PNG is a PNG.
  ['image/apng', 'image/png'],
  ['image/x-ms-bmp', 'image/bmp'],
  ['image/vnd.microsoft.icon', 'image/x-icon'],
  ['video/x-m4v', 'video/mp4'],
  ['video/x-matroska', 'video/matroska'],
  ['video/avi', 'video/vnd.avi'],
  ['video/x-msvideo', 'video/vnd.avi'],
  ['audio/mp3', 'audio/mpeg'],
  ['audio/m4a', 'audio/mp4'],
  ['audio/x-m4a', 'audio/mp4'],
  ['audio/opus', 'audio/ogg'],
  ['audio/wave', 'audio/wav'],
  ['audio/x-wav', 'audio/wav'],
  ['audio/vnd.wave', 'audio/wav'],
  ['audio/x-flac', 'audio/flac'],
  ['text/xml', 'application/xml'],
  ['application/x-zip-compressed', zip],
]);

/** The one name of a type here. Parameters such as `; codecs=opus` are no part of it. Idempotent. */
export function canonicalType(type: string): string {
  const bare = type.split(';')[0]?.trim() ?? '';
  return aliases.get(bare) ?? bare;
}

const recognised: ReadonlySet<string> = new Set([...known.map(({ type }) => type), ...[...supportedMimeTypes].map(canonicalType)]);

/** Whether any file is ever found to be of this type. */
export function isRecognised(type: string): boolean {
  return recognised.has(type);
}

/** The types that files with this extension have; empty when it says nothing. */
export function typesOfExtension(extension: string): string[] {
  return known.filter(({ extensions }) => extensions.includes(extension)).map(({ type }) => type);
}

/** What content that looks like `content` is by its extension; undefined when the extension adds nothing. */
export function refinedType(content: string, extension: string): string | undefined {
  return known.find(({ within, extensions }) => within === content && extensions.includes(extension))?.type;
}
