/** The rules of the collections: what the file may say, what each rule means, and what an operator is told who has made a mistake. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Collections, limitSize, type CollectionRule } from '../../src/media/files/collections.js';
import { tempDir, type TempDir } from '../support/wait.js';

const uploadMaxBytes = 1_000_000;

let dir: TempDir;
beforeAll(async () => {
  dir = await tempDir('collections');
});
afterAll(() => dir.remove());

async function read(content: unknown): Promise<Collections> {
  const path = join(dir.path, 'collections.json');
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return Collections.read(path, uploadMaxBytes);
}

async function ruleOf(content: object): Promise<CollectionRule> {
  return (await read({ files: content })).rule('files');
}

const noRule = { keepLatest: undefined, types: undefined, maxBytes: uploadMaxBytes, visibility: 'private', fallbackUrl: undefined, conversions: {} };

describe('a collection without a rule', () => {
  it('keeps all files of any type, up to the upload limit, for those who have a link', async () => {
    const collections = await read({ avatars: { singleFile: true } });
    for (const name of ['files', 'Avatars', 'avatars ', '__proto__', 'constructor', 'toString']) {
      expect(collections.rule(name)).toEqual(noRule);
    }
  });
});

describe('without a file', () => {
  it('avatars are one image each, of 10 MB at most, with two conversions; nothing else has a rule', async () => {
    const collections = await Collections.read(undefined, 100_000_000);
    expect(collections.rule('avatars')).toEqual({
      keepLatest: 1,
      types: ['image/jpeg', 'image/png', 'image/gif', 'image/webp'],
      maxBytes: 10_485_760,
      visibility: 'private',
      conversions: {
        thumb: { width: 96, height: 96, fit: 'cover', format: 'webp', quality: 80 },
        preview: { width: 512, height: 512, fit: 'contain', format: 'webp', quality: 80 },
      },
    });
    expect(collections.rule('files')).toMatchObject({ maxBytes: 100_000_000, visibility: 'private', conversions: {} });
  });

  it('no collection takes more than an upload may have', async () => {
    expect((await Collections.read(undefined, 1_000)).rule('avatars').maxBytes).toBe(1_000);
  });
});

describe('a file of rules', () => {
  it('replaces those that are built in', async () => {
    expect((await read({})).rule('avatars')).toEqual(noRule);
  });

  it.each([
    ['singleFile', { singleFile: true }, { keepLatest: 1 }],
    ['singleFile, said to be off', { singleFile: false, keepLatest: 3 }, { keepLatest: 3 }],
    ['keepLatest', { keepLatest: 10_000 }, { keepLatest: 10_000 }],
    ['types', { types: ['application/pdf', 'audio/ogg', 'text/csv'] }, { types: ['application/pdf', 'audio/ogg', 'text/csv'] }],
    ['types by another of their names', { types: ['image/jpg', 'audio/x-m4a', 'audio/x-wav'] }, { types: ['image/jpeg', 'audio/mp4', 'audio/wav'] }],
    ['maxBytes', { maxBytes: 10 }, { maxBytes: 10 }],
    ['maxBytes beyond the upload limit', { maxBytes: 2_000_000 }, { maxBytes: uploadMaxBytes }],
    ['visibility', { visibility: 'public' }, { visibility: 'public' }],
    ['fallbackUrl', { fallbackUrl: 'https://cdn.example/none.png' }, { fallbackUrl: 'https://cdn.example/none.png' }],
    [
      'conversions',
      { conversions: { small: { width: 10, height: 20 }, large_1: { width: 4_096, height: 1, fit: 'cover', format: 'jpeg', quality: 1 } } },
      {
        conversions: {
          small: { width: 10, height: 20, fit: 'contain', format: 'webp', quality: 80 },
          large_1: { width: 4_096, height: 1, fit: 'cover', format: 'jpeg', quality: 1 },
        },
      },
    ],
  ])('can say %s', async (_, content, rule) => {
    expect(await ruleOf(content)).toEqual({ ...noRule, ...rule });
  });

  it('may be written with a byte order mark', async () => {
    expect((await read('\ufeff{"files":{"maxBytes":5}}')).rule('files').maxBytes).toBe(5);
  });
});

describe('a file that cannot be used', () => {
  const types = 'must be a type that files are recognised as, in lower case, such as image/jpeg, application/pdf or text/plain';
  const keys = 'singleFile, keepLatest, types, maxBytes, visibility, fallbackUrl, conversions';
  const conversion = (change: object): object => ({ conversions: { thumb: { width: 1, height: 1, ...change } } });

  it.each([
    ['an unknown key', { sizeLimit: 5 }, `files has the unknown key sizeLimit; allowed are ${keys}`],
    ['unknown keys', { single_file: true, max: 1 }, `files has the unknown key single_file, max; allowed are ${keys}`],
    ['no rule', null, 'files must be an object'],
    ['a list for a rule', [], 'files must be an object'],
    ['a number for a yes or no', { singleFile: 1 }, 'files.singleFile must be true or false'],
    ['no file kept', { keepLatest: 0 }, 'files.keepLatest must be a whole number from 1 to 10000'],
    ['a fraction of files', { keepLatest: 1.5 }, 'files.keepLatest must be a whole number from 1 to 10000'],
    ['two rules at odds', { singleFile: true, keepLatest: 3 }, 'files must have singleFile or keepLatest, not both'],
    ['no type at all', { types: [] }, 'files.types must name a type; left out, it allows any'],
    ['a type without a list', { types: 'image/png' }, 'files.types must be a list of types'],
    ['a type that is a number', { types: [1] }, 'files.types.0 must be a type in quotes'],
    ['a type that nothing ever has', { types: ['image/png', 'image/jepg'] }, `files.types.1 ${types}`],
    ['a type in upper case', { types: ['image/PNG'] }, `files.types.0 ${types}`],
    ['a wildcard', { types: ['image/*'] }, `files.types.0 ${types}`],
    ['a size in words', { maxBytes: '10MB' }, 'files.maxBytes must be a whole number from 1 to 9007199254740991'],
    ['no bytes', { maxBytes: 0 }, 'files.maxBytes must be a whole number from 1 to 9007199254740991'],
    ['another visibility', { visibility: 'secret' }, 'files.visibility must be one of private, public'],
    ['a fallback that runs', { fallbackUrl: 'javascript:alert(1)' }, 'files.fallbackUrl must be a URL that begins with https:// or http://'],
    ['a fallback without a host', { fallbackUrl: '/none.png' }, 'files.fallbackUrl must be a URL that begins with https:// or http://'],
    ['a list of conversions', { conversions: [] }, 'files.conversions must be an object of conversions by name'],
    ['a conversion without a width', conversion({ width: undefined }), 'files.conversions.thumb.width must be a whole number from 1 to 4096'],
    ['a side too long', conversion({ height: 4_097 }), 'files.conversions.thumb.height must be a whole number from 1 to 4096'],
    ['another fit', conversion({ fit: 'fill' }), 'files.conversions.thumb.fit must be one of contain, cover'],
    ['another format', conversion({ format: 'gif' }), 'files.conversions.thumb.format must be one of webp, jpeg, png'],
    ['more than the best quality', conversion({ quality: 101 }), 'files.conversions.thumb.quality must be a whole number from 1 to 100'],
    ['an unknown key of a conversion', conversion({ size: 1 }), 'files.conversions.thumb has the unknown key size; allowed are width, height, fit, format, quality'],
    [
      'a name of a conversion that no URL has',
      { conversions: { '../x': { width: 1, height: 1 } } },
      'the name "../x" must be a name of 1 to 32 characters a-z, 0-9, - and _, that begins with a letter',
    ],
  ])('says so in one line: %s', async (_, rule, message) => {
    await expect(read({ files: rule })).rejects.toThrow(new Error(message));
  });

  it.each([
    ['nothing', '', 'the file is not JSON'],
    ['no JSON', '{"files": {\n  "maxBytes": 1,\n}}', 'the file is not JSON'],
    ['a list', '[]', 'the file must be an object of rules by collection'],
    ['null', 'null', 'the file must be an object of rules by collection'],
    ['a collection without a name', '{"": {}}', 'the name "" must not be empty'],
    ['a collection that no file can be in', '{"a\\nb": {}}', 'the name "a\\nb" must not contain control characters'],
  ])('says so in one line: %s', async (_, content, message) => {
    await expect(read(content)).rejects.toThrow(new Error(message));
  });

  it('says so when it cannot be read', async () => {
    await expect(Collections.read(join(dir.path, 'nowhere.json'), 1)).rejects.toThrow(/^ENOENT: no such file or directory, open .*nowhere\.json'$/);
    await expect(Collections.read(dir.path, 1)).rejects.toThrow(/^EISDIR: .*$/);
  });
});

describe('the size limit of a collection', () => {
  const collect = async (sizes: number[], maxBytes: number): Promise<number> => {
    async function* chunks(): AsyncGenerator<Buffer> {
      for (const size of sizes) yield Buffer.alloc(size);
    }
    let size = 0;
    for await (const chunk of limitSize(chunks(), { maxBytes })) size += chunk.length;
    return size;
  };

  it('lets exactly as many bytes pass, and not one more', async () => {
    expect(await collect([6, 0, 4], 10)).toBe(10);
    await expect(collect([6, 0, 5], 10)).rejects.toThrow(expect.objectContaining({ code: 'FILE_TOO_LARGE', message: 'The file is too large: at most 10 bytes are allowed here.' }));
  });
});
