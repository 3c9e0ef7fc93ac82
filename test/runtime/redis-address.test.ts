/** The forms of a Redis address: what each means, and what is said of a text that has none of them. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { redisAddress } from '../../src/runtime/redis-address.js';

const access = { tls: false, username: undefined, password: undefined, db: 0 };
const single = { kind: 'single', host: 'h', port: 6_379, ...access };
const sentinel = {
  kind: 'sentinel',
  sentinels: [{ host: 'h', port: 26_379 }],
  master: 'media',
  sentinelUsername: undefined,
  sentinelPassword: undefined,
  ...access,
};
const cluster = { kind: 'cluster', seeds: [{ host: 'h', port: 6_379 }], ...access };

const understood: [string, object][] = [
  ['h:1', { ...single, port: 1 }],
  ['redis:65535', { ...single, host: 'redis', port: 65_535 }],
  ['[::1]:6380', { ...single, host: '::1', port: 6_380 }],
  ['redis://h', single],
  ['REDIS://h/', single],
  ['rediss://h:6380/2', { ...single, port: 6_380, db: 2, tls: true }],
  ['redis://[fe80::1]', { ...single, host: 'fe80::1' }],
  ['redis://[::1]:6380/15', { ...single, host: '::1', port: 6_380, db: 15 }],
  ['redis://u:p@h', { ...single, username: 'u', password: 'p' }],
  ['redis://:p@h', { ...single, password: 'p' }],
  ['redis://u@h', { ...single, username: 'u' }],
  ['redis://:@h', single],
  ['redis://@h', single],
  ['redis://u:p:q@r@h', { ...single, username: 'u', password: 'p:q@r' }],
  ['redis://%75%40:%2F%3f%23%25+ü%C3%BC@h', { ...single, username: 'u@', password: '/?#%+üü' }],
  ['redis+sentinel://h/media', sentinel],
  ['redis+sentinel://h/media/', sentinel],
  ['rediss+sentinel://u:p@h/media/3', { ...sentinel, tls: true, username: 'u', password: 'p', db: 3 }],
  [
    'redis+sentinel://a,b:1,[::1],[::2]:2/my.master-1_A',
    {
      ...sentinel,
      sentinels: [
        { host: 'a', port: 26_379 },
        { host: 'b', port: 1 },
        { host: '::1', port: 26_379 },
        { host: '::2', port: 2 },
      ],
      master: 'my.master-1_A',
    },
  ],
  ['redis+sentinel://h/media?sentinel-password=p', { ...sentinel, sentinelPassword: 'p' }],
  [
    'redis+sentinel://:q@h/media/1?sentinel-password=%26+=?/&sentinel-username=u%20',
    { ...sentinel, password: 'q', db: 1, sentinelUsername: 'u ', sentinelPassword: '&+=?/' },
  ],
  ['redis+sentinel://h/media?sentinel-username=&sentinel-password=', sentinel],
  ['redis+cluster://h', cluster],
  ['redis+cluster://h/', cluster],
  [
    'RedisS+Cluster://u:p@a:1,[::1],b',
    {
      ...cluster,
      tls: true,
      username: 'u',
      password: 'p',
      seeds: [
        { host: 'a', port: 1 },
        { host: '::1', port: 6_379 },
        { host: 'b', port: 6_379 },
      ],
    },
  ],
];

const secret = 'hunter2hunter2';
const encoded = 'with ports from 1 to 65535 and the special characters of users and passwords percent-encoded';
const anyForm = 'must be host:port or a URL that begins with redis[s]://, redis[s]+sentinel:// or redis[s]+cluster://';
const hosts = (scheme: string, rest: string): string[] =>
  ['', ':6379', 'h:', 'h:0', 'h:65536', 'h:x', 'h:1:2', '::1', '[::1', '[x]', 'a b', ' h', 'h\n', `:${secret}`].flatMap((host) => [
    `${scheme}${host}${rest}`,
    `${scheme}:${secret}@${host}${rest}`,
  ]);

const refused: Record<string, readonly string[]> = {
  [anyForm]: [
    '', 'h', ':6379', 'h:', 'h:0', 'h:65536', 'h:6379/1', '//h', '/tmp/redis.sock', `${secret}@h:1`, `http://:${secret}@h:6379`,
    'redis:', 'redis:/h', 'redis+other://h', 'redis+sentinel:h', ' redis://h',
  ],
  [`must be redis[s]://[user[:password]@]host[:port][/db], ${encoded}`]: [
    ...hosts('redis://', ''),
    ...['a,b', 'a:1,b:2', 'h/x', 'h/-1', 'h/1/2', 'h/2147483648', 'h?db=1', 'h/1?family=6', 'h?', 'h#x', 'h/0#'].map((rest) => `rediss://:${secret}@${rest}`),
    ...['%', '%zz', '%ff', 'a/b', 'a?b', 'a#b'].map((rest) => `redis://:${secret}${rest}@h`),
    'a,b:6379',
  ],
  [`must be redis[s]+sentinel://[user[:password]@]host[:port],…/master-name[/db][?sentinel-username=…&sentinel-password=…], ${encoded}`]: [
    ...hosts('redis+sentinel://', '/media'),
    ...['h', 'h/', 'h//1', 'h/media/x', 'h/media/1/2', 'h/a b', 'h/a%20b', 'h,/media', ',h/media', 'a,,b/media', 'h/media#x'].map(
      (rest) => `rediss+sentinel://:${secret}@${rest}`,
    ),
    ...['', '&', 'db=1', '__proto__=x', `SENTINEL-PASSWORD=${secret}`, ...['%zz', 'a&', 'a&sentinel-password=b'].map((rest) => `sentinel-password=${rest}`)].map(
      (query) => `redis+sentinel://h/media?${query}`,
    ),
  ],
  [`must be redis[s]+cluster://[user[:password]@]host[:port],…, ${encoded}`]: [
    ...hosts('redis+cluster://', ''),
    ...['h/1', 'h/0', 'a,b/media', 'h,', ',h', 'h?db=0', 'h#x'].map((rest) => `rediss+cluster://:${secret}@${rest}`),
  ],
};

/** What is said of a text; empty when it is understood. */
function refusal(text: string): string {
  return redisAddress.safeParse(text).error?.issues.map(({ message }) => message).join('; ') ?? '';
}

