/** What a file is found to be, whatever it is called, and which images are refused for what they are. */
import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import sharp, { type Sharp } from 'sharp';
import type { AppError } from '../../src/contract/errors.js';
import { headBytes, inspectFile, isConvertible, type FileKind } from '../../src/media/files/file-types.js';
import { detectType, isTelling, magicBytes } from '../../src/media/files/type-detection.js';
import { nameOf } from '../../src/media/import/file-name.js';
import { box, boxes, compoundFile, contentTypes, matroska, ogg, wav, zip } from './containers.js';
import { gif, jpeg, png, webp } from './images.js';

const images = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];

function inspect(bytes: Buffer, fileName: string, types?: readonly string[]): Promise<FileKind> {
  return inspectFile({ head: bytes.subarray(0, headBytes), size: bytes.length }, fileName, { types: types && [...types] });
}

const refusal = (bytes: Buffer, fileName: string, types: readonly string[] = images): Promise<string> =>
  inspect(bytes, fileName, types).then(
    (kind) => `taken as ${JSON.stringify(kind)}`,
    ({ code, message }: AppError) => `${code}: ${message}`,
  );

const office = 'application/vnd.openxmlformats-officedocument';

describe('S3: type detection by content, then by extension', () => {
  it.each([
    ['JPEG', jpeg(1, 1, 1), 'a', 'image/jpeg'],
    ['PNG', png(1, 1), 'a.txt', 'image/png'],
    ['GIF', gif(1, 1), 'a', 'image/gif'],
    ['WebP', webp(1, 1), 'a', 'image/webp'],
    ['MP4', boxes('isom'), 'a', 'video/mp4'],
    ['MP4 of iTunes', boxes('M4V '), 'a.m4v', 'video/mp4'],
    ['WebM', matroska('webm'), 'a', 'video/webm'],
    ['Matroska', matroska('matroska'), 'a.mkv', 'video/matroska'],
    ['QuickTime', boxes('qt  '), 'a', 'video/quicktime'],
    ['QuickTime without a brand', box('moov', Buffer.alloc(20)), 'a.mov', 'video/quicktime'],
    ['3GP of a phone', boxes('3gp5'), 'a.3gp', 'video/3gpp'],
    ['PDF', Buffer.from('%PDF-1.7\n1 0 obj\n'), 'a', 'application/pdf'],
    ['MP3', Buffer.concat([Buffer.from('fffb9000', 'hex'), Buffer.alloc(500)]), 'a', 'audio/mpeg'],
    ['MP3 with a cover of 300 KB before it', Buffer.concat([Buffer.from('ID3\u0004\0\0\0\u0012\u0027\u0060', 'latin1'), randomBytes(300_000)]), 'a', 'audio/mpeg'],
    ['a voice message', ogg('OpusHead'), 'a', 'audio/ogg'],
    ['Vorbis', ogg('\u0001vorbis'), 'a.ogg', 'audio/ogg'],
    ['M4A', boxes('M4A '), 'a', 'audio/mp4'],
    ['M4A of a recorder that calls it a video', boxes('isom'), 'a.m4a', 'audio/mp4'],
    ['WAV', wav(), 'a', 'audio/wav'],
    ['AMR', Buffer.from('#!AMR\n\u0004'), 'a', 'audio/amr'],
    ['Word', zip({ '[Content_Types].xml': contentTypes('word'), 'word/main.xml': 'x' }), 'a', `${office}.wordprocessingml.document`],
    ['Excel', zip({ '[Content_Types].xml': contentTypes('xl') }), 'a.zip', `${office}.spreadsheetml.sheet`],
    ['PowerPoint', zip({ '[Content_Types].xml': contentTypes('ppt') }), 'a', `${office}.presentationml.presentation`],
    ['Word, told at the end of 100 KB', zip({ 'word/main.xml': randomBytes(100_000), '[Content_Types].xml': contentTypes('word') }), 'a', `${office}.wordprocessingml.document`],
    ['Word, told only behind the head', zip({ 'word/main.xml': randomBytes(300_000), '[Content_Types].xml': contentTypes('word') }), 'a.docx', `${office}.wordprocessingml.document`],
    ['the same without its extension', zip({ 'word/main.xml': randomBytes(300_000), '[Content_Types].xml': contentTypes('word') }), 'a', 'application/zip'],
    ['a text document of LibreOffice', zip({ mimetype: 'application/vnd.oasis.opendocument.text' }), 'a', 'application/vnd.oasis.opendocument.text'],
    ['Word of 1997', compoundFile(), 'a.DOC', 'application/msword'],
    ['Excel of 1997', compoundFile(), 'a.xls', 'application/vnd.ms-excel'],
    ['PowerPoint of 1997', compoundFile(), 'a.ppt', 'application/vnd.ms-powerpoint'],
    ['one of them without its extension', compoundFile(), 'a', 'application/x-cfb'],
    ['ZIP', zip({ 'a.txt': 'x' }), 'a.txt', 'application/zip'],
    ['text', Buffer.from('hello'), 'a.txt', 'text/plain'],
    ['text of Windows', Buffer.from('\ufeffhello', 'utf16le'), 'a.txt', 'text/plain'],
    ['CSV', Buffer.from('a,b\n1,2\n'), 'a.csv', 'text/csv'],
    ['JSON', Buffer.from('{}'), 'a.json', 'application/json'],
    ['text without an extension', Buffer.from('hello'), 'a', 'application/octet-stream'],
    ['bytes called text', Buffer.from([1, 0, 2]), 'a.txt', 'application/octet-stream'],
    ['text called a document', Buffer.from('hello'), 'a.docx', 'application/octet-stream'],
    ['text called SVG', Buffer.from('hello'), 'a.svg', 'application/octet-stream'],
    ['text called a picture', Buffer.from('hello'), 'a.png', 'application/octet-stream'],
    ['one byte', Buffer.from('P'), 'a.png', 'application/octet-stream'],
  ])('finds %s', async (_, bytes, fileName, mimeType) => {
    expect(await inspect(bytes, fileName)).toMatchObject({ mimeType });
  });

  it.each([
    ['SVG', '<svg onload="alert(1)"/>', 'image/svg+xml'],
    ['SVG with all that may precede it', '\ufeff <?xml version="1.0"?>\n<!-- <html> -->\n<!DOCTYPE svg [<!ENTITY a "b">]>\n<svg xmlns="x">', 'image/svg+xml'],
    ['SVG with a prefix', '<?xml version="1.0"?><s:svg xmlns:s="http://www.w3.org/2000/svg"/>', 'image/svg+xml'],
    ['HTML', '<html>', 'text/html'],
    ['HTML without its beginning', '\n\t<sCripT>alert(1)</script>', 'text/html'],
    ['HTML with a document type only', '<!DOCTYPE html>hello', 'text/html'],
    ['HTML behind a comment', '<!-- --><!-- --><body >', 'text/html'],
    ['XHTML', '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">', 'text/html'],
    ['XML', '<?xml version="1.0"?><note/>', 'application/xml'],
    ['XML with a name of HTML', '<?xml version="1.0"?><a/>', 'application/xml'],
    ['text that mentions HTML', 'see <html>', 'text/plain'],
    ['a text with a word in brackets', '<hello> world', 'text/plain'],
  ])('takes %s for what a browser would, also as .txt', async (_, content, mimeType) => {
    expect(await inspect(Buffer.from(content), 'notes.txt')).toMatchObject({ mimeType });
  });

  it('takes SVG in UTF-16 for what it is', async () => {
    expect(await inspect(Buffer.from('\ufeff<svg/>', 'utf16le'), 'a.txt')).toMatchObject({ mimeType: 'image/svg+xml' });
  });
});

