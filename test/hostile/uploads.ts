/** Files that are not what they are called, not what they seem, more than they seem, or not whole. */
import { gzipSync } from 'node:zlib';
import { box, boxes, contentTypes, zip } from '../media/containers.js';
import { gif, jpeg, png, webp } from '../media/images.js';
import type { HostileInput, Section } from './hostile-input.js';
import { uploadMaxBytes } from './world.js';

interface HostileFile {
  input: string;
  bytes: Buffer | string;
  /** Default me.png. */
  fileName?: string;
}

const inCollection =
  (collectionName: string, answer: string) =>
  ({ input, bytes, fileName = 'me.png' }: HostileFile): HostileInput => ({
    input: `${input}, as \`${fileName}\` in \`${collectionName}\``,
    answer,
    stored: answer === 'OK',
    send: (world) => world.upload(Buffer.from(bytes), fileName, { collectionName }),
  });

const script = '<script>alert(1)</script>';
const elf = Buffer.concat([Buffer.from('7f454c460201010000', 'hex'), Buffer.alloc(100)]);
const pdf = '%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n';
const sizeOf = (width: number, height: number): Buffer => {
  const property = Buffer.alloc(12);
  property.writeUInt32BE(width, 4);
  property.writeUInt32BE(height, 8);
  return box('ispe', property);
};
const heic = (...properties: readonly Buffer[]): Buffer => boxes('heic', box('meta', Buffer.alloc(4), box('iprp', box('ipco', ...properties))));

/** A GIF whose magic bytes, size and all are a name and a comment to JavaScript. */
function gifScript(): Buffer {
  const image = gif(1, 1);
  image.write('/*', 6);
  image.writeUInt16LE(16, 8);
  return Buffer.concat([image, Buffer.from('*/=1;alert(1)')]);
}

/** Two frames; decoders take the first, of arithmetic coding, which few readers know. */
function jpegOfTwoSizes(): Buffer {
  const large = Buffer.from('ffc90011080000000003012200021101031101', 'hex');
  large.writeUInt16BE(60_000, 5);
  large.writeUInt16BE(60_000, 7);
  const small = jpeg(10, 10, 1);
  return Buffer.concat([small.subarray(0, 2), large, small.subarray(2)]);
}

function gifOfTwoSizes(): Buffer {
  const image = gif(1, 1);
  image.writeUInt16LE(60_000, 18);
  image.writeUInt16LE(60_000, 20);
  return image;
}

/** All that a WebP says of itself is its canvas. */
function webpCanvas(): Buffer {
  return Buffer.from('524946461600000057454250565038580a00000000000000ffffffffffff', 'hex');
}

/** A directory of EXIF that claims 65,535 entries and has none. */
function jpegOfManyTags(): Buffer {
  const image = jpeg(8, 6, 1);
  image.writeUInt16BE(0xffff, image.indexOf('MM') + 8);
  return image;
}

const wrongType = 'UNSUPPORTED_MEDIA_TYPE';

export const typesAndNames: Section = {
  title: 'Types: what a file is called, and what it is',
  intro: 'Uploads through GraphQL. `avatars` takes JPEG, PNG, GIF and WebP, `photos` HEIC too, `papers` PDF and DOCX, `files` anything.',
  inputs: [
    ...[
      { input: 'a PHP script', bytes: '<?php system($_GET[0]);' },
      { input: 'a page with a script', bytes: `<html>${script}` },
      { input: 'an SVG with a script', bytes: '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>' },
      { input: 'an SVG under its own name', bytes: '<svg onload="alert(1)"/>', fileName: 'me.svg' },
      { input: 'a program', bytes: elf },
      { input: 'a PDF', bytes: pdf, fileName: 'me.jpg' },
      { input: 'a HEIC', bytes: heic(sizeOf(4, 3)), fileName: 'me.heic' },
      { input: 'the bytes of a PNG', bytes: png(4, 3), fileName: 'me.pdf' },
      { input: 'the bytes of a PNG', bytes: png(4, 3), fileName: 'me.html' },
      { input: 'the bytes of a JPEG', bytes: jpeg(4, 3, 1), fileName: 'me.png' },
      { input: 'noise', bytes: Buffer.alloc(1_000, 0xa5) },
      { input: 'a letter', bytes: 'P' },
    ].map(inCollection('avatars', wrongType)),
    ...[{ input: 'the bytes of a ZIP', bytes: zip({ 'a.txt': 'x' }), fileName: 'paper.pdf' }].map(inCollection('papers', wrongType)),
    ...[
      { input: 'the bytes of a PNG', bytes: png(4, 3), fileName: 'me' },
      { input: 'the bytes of a JPEG', bytes: jpeg(4, 3, 6), fileName: 'me.dat' },
    ].map(inCollection('avatars', 'OK')),
    ...[
      { input: 'a page', bytes: `<html>${script}`, fileName: 'notes.txt' },
      { input: 'a page behind a byte order mark and comments', bytes: `\ufeff<!-- --> <!-- -->\n<BODY onload=alert(1)>`, fileName: 'data.csv' },
      { input: 'an SVG in UTF-16', bytes: Buffer.from('\ufeff<svg onload="alert(1)"/>', 'utf16le'), fileName: 'notes.txt' },
      { input: 'an XML file that reads /etc/passwd', bytes: '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', fileName: 'a.xml' },
      { input: 'an SVG whose entities multiply', bytes: `<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><svg>&b;</svg>`, fileName: 'a.svg' },
      { input: 'a program', bytes: elf, fileName: 'film.mp4' },
      { input: 'text', bytes: 'hello', fileName: 'photo.png' },
      { input: 'the bytes of a PNG', bytes: png(4, 3), fileName: 'me.pdf' },
    ].map(inCollection('files', 'OK')),
  ],
};

