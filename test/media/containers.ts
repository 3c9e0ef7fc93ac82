/** The beginnings of files that are no images, made here byte by byte; archives are complete. */
import { crc32, deflateRawSync } from 'node:zlib';

/** A ZIP archive of these entries, in this order; `prefix` stands before it. */
export function zip(entries: Readonly<Record<string, string | Buffer>>, prefix: Buffer = Buffer.alloc(0)): Buffer {
  const locals: Buffer[] = [prefix];
  const directory: Buffer[] = [];
  let offset = prefix.length;
  for (const [name, content] of Object.entries(entries)) {
    const data = Buffer.from(content);
    const packed = deflateRawSync(data);
    const numbers = Buffer.alloc(26);
    numbers.writeUInt16LE(20, 0);
    numbers.writeUInt16LE(8, 4);
    numbers.writeUInt32LE(crc32(data), 10);
    numbers.writeUInt32LE(packed.length, 14);
    numbers.writeUInt32LE(data.length, 18);
    numbers.writeUInt16LE(name.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), numbers, Buffer.from(name), packed]);
    directory.push(Buffer.concat([Buffer.from('PK\u0001\u0002\u0014\0', 'latin1'), numbers, place, Buffer.from(name)]));
    locals.push(local);
    offset += local.length;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const end = Buffer.alloc(22);
  end.write('PK\u0005\u0006', 'latin1');
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, ...directory, end]);
}

const mainParts = { word: 'wordprocessingml.document', xl: 'spreadsheetml.sheet', ppt: 'presentationml.presentation' };

/** What an office program calls the content of a document of its kind. */
export function contentTypes(kind: keyof typeof mainParts): string {
  const part = `<Override PartName="/${kind}/main.xml" ContentType="application/vnd.openxmlformats-officedocument.${mainParts[kind]}.main+xml"/>`;
  return `<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">${part}</Types>`;
}

/** A box of MP4, HEIF and others. */
export function box(type: string, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(8 + body.length);
  return Buffer.concat([length, Buffer.from(type, 'latin1'), body]);
}

/** A file of boxes with this major brand, of four characters. */
export function boxes(brand: string, ...more: readonly Buffer[]): Buffer {
  return Buffer.concat([box('ftyp', Buffer.from(`${brand}\0\0\u0002\0${brand}mp41`, 'latin1')), ...more]);
}

/** WebM and Matroska. */
export function matroska(documentType: 'webm' | 'matroska'): Buffer {
  const name = Buffer.concat([Buffer.from([0x42, 0x82, 0x80 + documentType.length]), Buffer.from(documentType)]);
  return Buffer.concat([Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 0x80 + name.length]), name, Buffer.alloc(64)]);
}

/** One page, with the header of this codec. */
export function ogg(codec: string): Buffer {
  return Buffer.concat([Buffer.from('OggS\0\u0002', 'latin1'), Buffer.alloc(20), Buffer.from([1, 30]), Buffer.from(codec, 'latin1'), Buffer.alloc(30)]);
}

export function wav(): Buffer {
  return Buffer.concat([Buffer.from('RIFF$\0\0\0WAVEfmt \u0010\0\0\0\u0001\0\u0001\0', 'latin1'), Buffer.alloc(20)]);
}

/** Documents of older office programs. */
export function compoundFile(): Buffer {
  return Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.alloc(1_000)]);
}
