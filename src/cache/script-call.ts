/**
 * A call of a script as Redis reads it. It is put together as one text: while Redis has not answered, the keys and arguments of all calls under way
 * would otherwise be kept, hundreds of small texts each, in case they have to be sent once more; garbage collection took a quarter of the time of misses.
 */
import { Command } from 'ioredis';
import type { Script } from './redis-scripts.js';

export type Argument = string | number;

/** How many keys there are, the keys and the arguments: arrays of bulk strings, https://redis.io/docs/latest/develop/reference/protocol-spec/. */
export interface ScriptCall {
  readonly parts: number;
  readonly text: string;
}

export function scriptCall(keys: readonly string[], args: readonly Argument[]): ScriptCall {
  const parts = [keys.length, ...keys, ...args].map(String);
  return { parts: parts.length, text: bulkStrings(parts) };
}

/** EVALSHA, or EVAL, which teaches the server the script. */
export class ScriptCommand extends Command {
  readonly #text: string;

  constructor(name: 'evalsha' | 'eval', { sha, source }: Script, { parts, text }: ScriptCall) {
    super(name, [], { replyEncoding: 'utf8' });
    this.#text = `*${parts + 2}\r\n${bulkStrings([name, name === 'eval' ? source : sha])}${text}`;
  }

  override toWritable(): string {
    return this.#text;
  }
}

function bulkStrings(texts: readonly string[]): string {
  const plain = withLengths(texts, charactersIn);
  // Nearly always each character is a byte; to ask once is cheaper than to ask of each text.
  return Buffer.byteLength(plain) === plain.length ? plain : withLengths(texts, bytesIn);
}

function withLengths(texts: readonly string[], lengthOf: (text: string) => number): string {
  let all = '';
  for (const text of texts) all += `$${lengthOf(text)}\r\n${text}\r\n`;
  return all;
}

function charactersIn(text: string): number {
  return text.length;
}

function bytesIn(text: string): number {
  return Buffer.byteLength(text);
}
