/** What is sent to Redis is what its protocol says, whatever is in it: the reference is ioredis's own encoding. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Command } from 'ioredis';
import { scriptCall, ScriptCommand } from '../../src/cache/script-call.js';

const script = { sha: 'f'.repeat(40), source: "return 'grüße'" };
const text = fc.string({ unit: 'binary' });

function sent(command: Command): string {
  return command.toWritable({}).toString();
}

describe('a call of a script', () => {
  it('is the bytes that ioredis would send, of any keys and arguments', () => {
    fc.assert(
      fc.property(fc.array(text), fc.array(fc.oneof(text, fc.integer())), (keys, args) => {
        const call = scriptCall(keys, args);
        expect(sent(new ScriptCommand('evalsha', script, call))).toBe(sent(new Command('evalsha', [script.sha, keys.length, ...keys, ...args])));
        expect(sent(new ScriptCommand('eval', script, call))).toBe(sent(new Command('eval', [script.source, keys.length, ...keys, ...args])));
      }),
    );
  });
});