export const polyglots: Section = {
  title: 'Polyglots: files that are two things',
  intro: 'Where an image is demanded it has to be one as its decoders read it. What follows behind its end no decoder reads, and no browser runs what is served as an image with `nosniff`.',
  inputs: [
    ...[
      { input: 'a script that begins like a GIF', bytes: 'GIF89a=1;alert(1)//', fileName: 'me.gif' },
      { input: 'a PNG behind a byte order mark', bytes: Buffer.concat([Buffer.from('\ufeff'), png(4, 3)]) },
      { input: 'a PNG behind the tag of an MP3', bytes: Buffer.concat([Buffer.from('ID3\u0004\0\0\0\0\0\0', 'latin1'), png(4, 3)]) },
      { input: 'a PNG behind the first bytes of a JPEG', bytes: Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), png(4, 3)]), fileName: 'me.jpg' },
      { input: 'a ZIP with a PNG behind it', bytes: Buffer.concat([zip({ 'a.txt': 'x' }), png(4, 3)]) },
    ].map(inCollection('avatars', wrongType)),
    ...[
      { input: 'a PNG with a page behind it', bytes: Buffer.concat([png(4, 3), Buffer.from(script)]) },
      { input: 'a PNG with a page in its comment', bytes: png(4, 3, script) },
      { input: 'a JPEG that is a ZIP as well', bytes: zip({ 'evil.js': 'alert(1)' }, jpeg(4, 3, 1)), fileName: 'me.jpg' },
      { input: 'a GIF that is a script as well', bytes: gifScript(), fileName: 'me.gif' },
    ].map(inCollection('avatars', 'OK')),
    ...[{ input: 'a PDF that is a page as well', bytes: `${pdf}${script}`, fileName: 'paper.pdf' }].map(inCollection('papers', 'OK')),
    ...[
      { input: 'a page that is a PDF as well', bytes: `<html>${script}${pdf}`, fileName: 'paper.pdf' },
      { input: 'a script that begins like a GIF', bytes: 'GIF89a=1;', fileName: 'a.txt' },
    ].map(inCollection('files', 'OK')),
  ],
};

export const bombs: Section = {
  title: 'Bombs: small files that grow',
  intro: 'An image may have 50 megapixels and 16,384 pixels a side, in any collection. Archives are never opened.',
  inputs: [
    ...[
      { input: 'a PNG of 50,000 x 50,000 pixels', bytes: png(50_000, 50_000) },
      { input: 'a PNG with a side of 16,385', bytes: png(16_385, 1) },
      { input: 'a PNG with a side of 4,294,967,295', bytes: png(4_294_967_295, 1) },
      { input: 'a PNG of 50,005,000 pixels', bytes: png(10_001, 5_000) },
      { input: 'a JPEG of 65,500 x 65,500 pixels', bytes: jpeg(65_500, 65_500, 6), fileName: 'me.jpg' },
      { input: 'a JPEG of 60,000 x 60,000 pixels that says 10 x 10 as well', bytes: jpegOfTwoSizes(), fileName: 'me.jpg' },
      { input: 'a GIF of 65,535 x 65,535 pixels', bytes: gif(65_535, 65_535), fileName: 'me.gif' },
      { input: 'a GIF of 1 x 1 pixel whose frame has 60,000 x 60,000', bytes: gifOfTwoSizes(), fileName: 'me.gif' },
      { input: 'a WebP of 16,777,216 x 16,777,216 pixels', bytes: webpCanvas(), fileName: 'me.webp' },
    ].map(inCollection('avatars', 'IMAGE_TOO_LARGE')),
    ...[
      { input: 'a HEIC of 50,000 x 50,000 pixels', bytes: heic(sizeOf(50_000, 50_000)), fileName: 'me.heic' },
      { input: 'a PNG of 50,000 x 50,000 pixels', bytes: png(50_000, 50_000), fileName: 'a.txt' },
    ].map(inCollection('files', 'IMAGE_TOO_LARGE')),
    ...[
      { input: 'a GIF of 10,000 frames', bytes: gif(1_000, 1_000, 10_000), fileName: 'me.gif' },
      { input: 'a JPEG whose EXIF claims 65,535 tags', bytes: jpegOfManyTags(), fileName: 'me.jpg' },
    ].map(inCollection('avatars', 'OK')),
    ...[{ input: 'a HEIC of 10,000 boxes', bytes: heic(...Array.from({ length: 10_000 }, () => sizeOf(4, 3))), fileName: 'me.heic' }].map(inCollection('photos', wrongType)),
    ...[
      { input: 'a GZIP of 50 MB', bytes: gzipSync(Buffer.alloc(50_000_000)), fileName: 'a.gz' },
      { input: 'an office document whose table of contents has 20 MB', bytes: zip({ '[Content_Types].xml': Buffer.alloc(20_000_000) }), fileName: 'a.docx' },
      { input: 'a ZIP that leads out of its directory', bytes: zip({ '../../../etc/cron.d/x': 'x', '/etc/passwd': 'x' }), fileName: 'a.zip' },
      { input: 'a ZIP of 5,000 entries', bytes: zip(Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`f${index}`, '']))), fileName: 'a.zip' },
    ].map(inCollection('files', 'OK')),
    ...[{ input: 'an office document that says it is one', bytes: zip({ '[Content_Types].xml': contentTypes('word') }), fileName: 'a.docx' }].map(inCollection('papers', 'OK')),
    ...[
      { input: 'no bytes', bytes: '' },
      { input: 'no bytes', bytes: '', fileName: 'a.txt' },
    ].map((file, index) => inCollection(index ? 'files' : 'avatars', 'EMPTY_FILE')(file)),
    ...[{ input: `${uploadMaxBytes + 1} bytes where ${uploadMaxBytes} are allowed`, bytes: Buffer.alloc(uploadMaxBytes + 1), fileName: 'a.bin' }].map(inCollection('files', 'FILE_TOO_LARGE')),
    ...[{ input: '500,001 bytes where 500,000 are allowed', bytes: Buffer.concat([png(4, 3), Buffer.alloc(500_001 - png(4, 3).length)]) }].map(inCollection('avatars', 'FILE_TOO_LARGE')),
  ],
};

