import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { LookupAddress } from 'node:dns';
import { generate } from 'selfsigned';
import { GuardedFetch, type Answer, type FetchRequest } from '../../../src/media/import/guarded-fetch.js';
import { ImportFailure } from '../../../src/media/import/import-failure.js';
import {
  claims,
  cutAfter,
  hang,
  hangAfter,
  ok,
  raw,
  redirect,
  reset,
  startMediaHost,
  status,
  stream,
  trickle,
  type MediaHost,
  type MediaHostOptions,
} from '../../support/media-host.js';
import { freePort, waitFor } from '../../support/wait.js';

const never = new AbortController().signal;
const bytes = Buffer.from('the bytes of a file');
const secret = { authorization: 'Bearer secret' };

const readAll = async ({ status: code, body }: Answer): Promise<{ code: number; body: Buffer }> => {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return { code, body: Buffer.concat(chunks) };
};

const ample = { answerMs: 60_000, idleMs: 60_000, totalMs: 60_000 };
const loopback: LookupAddress = { address: '127.0.0.1', family: 4 };

describe('a guarded fetch', () => {
  let host: MediaHost;
  let other: MediaHost;
  let fetch: GuardedFetch;
  const hosts: MediaHost[] = [];

  const startHost = async (options?: MediaHostOptions): Promise<MediaHost> => {
    const started = await startMediaHost(options);
    hosts.push(started);
    return started;
  };

  beforeEach(async () => {
    host = await startHost();
    other = await startHost();
    fetch = new GuardedFetch({ allowedHosts: [host.host, other.host] });
  });
  afterEach(async () => {
    const all = hosts.splice(0);
    try {
      // Whatever happened: nothing of it is left, long before a limit would end it.
      await waitFor(() => all.every((each) => each.openSockets() === 0), { what: 'all sockets to be closed' });
    } finally {
      await Promise.all(all.map((each) => each.stop()));
    }
  });

  const get = (url: string, changes: Partial<FetchRequest> = {}, by = fetch) =>
    by.get({ url, headers: {}, signal: never, ...ample, ...changes }, readAll);
  const failing = async (work: Promise<unknown>): Promise<{ kind: string; message: string }> => {
    const error = await work.then(() => new Error('it did not fail'), (thrown: unknown) => thrown);
    if (!(error instanceof ImportFailure)) throw error;
    return { kind: error.kind, message: error.message };
  };
  const kindOf = async (work: Promise<unknown>): Promise<string> => (await failing(work)).kind;

  it('gives the status and the body, and says who asks', async () => {
    host.plan('/a', ok(bytes));
    expect(await get(host.url('/a'), { headers: secret })).toEqual({ code: 200, body: bytes });
    expect(host.calls[0]?.headers).toMatchObject({ 'accept-encoding': 'identity', 'user-agent': expect.stringContaining('graphql-media-gateway'), ...secret });
    host.plan('/b', status(404, {}, 'none'));
    expect(await get(host.url('/b'))).toEqual({ code: 404, body: Buffer.from('none') });
  });

  it('passes on what its reader throws, and closes the connection', async () => {
    host.plan('/a', stream(50_000_000));
    const reading = fetch.get({ url: host.url('/a'), headers: {}, signal: never, ...ample }, async ({ body }) => {
      for await (const chunk of body) throw new Error(`the disk is full before ${chunk.length} bytes`);
    });
    await expect(reading).rejects.toThrow('the disk is full before');
  });

  it('closes the connection when its reader does not want the body', async () => {
    host.plan('/a', stream(50_000_000));
    const read = fetch.get({ url: host.url('/a'), headers: {}, signal: never, ...ample }, ({ status: code }) => Promise.resolve(code));
    expect(await read).toBe(200);
  });

  describe('through redirects', () => {
    it('follows three, with every code, relative ones too', async () => {
      host.plan('/1', redirect('/2', 301));
      host.plan('/2', redirect('3', 303));
      host.plan('/3', redirect(other.url('/4'), 308));
      other.plan('/4', ok(bytes));
      expect((await get(host.url('/1'))).body).toEqual(bytes);
    });

    it('ends at the fourth, and in a circle', async () => {
      for (const step of [1, 2, 3, 4]) host.plan(`/${step}`, redirect(`/${step + 1}`));
      expect(await kindOf(get(host.url('/1')))).toBe('gone');
      host.plan('/circle', redirect('/circle'));
      expect(await kindOf(get(host.url('/circle')))).toBe('gone');
      expect(host.callsTo('/circle')).toBe(4);
    });

    it('gives a redirect that leads nowhere as it is', async () => {
      host.plan('/a', status(302));
      expect((await get(host.url('/a'))).code).toBe(302);
    });

    it('keeps a secret on its own origin, and drops it for good when it leaves that', async () => {
      host.plan('/1', redirect('/2'));
      host.plan('/2', redirect(other.url('/3')));
      other.plan('/3', redirect(host.url('/4')));
      host.plan('/4', ok(bytes));
      await get(host.url('/1'), { headers: secret });
      expect([...host.calls, ...other.calls].map(({ path, headers }) => [path, headers.authorization])).toEqual([
        ['/1', secret.authorization],
        ['/2', secret.authorization],
        ['/4', undefined],
        ['/3', undefined],
      ]);
    });

    it('does not carry a secret from https to http, of the same host too', async () => {
      const pair = await generate([{ name: 'commonName', value: 'localhost' }], {
        keyType: 'ec',
        algorithm: 'sha256',
        extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
      });
      const sealed = await startHost({ tls: { key: pair.private, cert: pair.cert } });
      const trusting = new GuardedFetch({ allowedHosts: [host.host, sealed.host], ca: pair.cert });
      sealed.plan('/a', redirect(host.url('/b')));
      host.plan('/b', ok(bytes));
      expect((await get(sealed.url('/a'), { headers: secret }, trusting)).body).toEqual(bytes);
      expect(sealed.calls[0]?.headers.authorization).toBe(secret.authorization);
      expect(host.calls[0]?.headers.authorization).toBeUndefined();
      // Whom nobody vouches for is not spoken to.
      expect(await kindOf(get(sealed.url('/a'), { headers: secret }, new GuardedFetch({ allowedHosts: [sealed.host] })))).toBe('transient');
      expect(sealed.calls).toHaveLength(1);
    });

    it.each(['http://localhost:1/', 'https://127.0.0.1/', 'https://[::1]/', 'https://169.254.169.254/latest/meta-data/', 'file:///etc/passwd', 'ftp://files.example/a', 'http://files.example/', 'https://user:pass@files.example/', 'javascript:alert(1)'])(
      'does not follow one to %s',
      async (to) => {
        host.plan('/a', redirect(to));
        expect(await kindOf(get(host.url('/a')))).toBe('refused');
      },
    );
  });

  describe('refuses, before any connection,', () => {
    const strict = new GuardedFetch({ allowedHosts: [], resolve: () => Promise.reject(new Error('nothing is looked up')) });

    it.each([
      'http://files.example/a.png',
      'ftp://files.example/a.png',
      'file:///etc/passwd',
      'data:image/png;base64,AAAA',
      '//files.example/a.png',
      'files.example/a.png',
      '',
      'https://',
      `https://files.example/${'a'.repeat(2_048)}`,
      'https://user@files.example/a.png',
      'https://user:pass@files.example/a.png',
      'https://:pass@files.example/a.png',
      'https://files.example@127.0.0.1/a.png',
      'https://127.0.0.1/',
      'https://127.0.0.1:8443/',
      'https://127.1/',
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
      'https://10.1.2.3/',
      'https://172.16.1.1/',
      'https://192.168.0.1/',
      'https://169.254.169.254/latest/meta-data/',
      'https://100.64.0.1/',
      'https://224.0.0.1/',
      'https://255.255.255.255/',
      'https://192.0.2.1/',
      'https://[::1]/',
      'https://[::]/',
      'https://[0:0:0:0:0:0:0:1]:8443/',
      'https://[::ffff:127.0.0.1]/',
      'https://[::ffff:7f00:1]/',
      'https://[::127.0.0.1]/',
      'https://[64:ff9b::127.0.0.1]/',
      'https://[2002:7f00:1::]/',
      'https://[fe80::1]/',
      'https://[fc00::1]/',
      'https://[fd12:3456::1]/',
      'https://[ff02::1]/',
      'https://[2001:db8::1]/',
    ])('%s', async (url) => {
      expect(await kindOf(get(url, {}, strict))).toBe('refused');
      expect(() => strict.check(url)).toThrow(ImportFailure);
    });

    it('and lets public addresses pass the check', () => {
      for (const url of ['https://files.example/a', 'https://8.8.8.8/', 'https://[2606:4700::1111]:8443/', 'https://0x08080808/']) expect(() => strict.check(url)).not.toThrow();
    });
  });

  describe('looks an address up once, and', () => {
    const asked: string[] = [];
    const resolving = (allowedHosts: string[], ...answers: LookupAddress[][]): GuardedFetch =>
      new GuardedFetch({
        allowedHosts,
        resolve: (hostname) => {
          asked.push(hostname);
          return Promise.resolve((answers.length > 1 ? answers.shift() : answers[0]) ?? []);
        },
      });
    beforeEach(() => void asked.splice(0));

    it.each([
      ['a private address', [loopback]],
      ['a private IPv6 address', [{ address: '::1', family: 6 }]],
      ['a mapped address', [{ address: '::ffff:127.0.0.1', family: 6 }]],
      ['a private address among public ones', [{ address: '93.184.215.14', family: 4 }, loopback]],
      ['a link-local address with a zone', [{ address: 'fe80::1%lo', family: 6 }]],
    ])('refuses a host that has %s', async (_name, addresses) => {
      const { kind, message } = await failing(get(`https://files.example:${host.port}/a`, {}, resolving([], addresses)));
      expect(kind).toBe('refused');
      expect(message).not.toMatch(/127|::|fe80|files\.example/);
      expect(asked).toEqual(['files.example']);
      expect(host.connections()).toBe(0);
    });

    it('refuses names of this machine', async () => {
      const real = new GuardedFetch({ allowedHosts: [] });
      expect(await kindOf(get(`https://localhost:${host.port}/a`, {}, real))).toBe('refused');
      expect(await kindOf(get(`https://LOCALHOST:${host.port}/a`, {}, real))).toBe('refused');
      // Not every resolver knows the name with a dot at its end.
      expect(['refused', 'transient']).toContain(await kindOf(get(`https://localhost.:${host.port}/a`, {}, real)));
      expect(host.connections()).toBe(0);
    });

    it('connects to what it has checked: a name that is public at first and private later does not get in', async () => {
      // The first answer passes, and must be the one that is called: nobody is there, and the second answer is never asked for.
      const rebinding = resolving([], [{ address: '2001:4860:ffff::dead', family: 6 }], [loopback]);
      const url = `https://rebind.example:${host.port}/a`;
      expect(await kindOf(get(url, { answerMs: 300 }, rebinding))).toBe('transient');
      expect(asked).toEqual(['rebind.example']);
      expect(await kindOf(get(url, {}, rebinding))).toBe('refused');
      expect(host.connections()).toBe(0);
    });

    it('checks each host of a redirect anew', async () => {
      host.plan('/a', redirect(`https://rebind.example:${other.port}/b`));
      expect(await kindOf(get(host.url('/a'), {}, resolving([host.host], [loopback])))).toBe('refused');
      expect(other.connections()).toBe(0);
    });

    it('reaches a host of the allow-list at a private address, at its own port only', async () => {
      host.plan('/a', ok(bytes));
      const trusting = resolving([`files.internal:${host.port}`], [loopback]);
      expect((await get(`http://files.internal:${host.port}/a`, {}, trusting)).body).toEqual(bytes);
      expect(await kindOf(get(`http://files.internal:${other.port}/a`, {}, trusting))).toBe('refused');
      expect(await kindOf(get(`https://files.internal:${other.port}/a`, {}, trusting))).toBe('refused');
      expect(other.connections()).toBe(0);
    });

    it('says so when there is no such host', async () => {
      const failure = await failing(get('https://nobody.example/a', {}, resolving([], [])));
      expect(failure.kind).toBe('transient');
      const missing = new GuardedFetch({ allowedHosts: [], resolve: () => Promise.reject(Object.assign(new Error('getaddrinfo ENOTFOUND nobody.example'), { code: 'ENOTFOUND' })) });
      expect(await failing(get('https://nobody.example/a', {}, missing))).toEqual({ kind: 'transient', message: 'The host of the source was not found.' });
    });

    it('does not wait for a resolver that does not answer', async () => {
      const silent = new GuardedFetch({ allowedHosts: [], resolve: () => new Promise(() => undefined) });
      expect(await kindOf(get('https://files.example/a', { answerMs: 50 }, silent))).toBe('transient');
    });
  });

  describe('ends in time when the host', () => {
    const late = { kind: 'transient', message: 'The source did not answer within 0.1 s.' };

    it('never answers', async () => {
      host.plan('/a', hang);
      expect(await failing(get(host.url('/a'), { answerMs: 100 }))).toEqual(late);
    });

    it('redirects to one that never answers: the clock runs over all of them', async () => {
      host.plan('/a', redirect(other.url('/b')));
      other.plan('/b', hang);
      expect(await failing(get(host.url('/a'), { answerMs: 100 }))).toEqual(late);
    });

    it('stops behind the head of its answer', async () => {
      host.plan('/a', hangAfter(Buffer.alloc(0)));
      expect(await failing(get(host.url('/a'), { idleMs: 100 }))).toEqual(late);
    });

    it('stops in the middle', async () => {
      host.plan('/a', hangAfter(bytes));
      expect(await failing(get(host.url('/a'), { idleMs: 100 }))).toEqual(late);
    });

    it('goes on for ever, byte by byte', async () => {
      host.plan('/a', trickle(10));
      expect(await failing(get(host.url('/a'), { totalMs: 100 }))).toEqual(late);
    });

    it('refuses the connection', async () => {
      const gone = await freePort();
      expect(await kindOf(get(`http://127.0.0.1:${gone}/a`, {}, new GuardedFetch({ allowedHosts: [`127.0.0.1:${gone}`] })))).toBe('transient');
    });

    it.each([
      ['resets it before an answer', reset],
      ['closes it before an answer', raw('')],
      ['answers no HTTP', raw('SSH-2.0-OpenSSH_9.2\r\n')],
      ['breaks off in the headers', raw('HTTP/1.1 200 OK\r\nContent-Le')],
      ['changes the protocol', raw('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')],
      ['has more headers than anyone needs', raw(`HTTP/1.1 200 OK\r\n${'X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(1_000)}\r\n`)],
      ['resets it in the body', cutAfter(bytes)],
      ['resets it in a body without a length', cutAfter(bytes, undefined)],
      ['says a length that is longer than what it sends', claims(bytes.length + 1, bytes)],
      ['says two lengths', raw('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd')],
      ['closes it before the last chunk', raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')],
    ])('%s', async (_name, play) => {
      host.plan('/a', play);
      expect(await kindOf(get(host.url('/a')))).toBe('transient');
    });

    it('says a length that is shorter than what it sends: what is behind it is not read', async () => {
      host.plan('/a', claims(3, bytes));
      expect((await get(host.url('/a'))).body).toEqual(bytes.subarray(0, 3));
    });

    it('is left because nobody wants the file any more', async () => {
      const leaving = new AbortController();
      host.plan('/a', hang);
      const ending = kindOf(get(host.url('/a'), { signal: leaving.signal }));
      await waitFor(() => host.callsTo('/a') === 1, { what: 'the call' });
      leaving.abort();
      expect(await ending).toBe('busy');
      expect(await kindOf(get(host.url('/a'), { signal: leaving.signal }))).toBe('busy');
      expect(host.callsTo('/a')).toBe(1);
    });
  });

  it('does not hold a slow reader against the host', async () => {
    host.plan('/a', stream(20_000_000));
    let size = 0;
    let isFirst = true;
    await fetch.get({ url: host.url('/a'), headers: {}, signal: never, ...ample, idleMs: 250 }, async ({ body }) => {
      for await (const chunk of body) {
        size += chunk.length;
        // oxlint-disable-next-line no-await-in-loop
        if (isFirst) await new Promise((resolve) => setTimeout(resolve, 500));
        isFirst = false;
      }
    });
    expect(size).toBe(20_000_000);
  });
});