describe('what is told of the first bytes alone', () => {
  const rest = Buffer.concat([randomBytes(20_000), Buffer.from('PK\u0003\u0004<html><svg>'), Buffer.alloc(300_000)]);
  const text = Buffer.from('some words and nothing else\n'.repeat(10_000));
  const beginnings: readonly [string, Buffer, boolean][] = [
    ['a PNG', Buffer.concat([png(3, 4, randomBytes(5_000)), rest]), true],
    ['a JPEG', Buffer.concat([jpeg(3, 4, 1), rest]), true],
    ['a WAV', Buffer.concat([wav(), rest]), true],
    ['a page', Buffer.concat([Buffer.from('<!doctype html><html><body>'), text, rest]), true],
    ['a drawing', Buffer.concat([Buffer.from('<svg xmlns="http://www.w3.org/2000/svg">'), text]), true],
    ['bytes that are nothing known', Buffer.concat([Buffer.alloc(10), rest]), true],
    ['an archive', Buffer.concat([zip({ 'word/document.xml': text.toString() }), rest]), false],
    ['a text', text, false],
    ['a text with other bytes far behind', Buffer.concat([text.subarray(0, 100_000), rest]), false],
  ];

  it.each(beginnings)('is what is told of all, or nothing is told: %s', async (_what, bytes, tells) => {
    const [first, all] = [bytes.subarray(0, magicBytes), bytes.subarray(0, headBytes)];
    expect(await isTelling(first)).toBe(tells);
    if (!tells) return;
    for (const extension of ['', 'png', 'txt', 'docx', 'html']) {
      expect(await detectType(first, extension)).toBe(await detectType(all, extension));
      const [early, late] = [first, all].map((head) => nameOf({ given: `file.${extension}`, disposition: undefined, path: undefined, declaredType: 'image/png', head }));
      expect(await early).toBe(await late);
    }
  });
});

