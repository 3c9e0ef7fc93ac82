/**
 * The structure of an image, as its decoders walk it: whether the image comes to its end, and the frame that will be decoded.
 * Invariant: linear in the head; what a decoder would not take for one image has no structure. Pixels are not looked at.
 */

export interface ImageStructure {
  /** `open`: the head ends first. Bytes behind the end are allowed: decoders do not read them. */
  end: 'reached' | 'missing' | 'open';
  /** What is decoded first, where the format has that apart from what the image says of itself. Not turned by EXIF. */
  frame: { width: number; height: number } | undefined;
}

type Walk = (head: Buffer, size: number) => ImageStructure | undefined;

/** For the formats that browsers show everywhere. */
const walks: ReadonlyMap<string, Walk> = new Map([
  ['image/jpeg', walkJpeg],
  ['image/png', walkPng],
  ['image/gif', walkGif],
  ['image/webp', walkWebp],
]);

/**
 * Of the image that begins with `head` and has `size` bytes. Undefined: it has none.
 * Of another format nothing is known: `open`, without a frame.
 */
export function readStructure(mimeType: string, head: Buffer, size: number): ImageStructure | undefined {
  const walk = walks.get(mimeType);
  if (!walk) return { end: 'open', frame: undefined };
  try {
    return walk(head, size);
  } catch {
    // A number that should stand behind the end of the head.
    return undefined;
  }
}

/** For a walk that has come to `position` without an end. */
function endAt(position: number, head: Buffer, size: number): ImageStructure['end'] {
  return position >= size || head.length >= size ? 'missing' : 'open';
}

function walkPng(head: Buffer, size: number): ImageStructure | undefined {
  if (head.toString('latin1', 1, 8) !== 'PNG\r\n\u001a\n' || head.toString('latin1', 12, 16) !== 'IHDR') return undefined;
  let position = 8;
  while (position + 8 <= head.length) {
    if (head.toString('latin1', position + 4, position + 8) === 'IEND') return { end: position + 12 <= size ? 'reached' : 'missing', frame: undefined };
    position += 12 + head.readUInt32BE(position);
  }
  return { end: endAt(position, head, size), frame: undefined };
}

/** Up to the dimensions, wherever its first chunk has them. */
const webpHeadBytes = 30;

function walkWebp(head: Buffer, size: number): ImageStructure | undefined {
  if (head.length < webpHeadBytes || head.toString('latin1', 0, 4) !== 'RIFF' || head.toString('latin1', 8, 12) !== 'WEBP') return undefined;
  return { end: 8 + head.readUInt32LE(4) <= size ? 'reached' : 'missing', frame: undefined };
}

const gifBlock = { extension: 0x21, image: 0x2c, trailer: 0x3b };

function walkGif(head: Buffer, size: number): ImageStructure | undefined {
  if (!/^GIF8[79]a$/.test(head.toString('latin1', 0, 6))) return undefined;
  const screen = { width: head.readUInt16LE(6), height: head.readUInt16LE(8) };
  let frame: ImageStructure['frame'];
  let position = 13 + colorTableBytes(head.readUInt8(10));
  while (position < head.length) {
    const block = head[position];
    if (block === gifBlock.trailer) return frame && { end: 'reached', frame };
    if (block === gifBlock.extension) position = behindSubBlocks(head, position + 2);
    else if (block === gifBlock.image) {
      if (position + 10 > head.length) break;
      // A first frame that is larger than the screen makes the screen larger.
      frame ??= { width: Math.max(screen.width, head.readUInt16LE(position + 5)), height: Math.max(screen.height, head.readUInt16LE(position + 7)) };
      position = behindSubBlocks(head, position + 11 + colorTableBytes(head.readUInt8(position + 9)));
    } else return undefined;
  }
  return { end: endAt(position, head, size), frame };
}

function colorTableBytes(flags: number): number {
  return flags & 0x80 ? 3 << ((flags & 7) + 1) : 0;
}

function behindSubBlocks(head: Buffer, start: number): number {
  let position = start;
  for (let length = head[position]; length; length = head[position]) position += 1 + length;
  return position + 1;
}

const jpegMarker = { startOfImage: 0xd8, endOfImage: 0xd9, startOfScan: 0xda };

function walkJpeg(head: Buffer, size: number): ImageStructure | undefined {
  if (head.readUInt16BE(0) !== 0xff00 + jpegMarker.startOfImage) return undefined;
  let frame: ImageStructure['frame'];
  let position = nextMarker(head, 2);
  while (position < head.length) {
    const marker = head.readUInt8(position);
    // A scan without a frame before it has no size.
    if (marker === jpegMarker.endOfImage || marker === jpegMarker.startOfScan) {
      if (!frame) return undefined;
      if (marker === jpegMarker.endOfImage) return { end: 'reached', frame };
    }
    if (position + 3 > head.length) break;
    if (isFrame(marker)) frame ??= { width: head.readUInt16BE(position + 6), height: head.readUInt16BE(position + 4) };
    position = nextMarker(head, position + 1 + head.readUInt16BE(position + 1));
  }
  return frame && { end: endAt(position, head, size), frame };
}

/** Any kind of coding: a decoder takes the first frame that it meets, or none. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

/** Where the code of the next marker stands that begins a segment, or ends the image; behind the head when there is none in it. */
function nextMarker(head: Buffer, start: number): number {
  for (let found = head.indexOf(0xff, start); found !== -1; found = head.indexOf(0xff, found + 1)) {
    const code = head[found + 1];
    // Stuffed bytes, fill bytes, and the marks within a scan from which decoding can restart.
    if (code !== undefined && code !== 0 && code !== 0xff && !(code >= 0xd0 && code <= 0xd7)) return found + 1;
  }
  return Math.max(head.length, start);
}
