import { describe, expect, it } from '@jest/globals';
import { assert, asyncProperty, constantFrom, nat, oneof, property, string, tuple, uint8Array } from 'fast-check';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { AppError } from '../../src/contract/errors.js';
import { Collections } from '../../src/media/files/collections.js';
import { safeFileName } from '../../src/media/files/file-names.js';
import { inspectFile } from '../../src/media/files/file-types.js';
import { UrlSigner } from '../../src/media/http/signed-urls.js';
import { keptKeys } from '../../src/media/http/url-keys.js';
import { tempDir } from '../support/wait.js';
import { boxes, zip } from './containers.js';
import { gif, jpeg, png } from './images.js';

describe('a file name', () => {
  it.each([
    ['photo.jpg', 'photo.jpg'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\me\\photo.jpg', 'photo.jpg'],
    ['a\u0000b\r\n.png', 'ab.png'],
    ['photo\u202Egnp.txt', 'photognp.txt'],
    ['e\u0301.png', 'é.png'],
    ['👨‍👩‍👧.png', '👨‍👩‍👧.png'],
    ['a<b>:"c|?*.txt', 'a-b---c---.txt'],
    ['...hidden.txt', 'hidden.txt'],
    ['name. . .', 'name'],
    ['dir/', 'dir'],
    ['', 'file'],
    ['..', 'file'],
    ['/', 'file'],
    ['\u202E', 'file'],
    ['\ud800x.png', 'x.png'],
    ['e\u200b\u0301.png', 'é.png'],
    ['con.', '_con'],
    ['NUL.txt', '_NUL.txt'],
    ['com1 .tar.gz', '_com1 .tar.gz'],
    ['console.log', 'console.log'],
    ['php.txt', 'php.txt'],
    ['Vue.js notes.pdf', 'Vue.js notes.pdf'],
  ])('%j is stored as %j', (given, stored) => {
    expect(safeFileName(given)).toBe(stored);
  });

  it.each(['a.php', 'a.PHP', 'a.php.jpg', 'a.pHp5.', 'a.php ', '.htaccess', 'a.exe', 'x/y.sh', 'a.p\u00adhp', 'a.ph\u200cp', 'a.ｐｈｐ', 'a.php;.jpg', 'a.asp;x.jpg', 'a.php%00.jpg', 'a\uff0ephp', 'a.shtml', `${'a'.repeat(251)}.php${'x'.repeat(40)}`, 'a.phar', 'a.js'])(
    '%j is refused',
    (given) => {
      expect(() => safeFileName(given)).toThrow(expect.objectContaining({ code: 'BAD_USER_INPUT' }));
    },
  );

  it('is shortened to 255 bytes of UTF-8, with its extension', () => {
    const stored = safeFileName(`${'ж'.repeat(300)}.jpeg`);
    expect(Buffer.byteLength(stored)).toBeLessThanOrEqual(255);
    expect(stored).toMatch(/^ж{125}\.jpeg$/);
  });

  it('is what it should be whatever it was, and stays so', () => {
    const hostile = string({ unit: constantFrom('a', '.', '/', '\\', '\0', '\u202e', ' ', 'é', 'e\u0301', '🙂', '\ud800', '"', 'php', ':', '\u200c') });
    const always = property(oneof(hostile, string({ unit: 'binary', maxLength: 400 })), (given) => {
      let stored: string;
      try {
        stored = safeFileName(given);
      } catch (error) {
        return error instanceof AppError && error.code === 'BAD_USER_INPUT';
      }
      const bytes = Buffer.byteLength(stored);
      return bytes > 0 && bytes <= 255 && stored === stored.normalize('NFC') && !/[/\\\p{Cc}\p{Surrogate}]/u.test(stored) && safeFileName(stored) === stored;
    });
    expect(() => assert(always)).not.toThrow();
  });
});

describe('a file type', () => {

  it('is told or refused for any bytes, by an AppError only', async () => {
    const collections = await Collections.read(undefined, 1_000_000);
    const rules = ['avatars', 'files'].map((name) => collections.rule(name));
    const beginnings = [png(3, 3), jpeg(3, 3, 6), gif(3, 3), Buffer.from('RIFF\0\0\0\0WEBPVP8X'), boxes('heic'), Buffer.from('BM'), zip({ a: 'b' }), Buffer.from('<?xml <!--')];
    const hostile = tuple(constantFrom(...beginnings), nat(60), uint8Array({ maxLength: 300 }), constantFrom(...rules));
    const always = asyncProperty(hostile, async ([beginning, kept, rest, rule]) => {
      try {
        const head = Buffer.concat([beginning.subarray(0, kept), rest]);
        const kind = await inspectFile({ head, size: head.length }, 'x.txt', rule);
        return Number.isInteger(kind.width) && Number.isInteger(kind.height) && kind.mimeType !== '';
      } catch (error) {
        return error instanceof AppError;
      }
    });
    await expect(assert(always, { numRuns: 500 })).resolves.toBeUndefined();
  });
});

const query = (url: string): Record<string, string> => Object.fromEntries(new URL(url).searchParams);

describe('the keys of signed URLs', () => {
  const file = { id: '7', fileName: 'a b.png', conversion: '' };
  const oldKey = { id: 'old', secret: '0123456789abcdef' };
  const newKey = { id: 'new', secret: 'fedcba9876543210' };

  it('are rotated by putting a new one before the old', () => {
    const { url } = new UrlSigner([oldKey]).sign('http://x', file, 60);
    expect(new UrlSigner([newKey, oldKey]).verify(file, query(url))).toMatchObject({ disposition: 'inline' });
    expect(() => new UrlSigner([newKey]).verify(file, query(url))).toThrow('not valid');
    expect(() => new UrlSigner([{ ...newKey, id: 'old' }]).verify(file, query(url))).toThrow('not valid');
  });

  it('sign for fifteen minutes, or for 1 second to 7 days', () => {
    const signer = new UrlSigner([newKey]);
    const seconds = (expiry: number): number => Math.round((Date.parse(signer.sign('http://x', file, expiry).expiresAt) - Date.now()) / 10_000) * 10;
    expect([0, 604_800].map(seconds)).toEqual([900, 604_800]);
    for (const expiry of [-1, 604_801, 1.5, Number.NaN]) expect(() => signer.sign('http://x', file, expiry)).toThrow('1 to 604800 seconds');
  });

  it('are made once, for this user only, by processes that start together', async () => {
    const dir = await tempDir('keys');
    const data = join(dir.path, 'data');
    // Not all at the same moment: the late ones find what the early ones were given.
    const keys = await Promise.all(Array.from({ length: 40 }, (_, index) => pause(index / 4).then(() => keptKeys(data))));
    expect(new Set(keys.map((made) => JSON.stringify(made))).size).toBe(1);
    expect(await keptKeys(data)).toEqual(keys[0]);
    expect(await readdir(data)).toEqual(['url-keys']);
    expect((await stat(join(data, 'url-keys'))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(data, 'url-keys'), 'utf8')).toMatch(/^k1:[0-9a-f]{64}\n$/);
    await writeFile(join(data, 'url-keys'), 'nonsense');
    await expect(keptKeys(data)).rejects.toThrow('url-keys must be kid:secret');
    await dir.remove();
  });
});
