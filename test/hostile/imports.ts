/** URLs that lead to where nobody should be led, and hosts that lie. */
import { gzipSync } from 'node:zlib';
import { gif, png } from '../media/images.js';
import { claims, cutAfter, ok, raw, redirect, reset, status, stream, throttled, type Play } from '../support/media-host.js';
import { query } from '../support/graphql.js';
import type { HostileInput, Reply, Section } from './hostile-input.js';
import { shown } from './table.js';
import type { World } from './world.js';

const mutation = `mutation ($input: ImportMediaInput!) {
  importMedia(input: $input) { success message data { id mimeType fileName width height } }
}`;

async function imported(world: World, source: Readonly<Record<string, unknown>>, collectionName = 'files'): Promise<Reply> {
  const owner = { modelType: 'Post', modelId: world.owner(), collectionName };
  return world.stored(await query(world.url, mutation, { input: { ...owner, ...source } }));
}

/** Refused, and nobody was connected to. */
const leads = (url: string, answer = 'IMPORT_REFUSED'): HostileInput => ({
  input: `\`${shown(url)}\``,
  answer,
  stored: false,
  send: async (world) => {
    const before = world.connections();
    const reply = await imported(world, { sourceUrl: url });
    if (world.connections() !== before) throw new Error('somebody was connected to');
    return reply;
  },
});

export const addresses: Section = {
  title: 'Imports: where a URL leads',
  intro: 'Imports by URL through GraphQL. Only public addresses by https are called, in whatever notation they are; a test host listens, and must not be connected to.',
  inputs: [
    ...[
      'http://files.example/a.png',
      'ftp://files.example/a.png',
      'file:///etc/passwd',
      'gopher://127.0.0.1:6379/_FLUSHALL',
      'dict://127.0.0.1:11211/stats',
      'data:image/png;base64,AAAA',
      'javascript:alert(1)',
      'blob:https://files.example/x',
      '//files.example/a.png',
      'files.example/a.png',
      '/etc/passwd',
      'https://',
      'https://user@files.example/a.png',
      'https://user:pass@files.example/a.png',
      'https://files.example@127.0.0.1/a.png',
      'https://127.0.0.1\\@files.example/',
      'https://127.0.0.1#@files.example/',
      'https://127.0.0.1/',
      'https://127.0.0.1:6379/',
      'https://127.0.0.1:0/',
      'https://127.0.0.1:65536/',
      'https://127.0.0.1:-1/',
      'https://127.1/',
      'https://127.0.1/',
      'https://2130706433/',
      'https://0x7f000001/',
      'https://0x7f.0.0.1/',
      'https://0177.0.0.1/',
      'https://017700000001/',
      'https://0/',
      'https://0.0.0.0/',
      'https://127.0.0.1./',
      'https://%31%32%37.0.0.1/',
      'https://１２７.０.０.１/',
      'https://127。0。0。1/',
      'https://①②⑦.⓪.⓪.①/',
      'ht\ntps://127.0.0.1/',
      ' https://127.0.0.1/ ',
      'https://4294967296/',
      'https://256.0.0.1/',
      'https://10.1.2.3/',
      'https://172.16.1.1/',
      'https://172.31.255.255/',
      'https://192.168.0.1/',
      'https://169.254.169.254/latest/meta-data/',
      'https://0xa9fea9fe/',
      'https://168.63.129.16/',
      'https://100.100.100.200/',
      'https://198.18.0.1/',
      'https://192.0.0.192/',
      'https://224.0.0.1/',
      'https://255.255.255.255/',
      'https://[::1]/',
      'https://[::]/',
      'https://[0:0:0:0:0:0:0:1]/',
      'https://[::ffff:127.0.0.1]/',
      'https://[::ffff:7f00:1]/',
      'https://[::127.0.0.1]/',
      'https://[::ffff:0:127.0.0.1]/',
      'https://[64:ff9b::127.0.0.1]/',
      'https://[64:ff9b:1::a9fe:a9fe]/',
      'https://[2002:7f00:1::]/',
      'https://[2001:0:7f00:1::]/',
      'https://[fe80::1]/',
      'https://[fe80::1%25eth0]/',
      'https://[fec0::1]/',
      'https://[fc00::1]/',
      'https://[fd00:ec2::254]/',
      'https://[ff02::1]/',
      'https://[2001:db8::1]/',
      'https://[::1',
      'https://localhost/',
      'https://LOCALHOST:6379/',
      'https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/',
      'https://exa mple/',
      'https://files.example\u0000.evil.example/',
      `https://files.example/${'a'.repeat(2_048)}`,
    ].map((url) => leads(url)),
    leads('', 'BAD_USER_INPUT'),
    leads(`https://files.example/${'a'.repeat(10_000)}`),
    { input: 'no source', answer: 'BAD_USER_INPUT', stored: false, send: (world) => imported(world, {}) },
    { input: 'two sources', answer: 'BAD_USER_INPUT', stored: false, send: (world) => imported(world, { sourceUrl: 'https://a.example/', provider: 'whatsapp', providerMediaId: '1' }) },
    { input: 'a provider that there is not', answer: 'IMPORT_REFUSED', stored: false, send: (world) => imported(world, { provider: '../nobody', providerMediaId: '1' }) },
    { input: 'a provider without an id', answer: 'BAD_USER_INPUT', stored: false, send: (world) => imported(world, { provider: 'whatsapp' }) },
  ],
};

