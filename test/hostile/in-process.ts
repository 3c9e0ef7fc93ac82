/** Names whose addresses change, and hosts that wait: with a resolver and clocks that only this process can have. */
import type { LookupAddress } from 'node:dns';
import { GuardedFetch } from '../../src/media/import/guarded-fetch.js';
import { ImportFailure } from '../../src/media/import/import-failure.js';
import { hang, hangAfter, ok, redirect, trickle, type Play } from '../support/media-host.js';
import type { HostileInput, Reply, Section } from './hostile-input.js';
import type { World } from './world.js';

const bytes = Buffer.from('the bytes of a file');
const never = new AbortController().signal;
const limits = { answerMs: 300, idleMs: 300, totalMs: 600 };

interface Fetched {
  url: string;
  allowedHosts?: readonly string[];
  /** What the resolver says, one answer after the other; the last again and again. */
  resolver?: LookupAddress[][];
  headers?: Record<string, string>;
}

/** By the module that makes the product's calls, in this process: with a resolver of the test, and clocks that do not take minutes. */
async function fetched({ url, allowedHosts = [], resolver = [[]], headers = {} }: Fetched): Promise<Reply> {
  const answers = [...resolver];
  const resolve = (): Promise<LookupAddress[]> => Promise.resolve((answers.length > 1 ? answers.shift() : answers[0]) ?? []);
  const fetch = new GuardedFetch({ allowedHosts, resolve });
  try {
    const size = await fetch.get({ url, headers, signal: never, ...limits }, async ({ body }) => {
      let count = 0;
      for await (const chunk of body) count += chunk.length;
      return count;
    });
    return { answer: 'OK', says: `${size} bytes` };
  } catch (error) {
    if (!(error instanceof ImportFailure)) throw error;
    const { code, message } = error.toAppError();
    return { answer: code, says: message };
  }
}

const loopback: LookupAddress = { address: '127.0.0.1', family: 4 };
const somewhere: LookupAddress = { address: '93.184.215.14', family: 4 };
/** Public, and nobody is there. */
const nobody: LookupAddress = { address: '2001:4860:ffff::dead', family: 6 };

const resolved = (input: string, answer: string, ...resolver: LookupAddress[][]): HostileInput => ({
  input,
  answer,
  stored: false,
  send: async (world) => {
    const before = world.connections();
    const reply = await fetched({ url: `https://files.example:${world.host.port}/a`, resolver });
    if (world.connections() !== before) throw new Error('somebody was connected to');
    // What is said of an address where nobody is depends on the network of the machine.
    return resolver.length > 1 ? { ...reply, says: 'the address that was checked is the one that was called' } : reply;
  },
});

const waiting = (input: string, play: Play): HostileInput => ({
  input,
  answer: 'IMPORT_FAILED',
  stored: false,
  send: (world) => {
    world.host.plan('/waiting', play);
    return fetched({ url: world.host.url('/waiting'), allowedHosts: [world.host.host] });
  },
});

export const inProcess: Section = {
  title: 'Imports: names that change, hosts that wait',
  intro: 'Not through the programs, but through the module that makes their calls: a resolver under the test\'s control, and limits of 0.3 s in place of 30.',
  inputs: [
    resolved('a public name at a private address', 'IMPORT_REFUSED', [loopback]),
    resolved('a private address among public ones', 'IMPORT_REFUSED', [somewhere, loopback]),
    resolved('a private IPv6 address', 'IMPORT_REFUSED', [{ address: '::1', family: 6 }]),
    resolved('a private address within an IPv6 address', 'IMPORT_REFUSED', [{ address: '::ffff:10.0.0.1', family: 6 }]),
    resolved('an address with a zone', 'IMPORT_REFUSED', [{ address: 'fe80::1%lo', family: 6 }]),
    resolved('an address of the carrier', 'IMPORT_REFUSED', [{ address: '100.64.0.1', family: 4 }]),
    resolved('what is no address', 'IMPORT_REFUSED', [{ address: 'localhost', family: 4 }]),
    resolved('no address', 'IMPORT_FAILED', []),
    resolved('rebinding: public when it is asked for first, private when it is asked for again', 'IMPORT_FAILED', [nobody], [loopback]),
    {
      input: 'an international name at a private address',
      answer: 'IMPORT_REFUSED',
      stored: false,
      send: (world) => fetched({ url: `https://b\u00fccher.example.:${world.host.port}/a`, resolver: [[loopback]] }),
    },
    {
      input: 'a redirect to a name at a private address',
      answer: 'IMPORT_REFUSED',
      stored: false,
      send: (world) => {
        world.host.plan('/rebind', redirect(`https://files.example:${world.stranger.port}/b`));
        return fetched({ url: world.host.url('/rebind'), allowedHosts: [world.host.host], resolver: [[loopback]] });
      },
    },
    {
      input: 'a redirect to another host, with a bearer',
      answer: 'OK',
      stored: false,
      send: async (world) => {
        world.host.plan('/bearer', redirect(world.stranger.url('/bearer')));
        world.stranger.plan('/bearer', ok(bytes));
        const reply = await fetched({ url: world.host.url('/bearer'), allowedHosts: [world.host.host, world.stranger.host], headers: { authorization: 'Bearer secret' } });
        const told = (calls: World['host']['calls']): string => calls.findLast(({ path }) => path === '/bearer')?.headers.authorization ?? 'none';
        return { ...reply, says: `the first host was told "${told(world.host.calls)}", the second "${told(world.stranger.calls)}"` };
      },
    },
    waiting('no answer', hang),
    waiting('no end', hangAfter(bytes)),
    waiting('a byte every 50 ms', trickle(50)),
  ],
};