describe('in a collection of certain types', () => {
  it('the extension has to fit, when it belongs to a type', async () => {
    const allowed = 'allowed here are image/jpeg, image/png, image/gif, image/webp.';
    expect(await refusal(png(1, 1), 'me.pdf')).toBe(`UNSUPPORTED_MEDIA_TYPE: The file is image/png by its content, but its extension .pdf is that of application/pdf; ${allowed}`);
    expect(await refusal(png(1, 1), 'me.JPG')).toBe(`UNSUPPORTED_MEDIA_TYPE: The file is image/png by its content, but its extension .jpg is that of image/jpeg; ${allowed}`);
    expect(await refusal(png(1, 1), 'me.html')).toContain('.html is that of text/html');
    expect(await refusal(Buffer.from('%PDF-1.7'), 'me.png')).toBe(`UNSUPPORTED_MEDIA_TYPE: The file is application/pdf by its content; ${allowed}`);
  });

  it.each(['me.png', 'me.PNG', 'me', 'me.dat', 'me.v2', 'me.pdf.png', '.png'])('%s passes with the bytes of a PNG', async (fileName) => {
    expect(await inspect(png(4, 3), fileName, images)).toEqual({ mimeType: 'image/png', width: 4, height: 3 });
  });

  it.each([
    ['application/pdf', Buffer.from('%PDF-1.7'), 'a.pdf'],
    ['audio/ogg', ogg('OpusHead'), 'voice.ogg'],
    ['audio/mp4', boxes('M4A '), 'voice.m4a'],
    ['audio/amr', Buffer.from('#!AMR\n\u0004'), 'voice.amr'],
    ['video/mp4', boxes('mp42'), 'film.mp4'],
    ['video/3gpp', boxes('3gp4'), 'film.3gp'],
    [`${office}.wordprocessingml.document`, zip({ '[Content_Types].xml': contentTypes('word') }), 'a.docx'],
    ['application/msword', compoundFile(), 'a.doc'],
    ['text/csv', Buffer.from('a,b'), 'a.csv'],
    ['image/svg+xml', Buffer.from('<svg/>'), 'a.svg'],
    ['image/heic', boxes('heic', box('meta', Buffer.alloc(4), box('iprp', box('ipco', box('ispe', Buffer.from('000000000000000400000003', 'hex')))))), 'a.heic'],
  ])('%s is taken by its content and name', async (mimeType, bytes, fileName) => {
    expect(await inspect(bytes, fileName, [mimeType])).toMatchObject({ mimeType });
    expect(await refusal(bytes, fileName)).toContain('UNSUPPORTED_MEDIA_TYPE');
  });

  it('an image that cannot be measured is refused, elsewhere it has no dimensions', async () => {
    const unmeasured = boxes('heic');
    expect(await refusal(unmeasured, 'a.heic', ['image/heic'])).toBe('UNSUPPORTED_MEDIA_TYPE: The file cannot be read as image/heic.');
    expect(await inspect(unmeasured, 'a.heic')).toEqual({ mimeType: 'image/heic', width: 0, height: 0 });
  });
});

const picture = (width: number, height: number): Sharp => sharp({ create: { width, height, channels: 3, background: { r: 200, g: 30, b: 7 } } });

