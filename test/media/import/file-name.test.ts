import { describe, expect, it } from '@jest/globals';
import { nameOf, type NameHints } from '../../../src/media/import/file-name.js';
import { somePng } from './import-bench.js';

const text = Buffer.from('just text');
const name = (hints: Partial<NameHints>): Promise<string> =>
  nameOf({ given: undefined, disposition: undefined, path: undefined, declaredType: undefined, head: text, ...hints });

describe('the name of an imported file', () => {
  it.each([
    ['what the provider calls it', { given: 'Ä bill.pdf', disposition: 'attachment; filename="b.pdf"', path: '/c.pdf' }, 'Ä bill.pdf'],
    ['the header, before the path', { disposition: 'attachment; filename="a b.txt"', path: '/c.pdf' }, 'a b.txt'],
    ['the header, without quotes', { disposition: 'inline; filename=a.txt; size=3' }, 'a.txt'],
    ['the header, with quotes in it', { disposition: 'attachment; filename="a \\"b\\".txt"' }, 'a -b-.txt'],
    ['the header in its extended form, before the plain one', { disposition: 'attachment; filename="e.txt"; filename*=UTF-8\'de\'%C3%BCber%20uns.txt' }, 'über uns.txt'],
    ['the header in UTF-8 that came as Latin-1', { disposition: `attachment; filename="${Buffer.from('über.txt').toString('latin1')}"` }, 'über.txt'],
    ['the header in Latin-1', { disposition: `attachment; filename="${Buffer.from('über.txt', 'latin1').toString('latin1')}"` }, 'über.txt'],
    ['the last part of the path', { path: '/a/b%20c.txt' }, 'b c.txt'],
    ['the path before it, which is empty', { path: '/a/b/' }, 'file'],
    ['a path that cannot be decoded', { path: '/%E0%A4%A.txt' }, '%E0%A4%A.txt'],
    ['nothing', {}, 'file'],
    ['nothing but an empty header', { disposition: 'attachment; filename=""', path: '/a.txt' }, 'a.txt'],
  ])('is %s', async (_what, hints, expected) => expect(await name(hints)).toBe(expected));

  it.each([
    ['a path', { disposition: 'attachment; filename="../../etc/passwd.txt"' }, 'passwd.txt'],
    ['a path of Windows', { disposition: 'attachment; filename="C:\\\\temp\\\\a.txt"' }, 'a.txt'],
    ['an encoded path', { path: '/..%2f..%2fa.txt' }, 'a.txt'],
    ['a program', { path: '/image.php', head: somePng() }, 'file.png'],
    ['a program behind another extension', { given: 'a.php.png', head: somePng() }, 'file.png'],
    ['control and bidi characters', { given: 'a\u202egnp.\u0000txt' }, 'agnp.txt'],
  ])('is mended when it is that of %s', async (_what, hints, expected) => expect(await name(hints)).toBe(expected));

  it.each([
    ['its content', { path: '/photo', head: somePng() }, 'photo.png'],
    ['its content, whatever was declared', { path: '/photo', declaredType: 'text/plain', head: somePng() }, 'photo.png'],
    ['what was declared, for text', { path: '/notes', declaredType: 'Text/Plain; charset=utf-8' }, 'notes.txt'],
    ['its content, where the name has that of another type', { path: '/photo.pdf', head: somePng() }, 'photo.png'],
    ['the name, where the content does not tell a type', { path: '/photo.pdf' }, 'photo.pdf'],
    ['nothing, for what nobody knows', { path: '/notes', declaredType: 'application/x-anything' }, 'notes'],
  ])('has the extension of %s', async (_what, hints, expected) => expect(await name(hints)).toBe(expected));

  it('has 255 bytes at most, with an extension too', async () => {
    expect(Buffer.byteLength(await name({ path: `/${'a'.repeat(255)}`, head: somePng() }))).toBe(255);
  });

  it('is read from a header that is made to keep its reader busy', async () => {
    const hostile = [`;${' '.repeat(15_000)}filename*`, `; filename="${'\\'.repeat(15_000)}`, '; filename*=UTF-8\'\''.repeat(1_000), `; filename=${'a;'.repeat(8_000)}`];
    for (const disposition of hostile) {
      // oxlint-disable-next-line no-await-in-loop
      expect(Buffer.byteLength(await name({ disposition }))).toBeLessThanOrEqual(255);
    }
  });
});
