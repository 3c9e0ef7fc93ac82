/**
 * File names that are safe to store, show and offer for download.
 * Invariant: what leaves here is NFC, one path segment, without control or bidi characters, 1 to 255 bytes of UTF-8.
 * A file name is never a storage key: bytes are found by their hash.
 */
import { extname } from 'node:path';
import { AppError } from '../../contract/errors.js';

const maxNameBytes = 255;
const maxExtensionBytes = 32;

/** What a web server, a shell or a desktop would run when it meets the file. */
const runnableExtensions = new Set(
  (
    'php php3 php4 php5 php6 php7 php8 phps pht phtm phtml phpt phar shtml shtm stm asp aspx asa ashx asmx jsp jspx jspf war jar jnlp cgi pl fcgi ' +
    'exe scr scf pif bat cmd msi msp msc cpl dll lnk reg chm hlp xll vb vbs vbe js mjs cjs jse ws wsc wsf wsh sct hta ps1 psm1 ps1xml ' +
    'sh bash zsh ksh csh elf so htaccess htpasswd'
  ).split(' '),
);

/** Control and format characters: bidi overrides turn a name around, the others hide in it. Joiners stay, scripts and emoji need them. */
const unseen = /[\p{Cc}\p{Surrogate}\u2028\u2029]|(?![\u200c\u200d])\p{Cf}/gu;
const reserved = /[<>:"|?*]/g;
const outerEnd = /[.\s]+$/;
/** Devices of Windows, whatever their extension. */
const device = /^(?:con|prn|aux|nul|com\d|lpt\d)(?=\s*(?:\.|$))/i;

/**
 * The safe form of a client's file name: its last path part, cleaned and shortened with the extension kept; `file` when nothing is left.
 * Idempotent.
 * @throws AppError BAD_USER_INPUT when any of its extensions belongs to files that get run.
 */
export function safeFileName(given: string): string {
  const name = cleanText(given)
    .split(/[/\\]/)
    .findLast((part) => part.trim() !== '')
    ?.replace(reserved, '-')
    // Windows drops dots and spaces at the end, so `a.php.` would become `a.php`.
    .replace(outerEnd, '');
  if (!name) return 'file';
  refuseRunnable(name);
  const safe = shorten(name.replace(/^[.\s]+/, '').replace(device, '_$&') || 'file');
  // Cut in the middle of an extension, it may have become another.
  refuseRunnable(safe);
  return safe;
}

/** What a person typed, without characters that cannot be seen, NFC. */
export function cleanText(given: string): string {
  return given.replace(unseen, '').normalize('NFC');
}

/** The name of a file that was given none: the file name without its extension. */
export function stemOf(fileName: string): string {
  return fileName.slice(0, fileName.length - extname(fileName).length);
}

/** Lower case, without the dot; empty when there is none. */
export function extensionOf(fileName: string): string {
  return extname(fileName).slice(1).toLowerCase();
}

function refuseRunnable(name: string): void {
  // NFKC: full-width letters and dots are as good as the others to some. Behind `;` or `%00` some servers do not look.
  for (const segment of name.normalize('NFKC').toLowerCase().split('.').slice(1)) {
    const extension = segment.replace(/[;%].*|[^a-z0-9]+$|\p{Cf}/gsu, '').trim();
    if (runnableExtensions.has(extension)) {
      throw new AppError('BAD_USER_INPUT', `Files with the extension .${extension} are not allowed, not even in the middle of a file name.`);
    }
  }
}

function shorten(name: string): string {
  if (Buffer.byteLength(name) <= maxNameBytes) return name;
  const extension = extname(name);
  const kept = Buffer.byteLength(extension) <= maxExtensionBytes ? extension : '';
  return truncate(name.slice(0, name.length - kept.length), maxNameBytes - Buffer.byteLength(kept)).replace(outerEnd, '') + kept;
}

function truncate(text: string, maxBytes: number): string {
  let bytes = 0;
  let length = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > maxBytes) break;
    length += character.length;
  }
  return text.slice(0, length);
}
