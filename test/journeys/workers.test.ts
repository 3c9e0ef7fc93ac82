/** One gateway of several processes: what a client has written it reads at each of them, and they live and end as one. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { createServer } from 'node:net';
import { z } from 'zod';
import { startLateEar, type LateEar } from '../support/faults/late-ear.js';
import { startFakeOrigin, type FakeOrigin } from '../support/fake-origin.js';
import { onePixelPng, query, upload, type Answer } from '../support/graphql.js';
import { startProcess, type RunningProcess } from '../support/processes.js';
import { startGateway, startMediaService, type Env, type Program } from '../support/programs.js';
import type { PrivateServer } from '../support/servers/private-server.js';
import { startRedis } from '../support/servers/redis.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';
import { visitorsOfAll, type Visitor, type VisitorAnswer } from '../support/visitors.js';

const workers = 3;
const token = 'let me see';
const rounds = 10;
const namesQuery = '{ modelMedia(modelType: "Film", modelId: "1", collectionName: "reels") { fileName } }';
const names = z.object({ modelMedia: z.array(z.object({ fileName: z.string() })) });
const exitInTime = { timeoutMs: 10_000, what: 'the exit' };

const reel = { modelType: 'Film', modelId: '1', collectionName: 'reels' };
const namesIn = ({ data }: VisitorAnswer): string[] => names.parse(data).modelMedia.map(({ fileName }) => fileName);
const uploadReel = (url: string, fileName: string): Promise<Answer> => upload(url, onePixelPng(), fileName, { ...reel, fileName });

const workerLine = z.object({ worker: z.int(), workerPid: z.int(), msg: z.literal('worker is ready') });
/** Of all workers that were ready, dead ones included, in the order of their starts. */
function pidsOf(running: RunningProcess): number[] {
  const lines = running.logs().split('\n').filter((line) => line.includes('worker is ready'));
  return lines.map((line) => workerLine.parse(JSON.parse(line)).workerPid);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('a gateway with several workers', () => {
  let programs: Program[];
  let visitors: Visitor[];

  beforeEach(() => {
    [programs, visitors] = [[], []];
  });
  /** Before what they use. */
  const stopPrograms = async (): Promise<void> => {
    for (const visitor of visitors) visitor.leave();
    for (const program of programs.toReversed()) await program.stop();
  };

  const started = async (starting: Promise<Program>): Promise<Program> => {
    const program = await starting;
    programs.push(program);
    return program;
  };
  const visit = async (url: string, each = 2): Promise<Visitor[]> => (visitors = await visitorsOfAll(url, { workers, each }));
  const askAll = (options = {}): Promise<VisitorAnswer[]> => Promise.all(visitors.map((visitor) => visitor.ask(namesQuery, options)));
  const copiesAtAll = (): Promise<true> =>
    waitFor(async () => (await askAll({ explainToken: token })).every(({ sources }) => sources[0] === 'in-process'), { what: 'a copy in each worker' });
  const exitOf = ({ process: running }: Program): Promise<unknown> => waitFor(() => running.exited, exitInTime);

  describe('and a cache', () => {
    let redis: PrivateServer;
    let data: TempDir;
    let lateEar: LateEar;
    let env: Env;

    beforeEach(async () => {
      [redis, data] = await Promise.all([startRedis(), tempDir('workers')]);
      lateEar = await startLateEar(redis, 400);
      const media = await started(startMediaService({ DATA_DIR: data.path }));
      env = { WORKERS: String(workers), MEDIA_SERVICE_ADDR: media.grpcAddress, REDIS_ADDR: redis.url, EXPLAIN_TOKEN: token };
    });
    afterEach(async () => {
      await stopPrograms();
      await lateEar.stop();
      await redis.stop();
      await data.remove();
    });

    it('shows an upload to its client at once, at whichever worker, though Redis announces it late', async () => {
      const { url } = await started(startGateway({ ...env, REDIS_ADDR: lateEar.through(redis.url), CACHE_L1_LEASE_MS: '3000' }));
      await visit(url);
      for (let round = 1; round <= rounds; round += 1) {
        await copiesAtAll();
        expect((await uploadReel(url, `${round}.png`)).errors).toBeUndefined();
        for (const answer of await askAll()) expect(namesIn(answer)).toContain(`${round}.png`);
      }
    });

    it('shows an upload that Redis does not confirm, also at a worker that is started meanwhile, and caches again when it does', async () => {
      const program = await started(startGateway({ ...env, CACHE_L1_LEASE_MS: '3000' }));
      await visit(program.url);
      await copiesAtAll();
      const operator = new Redis(redis.url);
      try {
        // Reads and fills go on, but no invalidation gets through: what was stored stays there.
        await operator.call('ACL', 'SETUSER', 'default', '-exists');
        for (let round = 1; round <= rounds; round += 1) {
          expect((await uploadReel(program.url, `${round}.png`)).errors).toBeUndefined();
          for (const answer of await askAll()) expect(namesIn(answer)).toContain(`${round}.png`);
        }
        const [first = 0] = pidsOf(program.process);
        process.kill(first, 'SIGKILL');
        await waitFor(() => pidsOf(program.process).length > workers, { what: 'another worker' });
        for (const visitor of visitors) visitor.leave();
        await visit(program.url);
        for (const answer of await askAll()) expect(namesIn(answer)).toContain(`${rounds}.png`);
      } finally {
        await operator.call('ACL', 'SETUSER', 'default', '+exists');
        operator.disconnect();
      }
      await copiesAtAll();
      for (const answer of await askAll()) expect(namesIn(answer)).toContain(`${rounds}.png`);
    });

    it.each([['the other workers', false], ['the first process', true]])('is not held up in a write when it cannot tell: %s, stopped; and every worker shows the write', async (_who, isFirst) => {
      const program = await started(startGateway({ ...env, REDIS_ADDR: lateEar.through(redis.url), CACHE_L1_LEASE_MS: '1500' }));
      await visit(program.url);
      const { data: uploaded } = await uploadReel(program.url, 'old.png');
      const { id } = z.object({ uploadFile: z.object({ data: z.object({ id: z.string() }) }) }).parse(uploaded).uploadFile.data;
      await copiesAtAll();
      const still = isFirst ? [program.process.pid] : pidsOf(program.process).slice(1);
      try {
        for (const pid of still) process.kill(pid, 'SIGSTOP');
        // One connection of each worker, so that the others have nothing but the read to answer when they go on.
        const probes = visitors.filter((_, index) => index % 2 === 0);
        const running = await Promise.any(probes.map(async (visitor) => (await visitor.ask('{ __typename }')) && visitor));
        visitors = visitors.filter((visitor) => !probes.includes(visitor));
        const written = await running.ask('mutation ($id: ID!) { updateMedia(input: { id: $id, fileName: "new.png" }) { success } }', { variables: { id } });
        expect(written.data).toEqual({ updateMedia: { success: true } });
        const reads = askAll();
        if (!isFirst) for (const pid of still) process.kill(pid, 'SIGCONT');
        for (const answer of await reads) expect(namesIn(answer)).toEqual(['new.png']);
        for (const probe of probes) probe.leave();
      } finally {
        for (const pid of still) process.kill(pid, 'SIGCONT');
      }
    });
  });

  describe('and no cache', () => {
    let origin: FakeOrigin;
    let env: Env;

    beforeEach(async () => {
      origin = await startFakeOrigin();
      env = { WORKERS: String(workers), MEDIA_SERVICE_ADDR: origin.address, USER_SERVICE_ADDR: origin.address };
    });
    afterEach(async () => {
      await stopPrograms();
      await origin.stop();
    });

    it('answers at the same port when workers are killed, and replaces them', async () => {
      const program = await started(startGateway(env));
      const readyLines = (): number => program.process.logs().split('\n').filter((line) => line.includes('gateway is ready')).length;
      await visit(program.url, 1);
      const [victim = 0, ...others] = pidsOf(program.process);
      process.kill(victim, 'SIGKILL');
      await program.process.waitForLine(/a worker has ended/);
      for (let count = 0; count < 2 * workers; count += 1) expect(await query(program.url, '{ __typename }')).toMatchObject({ status: 200 });
      await waitFor(() => pidsOf(program.process).length === workers + 1, { what: 'another worker' });
      await visit(program.url, 1);

      const [replacement = 0] = pidsOf(program.process).slice(-1);
      for (const pid of [...others, replacement]) process.kill(pid, 'SIGKILL');
      await waitFor(() => pidsOf(program.process).length === 2 * workers + 1, { what: 'others for all of them' });
      await visit(program.url, 1);
      expect(readyLines()).toBe(1);
    });

    it.each([['SIGTERM to the first process', false], ['Ctrl-C, a SIGINT to all of them', true]])('lets the queries in flight finish, and exits 0: %s; more signals change nothing', async (_name, toAll) => {
      const program = await started(startGateway(env));
      const { pid } = program.process;
      await visit(program.url);
      origin.delayMs = 1_000;
      const answers = visitors.map((visitor) => visitor.ask('{ user(id: "1") { name avatar { id } } }'));
      await waitFor(() => origin.calls.length >= visitors.length, { what: 'the queries to be under way' });
      for (let count = 0; count < 3; count += 1) process.kill(toAll ? -pid : pid, toAll ? 'SIGINT' : 'SIGTERM');
      for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ status: 200, data: { user: { name: 'User 1' } } });
      expect(await exitOf(program)).toEqual({ code: 0, signal: null });
      expect(program.process.logs().split('\n').filter((line) => line.includes('"stopped"'))).toHaveLength(1 + workers);
      expect(pidsOf(program.process)).toHaveLength(workers);
      await expect(query(program.url, '{ __typename }')).rejects.toThrow();
    });

    it('leaves no process behind when the first one is killed; the queries in flight finish', async () => {
      // Under a shell that outlives it: the end of what a test has started ends all of its group.
      const shell = await startProcess({
        command: '/bin/sh',
        args: ['-c', `${process.execPath} dist/gateway/main.js; sleep 1000`],
        env: { ...env, PORT: '0' },
        readyWhen: /gateway is ready/,
      });
      try {
        const { pid, graphql } = z.object({ pid: z.int(), graphql: z.url() }).parse(JSON.parse(await shell.waitForLine(/gateway is ready/)));
        const url = graphql.replace(/\/graphql$/, '');
        await visit(url);
        origin.delayMs = 1_000;
        const answers = visitors.map((visitor) => visitor.ask('{ user(id: "1") { name avatar { id } } }'));
        await waitFor(() => origin.calls.length >= visitors.length, { what: 'the queries to be under way' });
        const pids = pidsOf(shell);
        expect(pids.filter(isAlive)).toHaveLength(workers);
        process.kill(pid, 'SIGKILL');
        for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ status: 200, data: { user: { name: 'User 1' } } });
        await waitFor(() => !pids.some(isAlive), { ...exitInTime, what: 'the workers to be gone' });
      } finally {
        await shell.stop();
      }
    });

    it('tells at any worker of all of them: counters are added up', async () => {
      const program = await started(startGateway(env));
      await visit(program.url);
      const before = await samplesOf(program.url);
      for (const visitor of visitors) await visitor.ask(namesQuery);
      const sample = 'media_cache_reads_total{source="origin",negative="true"}';
      for (let count = 0; count < workers; count += 1) {
        const now = await samplesOf(program.url);
        expect((now.get(sample) ?? 0) - (before.get(sample) ?? 0)).toBe(visitors.length);
        expect(now.get('media_cache_breaker_open')).toBe(0);
        expect(now.get('media_invalidation_lag_seconds')).toBeNaN();
      }
    });

    it('says in one sentence why it cannot start, and exits 1', async () => {
      const taken = createServer();
      await new Promise<void>((resolve) => void taken.listen(0, '127.0.0.1', resolve));
      const address = taken.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      for (const [script, settings, sentence] of [
        ['gateway/main.js', { PORT: String(port) }, `HOST and PORT cannot be used: bind EADDRINUSE 127.0.0.1:${port}.`],
        ['gateway/main.js', { WORKERS: '65' }, 'WORKERS must be a whole number from 1 to 64.'],
        ['main.js', {}, 'WORKERS must be 1 here, where everything is one process: start the programs apart to have more.'],
      ] as const) {
        const failing = await startProcess({ command: process.execPath, args: [`dist/${script}`], env: { ...env, ...settings } });
        expect(await waitFor(() => failing.exited, exitInTime)).toEqual({ code: 1, signal: null });
        expect(failing.logs().split('\n').filter((line) => !line.includes('"level":"info"'))).toEqual([sentence]);
      }
      await new Promise((resolve) => void taken.close(resolve));
    });
  });
});

async function samplesOf(url: string): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${url}/metrics`, { headers: { connection: 'close' }, signal: AbortSignal.timeout(5_000) });
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}