let paths = 0;

/** What the import of a file gives that the test host serves so. */
const served =
  (answer: string) =>
  (input: string, play: Play, { path = '', collectionName = 'files' } = {}): HostileInput => ({
    input,
    answer,
    stored: answer === 'OK',
    send: (world) => {
      const place = `/${(paths += 1)}/${path}`;
      world.host.plan(place, play);
      return imported(world, { sourceUrl: world.host.url(place) }, collectionName);
    },
  });

const refused = served('IMPORT_REFUSED');
const failed = served('IMPORT_FAILED');
const taken = served('OK');
const bytes = Buffer.from('the bytes of a file');
const bomb = gzipSync(Buffer.alloc(50_000_000));

export const redirects: Section = {
  title: 'Imports: where a redirect leads',
  intro: 'The test host is on the allow-list; each redirect is judged as a URL of its own, and three are followed.',
  inputs: [
    ...[
      'https://169.254.169.254/latest/meta-data/',
      'https://127.0.0.1/',
      'https://[::1]/',
      'https://0x7f000001/',
      'https://localhost/',
      'http://files.example/',
      '//127.0.0.1/',
      'file:///etc/passwd',
      'ftp://files.example/a',
      'gopher://127.0.0.1:6379/_FLUSHALL',
      'data:text/html,hello',
      'javascript:alert(1)',
      'https://user:pass@files.example/',
      'https://',
    ].map((to) => refused(`\`${to}\``, redirect(to))),
    refused('a Location of 10 KB', redirect(`https://files.example/${'a'.repeat(10_000)}`)),
    failed('no Location', status(302)),
    failed('300, a choice of places', status(300, { location: 'https://127.0.0.1/' })),
    failed('304, though nothing is known yet', status(304)),
    {
      input: 'a circle',
      answer: 'IMPORT_FAILED',
      stored: false,
      send: (world) => {
        world.host.plan('/circle', redirect('/circle'));
        return imported(world, { sourceUrl: world.host.url('/circle') });
      },
    },
    {
      input: 'four in a row',
      answer: 'IMPORT_FAILED',
      stored: false,
      send: (world) => {
        for (const step of [1, 2, 3, 4]) world.host.plan(`/row/${step}`, redirect(`/row/${step + 1}`));
        world.host.plan('/row/5', ok(bytes));
        return imported(world, { sourceUrl: world.host.url('/row/1') });
      },
    },
    {
      input: 'another port of the same host, which is not on the list',
      answer: 'IMPORT_REFUSED',
      stored: false,
      send: (world) => {
        world.host.plan('/port', redirect(world.stranger.url('/a')));
        return imported(world, { sourceUrl: world.host.url('/port') });
      },
    },
  ],
};

const inAvatars = { collectionName: 'avatars' };
const tooLarge = served('FILE_TOO_LARGE');

