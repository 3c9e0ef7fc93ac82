/** gRPC over TLS between the programs, by their settings: who shows a certificate of the authority is answered, everyone else is told so in time. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { codesOf, onePixelPng, query, upload, type Answer } from '../support/graphql.js';
import { startEverything, startGateway, startMediaService, startUserService, type Env, type Program } from '../support/programs.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';

interface Authority {
  /** Trusts it. */
  ca: Env;
  /** A certificate of it, for any of the names of this machine, as server and as client. */
  identity: Env;
}

async function createAuthority(directory: string, name: string): Promise<Authority> {
  const common = { keyType: 'ec', algorithm: 'sha256' } as const;
  const ca = await generate([{ name: 'commonName', value: name }], {
    ...common,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, critical: true },
    ],
  });
  const leaf = await generate([{ name: 'commonName', value: 'localhost' }], {
    ...common,
    ca: { key: ca.private, cert: ca.cert },
    extensions: [
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }, { type: 7, ip: '127.0.0.1' }] },
    ],
  });
  const keep = async (suffix: string, pem: string): Promise<string> => {
    const path = join(directory, `${name}-${suffix}.pem`);
    await writeFile(path, pem, { mode: 0o600 });
    return path;
  };
  const [authority, cert, key] = await Promise.all([keep('ca', ca.cert), keep('cert', leaf.cert), keep('key', leaf.private)]);
  return { ca: { GRPC_TLS_CA: authority }, identity: { GRPC_TLS_CERT: cert, GRPC_TLS_KEY: key } };
}

const both = '{ user(id: "1") { name avatar { fileName } } product(id: "1") { images { fileName } } }';
const fields = { modelType: 'User', modelId: '1', collectionName: 'avatars', fileName: 'sealed.png' };
/** Of an answer that a service cannot give, in milliseconds: twice the deadline of a read. */
const inTime = { what: 'an answer', timeoutMs: 8_000 };

describe('gRPC over TLS', () => {
  let data: TempDir;
  let ours: Authority;
  let stranger: Authority;
  let services: Env;
  const running: Program[] = [];

  const keep = async (starting: Promise<Program>): Promise<Program> => {
    const program = await starting;
    running.push(program);
    return program;
  };

  beforeAll(async () => {
    data = await tempDir('tls');
    [ours, stranger] = await Promise.all([createAuthority(data.path, 'ours'), createAuthority(data.path, 'stranger')]);
    const tls = { ...ours.ca, ...ours.identity };
    const [media, users] = await Promise.all([keep(startMediaService({ ...tls, DATA_DIR: data.path })), keep(startUserService(tls))]);
    services = { MEDIA_SERVICE_ADDR: media.grpcAddress, USER_SERVICE_ADDR: users.grpcAddress };
  });
  afterAll(async () => {
    await Promise.all(running.map((program) => program.stop()));
    await data.remove();
  });

  it('carries reads and uploads between processes that show each other certificates of their authority, by address and by name', async () => {
    const byName = Object.fromEntries(Object.entries(services).map(([name, address]) => [name, address.replace('127.0.0.1', 'localhost')]));
    for (const targets of [services, byName]) {
      const { url } = await keep(startGateway({ ...targets, ...ours.ca, ...ours.identity }));
      expect(await upload(url, onePixelPng(), 'x.png', fields)).toMatchObject({ data: { uploadFile: { success: true } } });
      const { data: answer, errors } = await query(url, both);
      expect(errors).toBeUndefined();
      expect(answer).toEqual({ user: { name: 'Ada Lovelace', avatar: { fileName: 'sealed.png' } }, product: { images: [] } });
    }
  });

  it.each([
    ['speaks no TLS', (): Env => ({})],
    ['shows no certificate', (): Env => ours.ca],
    ["shows another authority's certificate", (): Env => ({ ...ours.ca, ...stranger.identity })],
    ["trusts another authority than the services'", (): Env => ({ ...stranger.ca, ...ours.identity })],
  ])('a gateway that %s is answered by no service, and tells its clients so in time', async (_name, tls) => {
    const { url } = await keep(startGateway({ ...services, ...tls() }));
    const answerTo = (asked: Promise<Answer>): Promise<Answer> => waitFor(() => asked, inTime);
    const answer = await answerTo(query(url, both));
    expect(answer).toMatchObject({ status: 200, data: { user: null, product: { images: null } } });
    expect(codesOf(answer).toSorted()).toEqual(['MEDIA_SERVICE_UNAVAILABLE', 'USER_SERVICE_UNAVAILABLE']);
    const refused = await answerTo(upload(url, onePixelPng(), 'x.png', fields));
    expect(codesOf(refused)).toEqual(['MEDIA_SERVICE_UNAVAILABLE']);
    expect(JSON.stringify([answer, refused])).not.toMatch(/127\.0\.0\.1|certificate|ECONN|stack/i);
  });

  it('serves a client without a certificate where a service names no authority', async () => {
    const users = await keep(startUserService(ours.identity));
    const { url } = await keep(startGateway({ ...services, ...ours.ca, USER_SERVICE_ADDR: users.grpcAddress }));
    expect((await query(url, '{ user(id: "1") { name } }')).data).toEqual({ user: { name: 'Ada Lovelace' } });
  });

  it('works within one process too', async () => {
    const { url } = await keep(startEverything({ DATA_DIR: join(data.path, 'one'), ...ours.ca, ...ours.identity }));
    const { data: answer, errors } = await query(url, both);
    expect(errors).toBeUndefined();
    expect(answer).toEqual({ user: { name: 'Ada Lovelace', avatar: null }, product: { images: [] } });
  });
});