export const brokenImages: Section = {
  title: 'Images that are cut off or broken',
  intro: 'Where an image is demanded, a file that ends before the image does is refused, unless its end lies behind the first 256 KB and nothing in them announces how long it is.',
  inputs: [
    ...[
      { input: 'the first 12 bytes of a PNG', bytes: png(4, 3).subarray(0, 12) },
      { input: 'a PNG without its last 4 bytes', bytes: png(4, 3).subarray(0, -4) },
      { input: 'a PNG that announces 2 GB', bytes: png(4, 3, Buffer.alloc(300_000)).subarray(0, 290_000) },
      { input: 'a PNG of 0 x 3 pixels', bytes: png(0, 3) },
      { input: 'a PNG without a header', bytes: Buffer.concat([png(4, 3).subarray(0, 8), png(4, 3).subarray(33)]) },
      { input: 'a JPEG without its last 2 bytes', bytes: jpeg(4, 3, 1).subarray(0, -2), fileName: 'me.jpg' },
      { input: 'a JPEG of 300 KB that never comes to its size', bytes: Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), Buffer.alloc(300_000)]), fileName: 'me.jpg' },
      { input: 'a JPEG of 300 KB of beginnings', bytes: Buffer.concat([Buffer.from('ffd8', 'hex'), Buffer.alloc(300_000, Buffer.from('ffe10002', 'hex'))]), fileName: 'me.jpg' },
      { input: 'a JPEG without a frame', bytes: Buffer.from('ffd8ffe000104a46494600010100000100010000ffd9', 'hex'), fileName: 'me.jpg' },
      { input: 'a GIF without its last byte', bytes: gif(4, 3).subarray(0, -1), fileName: 'me.gif' },
      { input: 'a GIF without a frame', bytes: Buffer.concat([gif(4, 3).subarray(0, 13), Buffer.from(';')]), fileName: 'me.gif' },
      { input: 'a GIF with an unknown block', bytes: Buffer.concat([gif(4, 3).subarray(0, 13), Buffer.from('?'), gif(4, 3).subarray(13)]), fileName: 'me.gif' },
      { input: 'a WebP without its last byte', bytes: webp(4, 3).subarray(0, -1), fileName: 'me.webp' },
      { input: 'a WebP without a picture', bytes: Buffer.from('RIFF\u0004\0\0\0WEBP', 'latin1'), fileName: 'me.webp' },
    ].map(inCollection('avatars', wrongType)),
    ...[
      { input: 'a HEIC without a size', bytes: boxes('heic'), fileName: 'me.heic' },
      { input: 'a HEIC whose box is longer than the file', bytes: Buffer.concat([boxes('heic'), Buffer.from('7fffffff6d657461', 'hex')]), fileName: 'me.heic' },
    ].map(inCollection('photos', wrongType)),
    ...[{ input: 'a PNG without its last 4 bytes', bytes: png(4, 3).subarray(0, -4) }].map(inCollection('files', 'OK')),
  ],
};
