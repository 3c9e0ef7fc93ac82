/**
 * The rules of the collections, all in one place: built in, or read from the file that MEDIA_COLLECTIONS names.
 * Invariant: a collection without a rule keeps all files of any type up to the upload limit; names match case-sensitively.
 */
import { z } from 'zod';
import { AppError } from '../../contract/errors.js';
import { identifier } from '../../contract/identifier.js';
import { readJsonFile } from '../../runtime/json-file.js';
import { canonicalType, isRecognised } from './type-table.js';

/** A whole number. */
const whole = (min: number, max: number) => {
  const allowed = `must be a whole number from ${min} to ${max}`;
  return z.int(allowed).min(min, allowed).max(max, allowed);
};

const oneOf = <const T extends readonly [string, ...string[]]>(values: T) => z.enum(values, `must be one of ${values.join(', ')}`);

/** An object with these keys and no others. */
const keyed = <T extends z.ZodRawShape>(shape: T) =>
  z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? `has the unknown key ${issue.keys.join(', ')}; allowed are ${Object.keys(shape).join(', ')}` : 'must be an object'),
  });

const type = z
  .string('must be a type in quotes')
  .transform(canonicalType)
  .refine(isRecognised, 'must be a type that files are recognised as, in lower case, such as image/jpeg, application/pdf or text/plain');

const side = whole(1, 4_096);

/** An image derived from an image. */
const conversion = keyed({
  width: side,
  height: side,
  /** `contain`: fits into width and height, never enlarged; `cover`: fills them, cut at the sides. */
  fit: oneOf(['contain', 'cover']).default('contain'),
  format: oneOf(['webp', 'jpeg', 'png']).default('webp'),
  quality: whole(1, 100).default(80),
});

export type ConversionRule = z.infer<typeof conversion>;

const conversionName = z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/, 'must be a name of 1 to 32 characters a-z, 0-9, - and _, that begins with a letter');

const rule = keyed({
  /** A new file replaces the one before: the same as `keepLatest: 1`. */
  singleFile: z.boolean('must be true or false').default(false),
  /** How many files are kept, the last ones. */
  keepLatest: whole(1, 10_000).optional(),
  /** Without it any type; with it the extension has to fit as well. */
  types: z.array(type, 'must be a list of types').min(1, 'must name a type; left out, it allows any').optional(),
  /** Bytes; a file of exactly this size passes. */
  maxBytes: whole(1, Number.MAX_SAFE_INTEGER).default(Infinity),
  /** Whether shared caches may keep what a signed URL gives. */
  visibility: oneOf(['private', 'public']).default('private'),
  /** What a client shows while the collection is empty. */
  fallbackUrl: z.url({ protocol: /^https?$/, error: 'must be a URL that begins with https:// or http://' }).optional(),
  /** By name; made of images only. */
  conversions: z.record(conversionName, conversion, 'must be an object of conversions by name').default({}),
})
  .refine(({ singleFile, keepLatest }) => !singleFile || keepLatest === undefined, 'must have singleFile or keepLatest, not both')
  .transform(({ singleFile, keepLatest, ...rest }) => ({ ...rest, keepLatest: singleFile ? 1 : keepLatest }));

export type CollectionRule = z.output<typeof rule>;

const table = z.record(identifier, rule, 'must be an object of rules by collection');

const builtIn = {
  avatars: {
    singleFile: true,
    maxBytes: 10_485_760,
    types: ['image/jpeg', 'image/png', 'image/gif', 'image/webp'],
    conversions: { thumb: { width: 96, height: 96, fit: 'cover' }, preview: { width: 512, height: 512 } },
  },
};

export class Collections {
  readonly #rules: ReadonlyMap<string, CollectionRule>;
  readonly #uploadMaxBytes: number;
  readonly #other: CollectionRule = rule.parse({});

  private constructor(rules: Readonly<Record<string, CollectionRule>>, uploadMaxBytes: number) {
    this.#rules = new Map(Object.entries(rules));
    this.#uploadMaxBytes = uploadMaxBytes;
  }

  /** From the JSON file at `path`; undefined: those that are built in. @throws Error in one line when it cannot be read or has an unusable rule. */
  static async read(path: string | undefined, uploadMaxBytes: number): Promise<Collections> {
    return new Collections(path === undefined ? table.parse(builtIn) : await readJsonFile(path, table), uploadMaxBytes);
  }

  /** Its size limit never exceeds the upload limit. */
  rule(collectionName: string): CollectionRule {
    const found = this.#rules.get(collectionName) ?? this.#other;
    return { ...found, maxBytes: Math.min(found.maxBytes, this.#uploadMaxBytes) };
  }
}

/** Passes `chunks` on. @throws AppError FILE_TOO_LARGE as soon as there are more bytes than the rule allows. */
export async function* limitSize(chunks: AsyncIterable<Buffer>, { maxBytes }: Pick<CollectionRule, 'maxBytes'>): AsyncGenerator<Buffer, void, undefined> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > maxBytes) throw new AppError('FILE_TOO_LARGE', `The file is too large: at most ${maxBytes} bytes are allowed here.`);
    yield chunk;
  }
}
