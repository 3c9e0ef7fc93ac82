/** `npm run cache -- …` (cache-command.ts) */
import { AppError } from '../contract/errors.js';
import { createLogger } from '../runtime/logger.js';
import { pause } from '../runtime/backoff.js';
import { readSettings, SettingsError } from '../runtime/settings.js';
import { readCacheCommand, usage, UsageError } from './cache-command.js';
import { connectStore } from './store.js';

const connectMs = 5_000;

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  if (words.includes('--help')) {
    process.stdout.write(usage);
    return 0;
  }
  try {
    process.stdout.write(`${await run(words)}\n`);
    return 0;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(error instanceof UsageError ? `${message}\n${usage}` : `${message}\n`);
    return error instanceof UsageError || error instanceof SettingsError || error instanceof AppError ? 2 : 1;
  }
}

async function run(words: readonly string[]): Promise<string> {
  const command = readCacheCommand(words);
  const settings = readSettings(process.env, ['gateway']);
  // A person waits, so a slow answer is better than none.
  const store = connectStore({ ...settings, REDIS_COMMAND_TIMEOUT_MS: connectMs }, createLogger('cache', 'silent'));
  if (!store) throw new SettingsError('REDIS_ADDR must be set: the cache of a single process ends with it.');
  try {
    for (const end = Date.now() + connectMs; store.state !== 'ready'; ) {
      if (Date.now() > end) throw new Error('Redis is out of reach.');
      // oxlint-disable-next-line no-await-in-loop
      await pause(20);
    }
    return await command(store);
  } finally {
    store.stop();
  }
}