async function animation(format: 'gif' | 'webp'): Promise<Buffer> {
  const frames = await Promise.all([60, 120, 180].map((r) => sharp({ create: { width: 6, height: 4, channels: 3, background: { r, g: 0, b: 0 } } }).png().toBuffer()));
  return sharp(frames, { join: { animated: true } }).toFormat(format).toBuffer();
}

const made: [string, Promise<Buffer>, Omit<FileKind, 'mimeType'>][] = [
  ['a JPEG', picture(60, 40).jpeg().toBuffer(), { width: 60, height: 40 }],
  ['a progressive JPEG on its side', picture(60, 40).withMetadata({ orientation: 6 }).jpeg({ progressive: true }).toBuffer(), { width: 40, height: 60 }],
  ['a PNG', picture(61, 40).png().toBuffer(), { width: 61, height: 40 }],
  ['a PNG with a palette', picture(61, 40).png({ palette: true, progressive: true }).toBuffer(), { width: 61, height: 40 }],
  ['a GIF', picture(62, 40).gif().toBuffer(), { width: 62, height: 40 }],
  ['an animated GIF', animation('gif'), { width: 6, height: 4 }],
  ['a WebP', picture(63, 40).webp().toBuffer(), { width: 63, height: 40 }],
  ['a WebP without loss', picture(63, 40).webp({ lossless: true }).toBuffer(), { width: 63, height: 40 }],
  ['an animated WebP', animation('webp'), { width: 6, height: 4 }],
  ['an AVIF', picture(64, 40).avif().toBuffer(), { width: 64, height: 40 }],
];

describe('an image of a common program', () => {
  it.each(made)('is measured: %s', async (_, making, size) => {
    const kind = await inspect(await making, 'a', [...images, 'image/avif']);
    expect(kind).toMatchObject(size);
    expect(isConvertible(kind)).toBe(true);
  });

  it.each(made.slice(0, -1))('is refused when it is cut off anywhere: %s', async (_, making) => {
    const whole = await making;
    for (let length = 1; length < whole.length; length += 1) {
      expect(await refusal(whole.subarray(0, length), 'a')).toMatch(/^UNSUPPORTED_MEDIA_TYPE: The file (cannot be read as|is cut off|is application\/octet-stream)/);
    }
    expect(await refusal(whole.subarray(0, -1), 'a')).toMatch(/^UNSUPPORTED_MEDIA_TYPE: The file is cut off: it ends before its image\/\w+ does\.$/);
    // Where no image is demanded, the bytes are kept as they are.
    expect(await inspect(whole.subarray(0, -1), 'a')).toMatchObject({ mimeType: expect.stringContaining('image/') });
  });

  it.each(made)('is taken with bytes behind its end: %s', async (_, making, size) => {
    expect(await inspect(Buffer.concat([await making, Buffer.from('<script>alert(1)</script>')]), 'a', [...images, 'image/avif'])).toMatchObject(size);
  });

  it('cannot be told to be cut off behind the head, unless it announces its length', async () => {
    const noise = sharp(randomBytes(600 * 400 * 3), { raw: { width: 600, height: 400, channels: 3 } });
    const cut = async (image: Buffer | Promise<Buffer>): Promise<string> => refusal((await image).subarray(0, headBytes + 10_000), 'a');
    expect(await cut(noise.clone().webp({ lossless: true }).toBuffer())).toContain('is cut off');
    expect(await cut(png(3, 3, randomBytes(300_000)))).toContain('is cut off');
    expect(await cut(noise.clone().png({ compressionLevel: 0 }).toBuffer())).toContain('taken');
    expect(await cut(noise.clone().jpeg({ quality: 100 }).toBuffer())).toContain('taken');
    expect(await cut(noise.clone().gif().toBuffer())).toContain('taken');
  });
});

describe('a JPEG', () => {
  it('comes to its end through scans with stuffed bytes and restarts', async () => {
    const whole = jpeg(4, 3, 1);
    const scan = Buffer.from('ffda0008010100003f00aaff00bbffd0ffff00ccffd7dd', 'hex');
    const scanned = Buffer.concat([whole.subarray(0, -2), scan, scan, whole.subarray(-2)]);
    expect(await inspect(scanned, 'a', images)).toEqual({ mimeType: 'image/jpeg', width: 4, height: 3 });
    expect(await refusal(scanned.subarray(0, -1), 'a')).toContain('is cut off');
  });
});