export const lies: Section = {
  title: 'Imports: hosts that lie',
  intro: 'The test host is on the allow-list, and does not say what it does. What may pass is tried three times.',
  inputs: [
    failed('a length that is longer than the file', claims(bytes.length + 10, bytes)),
    taken('a length that is shorter than the file: what follows is not read', claims(3, bytes), { path: 'a.txt' }),
    failed('two lengths', raw('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd')),
    failed('a negative length', raw('HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabcd')),
    failed('a length and chunks', raw('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')),
    failed('a chunk of 16 EB', raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc')),
    failed('no last chunk', raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')),
    failed('a reset in the middle', cutAfter(bytes)),
    failed('a reset before an answer', reset),
    failed('no HTTP', raw('SSH-2.0-OpenSSH_9.2\r\n')),
    failed('another protocol', raw('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')),
    failed('40 KB of headers', raw(`HTTP/1.1 200 OK\r\n${`X-A: ${'a'.repeat(33)}\r\n`.repeat(1_000)}\r\n`)),
    failed('10,000 answers that are not the last', raw('HTTP/1.1 100 Continue\r\n\r\n'.repeat(10_000))),
    failed('a GZIP of 50 MB as encoding', ok(bomb, { 'content-encoding': 'gzip' })),
    failed('an encoding that there is not', ok(bytes, { 'content-encoding': 'x-evil' })),
    taken('a GZIP of 50 MB as the file', ok(bomb), { path: 'a.gz' }),
    tooLarge('a length of 1 TB', raw('HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\nx')),
    tooLarge('500 MB without a length', stream(500_000_000, { length: false })),
    served('EMPTY_FILE')('no bytes', ok('')),
    failed('206, which nobody asked for', status(206, {}, 'part')),
    failed('204', status(204)),
    failed('404', status(404)),
    failed('401', status(401)),
    failed('429, for 31 years', throttled('999999999')),
    failed('429, until a time that there is not', throttled('Thu, 99 Foo 9999 99:99:99 GMT')),
    failed('503', status(503)),
    failed('a status of 999', raw('HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n')),
    served('UNSUPPORTED_MEDIA_TYPE')('a page that claims to be a PNG', ok('<html><script>alert(1)</script>', { 'content-type': 'image/png' }), { path: 'me.png', ...inAvatars }),
    served('UNSUPPORTED_MEDIA_TYPE')('a PNG that is cut off', ok(png(4, 3).subarray(0, -4), { 'content-type': 'image/png' }), { path: 'me.png', ...inAvatars }),
    served('IMAGE_TOO_LARGE')('a PNG of 50,000 x 50,000 pixels', ok(png(50_000, 50_000)), { path: 'me.png', ...inAvatars }),
    taken('a page that claims to be a PNG', ok('<html><script>alert(1)</script>', { 'content-type': 'image/png' }), { path: 'a' }),
    taken('a GIF called `avatar.php`', ok(gif(4, 3), { 'content-type': 'application/x-php' }), { path: 'avatar.php', ...inAvatars }),
    taken('a name that leads out', ok(bytes, { 'content-disposition': 'attachment; filename="../../etc/cron.d/x.txt"' })),
    taken('a name that leads out, encoded', ok(bytes, { 'content-disposition': "attachment; filename*=UTF-8''..%2f..%2fx%00%0d%0a.txt" })),
    taken('a name that cannot be decoded', ok(bytes, { 'content-disposition': "attachment; filename*=UTF-8''%zz.txt" })),
    taken('a name of 4 KB', ok(bytes, { 'content-disposition': `attachment; filename="${'x'.repeat(4_000)}.txt"` })),
    taken('a name of quotes', ok(bytes, { 'content-disposition': `attachment; filename="${'\\"'.repeat(2_000)}` }), { path: 'a.txt' }),
    {
      input: 'a certificate that nobody vouches for',
      answer: 'IMPORT_FAILED',
      stored: false,
      send: (world) => {
        world.sealed.plan('/a', ok(bytes));
        return imported(world, { sourceUrl: world.sealed.url('/a') });
      },
    },
  ],
};