describe('a Redis address', () => {
  it.each(understood)('%s is understood', (text, address) => {
    expect(redisAddress.parse(text)).toStrictEqual(address);
  });

  it.each(Object.entries(refused))('is refused with "%s", which never shows it', (sentence, texts) => {
    expect(sentence).not.toContain(secret);
    expect(texts.map((text) => [text, refusal(text)])).toEqual(texts.map((text) => [text, sentence]));
  });

  it('has the user, password, host and port that the URL standard finds in it', () => {
    const login = fc.array(fc.constantFrom('a', 'ü', '🙂', ':', '@', '+', ',', '&', '=', '%41', '%40', '%2F', '%'), { maxLength: 8 });
    const host = fc.oneof(fc.domain(), fc.ipV4(), fc.constantFrom('[::1]', '[fe80::12:34]'));
    fc.assert(
      fc.property(login, host, fc.integer({ min: 1, max: 65_535 }), (characters, name, port) => {
        const text = `redis://${characters.join('')}@${name}:${port}`;
        const url = new URL(text);
        if (characters.includes('%')) return expect(refusal(text)).toMatch(/percent-encoded$/);
        const [username, password] = [url.username, url.password].map((part) => decodeURIComponent(part) || undefined);
        const expected = { ...single, host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port), username, password };
        return expect(redisAddress.parse(text)).toStrictEqual(expected);
      }),
      { numRuns: 1_000 },
    );
  });

  it('keeps every login, whatever its characters, and every list of hosts', () => {
    const word = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
    const node = fc.record({ host: fc.oneof(fc.domain(), fc.ipV4()), port: fc.integer({ min: 1, max: 65_535 }) });
    fc.assert(
      fc.property(word, word, fc.array(node, { minLength: 1, maxLength: 9 }), (username, password, nodes) => {
        const login = `${encodeURIComponent(username)}:${encodeURIComponent(password)}`;
        const list = nodes.map(({ host, port }) => `${host}:${port}`).join(',');
        expect(redisAddress.parse(`redis+cluster://${login}@${list}`)).toMatchObject({ username, password, seeds: nodes });
        const query = `sentinel-username=${encodeURIComponent(password)}&sentinel-password=${encodeURIComponent(username)}`;
        const expected = { username, password, sentinels: nodes, sentinelUsername: password, sentinelPassword: username };
        expect(redisAddress.parse(`redis+sentinel://${login}@${list}/media?${query}`)).toMatchObject(expected);
      }),
    );
  });

  it('meets no text that it neither understands nor refuses', () => {
    const marks = ['redis', 's', '+sentinel', '+cluster', '://', ':', '@', '/', ',', '[::1]', '?sentinel-password=', '&', '#', '%', '%41', '1', 'h'];
    const piece = fc.oneof(fc.constantFrom(...marks), fc.string({ unit: 'binary', maxLength: 5 }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        expect(typeof refusal(pieces.join(''))).toBe('string');
      }),
      { numRuns: 2_000 },
    );
  });
});