describe('an image that is larger than it says', () => {
  const frame = (marker: number, side: number): Buffer => {
    const segment = Buffer.from('ff000011080000000003012200021101031101', 'hex');
    segment[1] = marker;
    segment.writeUInt16BE(side, 5);
    segment.writeUInt16BE(side, 7);
    return segment;
  };
  const frames = (...more: readonly Buffer[]): Buffer => Buffer.concat([Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex'), ...more, Buffer.from('ffd9', 'hex')]);

  it('is measured by what is decoded: the first frame of a JPEG of any coding, the first frame of a GIF', async () => {
    const tooLarge = /^IMAGE_TOO_LARGE: The image has 60000 x 60000 pixels; at most 16384 pixels a side and 50 megapixels are allowed\.$/;
    expect(await refusal(frames(frame(0xc9, 60_000), frame(0xc0, 10)), 'a.jpg')).toMatch(tooLarge);
    expect(await refusal(frames(Buffer.from('ff', 'hex'), frame(0xc0, 60_000), frame(0xc0, 10)), 'a.jpg')).toMatch(/IMAGE_TOO_LARGE|cannot be read/);
    const image = gif(1, 1);
    image.writeUInt16LE(60_000, 18);
    image.writeUInt16LE(60_000, 20);
    expect(await refusal(image, 'a.gif')).toMatch(tooLarge);
  });

  it('is refused with the numbers, in any collection', async () => {
    for (const types of [images, undefined]) {
      await expect(inspect(png(50_000, 50_000), 'a.png', types)).rejects.toMatchObject({
        code: 'IMAGE_TOO_LARGE',
        message: 'The image has 50000 x 50000 pixels; at most 16384 pixels a side and 50 megapixels are allowed.',
      });
      await expect(inspect(png(16_385, 1), 'a.png', types)).rejects.toMatchObject({ code: 'IMAGE_TOO_LARGE' });
      await expect(inspect(png(10_000, 5_001), 'a.png', types)).rejects.toMatchObject({ code: 'IMAGE_TOO_LARGE' });
      expect(await inspect(png(10_000, 5_000), 'a.png', types)).toMatchObject({ width: 10_000 });
    }
  });
});

describe('a part of a larger buffer', () => {
  it('is all that is looked at', async () => {
    // A BMP says its height last; behind the cut is what belongs to others.
    const others = Buffer.concat([Buffer.from('BM'), Buffer.alloc(20, 1), Buffer.alloc(100, 0x11)]);
    expect(await inspect(others.subarray(0, 23), 'a')).toEqual({ mimeType: 'image/bmp', width: 0, height: 0 });
    expect(await inspect(webp(4, 3).subarray(0, 21), 'a')).toEqual({ mimeType: 'image/webp', width: 0, height: 0 });
  });
});

describe('what only looks like an image', () => {
  it.each([
    ['a GIF that is a script', Buffer.from('GIF89a=1;alert(1)//')],
    ['a GIF that is a script within a comment', Buffer.from('GIF89a/*\u0001\0*/=1;alert(1)//')],
    ['a PNG whose first chunk is no header', Buffer.concat([png(1, 1).subarray(0, 8), png(1, 1).subarray(33)])],
    ['a JPEG without a frame', Buffer.from('ffd8ffe000104a46494600010100000100010000ffd9', 'hex')],
    ['a JPEG whose scan precedes its frame', Buffer.concat([Buffer.from('ffd8ffda0008010100003f00', 'hex'), jpeg(1, 1, 1).subarray(2)])],
    ['a WebP without a picture', Buffer.from('RIFF\u0004\0\0\0WEBP', 'latin1')],
    ['a GIF behind a byte order mark', Buffer.concat([Buffer.from('\ufeff'), gif(1, 1)])],
    ['a PNG behind the tag of an MP3', Buffer.concat([Buffer.from('ID3\u0004\0\0\0\0\0\0', 'latin1'), png(1, 1)])],
  ])('is refused where an image is demanded: %s', async (_, bytes) => {
    expect(await refusal(bytes, 'a')).toMatch(/UNSUPPORTED_MEDIA_TYPE|IMAGE_TOO_LARGE/);
  });
});
