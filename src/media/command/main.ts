#!/usr/bin/env node
/** `media …` (media-command.ts) */
import { cleanText } from '../files/file-names.js';
import { startWith } from '../../runtime/lifecycle.js';
import { createLogger } from '../../runtime/logger.js';
import { createProviders } from '../../providers/providers.js';
import { readSettings, SettingsError } from '../../runtime/settings.js';
import { UsageError, type MediaCommand } from './command.js';
import { readMediaCommand, usage } from './media-command.js';
import { Progress } from './progress.js';

const signals = { SIGINT: 130, SIGTERM: 143 } as const;

// Whoever read the output may have gone; what was begun is done all the same.
for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  if (words.includes('--help')) {
    process.stdout.write(usage);
    return 0;
  }
  try {
    return await run(readMediaCommand(words));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(error instanceof UsageError ? `${message}\n${usage}` : `${message}\n`);
    return error instanceof UsageError || error instanceof SettingsError ? 2 : 1;
  }
}

function run(command: MediaCommand): Promise<number> {
  const settings = readSettings(process.env, ['media']);
  // Standard output is for the answer; what goes wrong, the commands say themselves.
  const log = createLogger('media', 'silent');
  return startWith(log, async (lifecycle) => {
    const interrupted = new AbortController();
    for (const [signal, code] of Object.entries(signals)) {
      process.once(signal, () => {
        interrupted.abort();
        void lifecycle.stop().then(() => process.exit(code));
      });
    }
    const progress = new Progress(process.stderr);
    try {
      // Loaded when there is work for it: it is most of what a start takes.
      const { openMediaCore } = await import('../media-core.js');
      const hooks = { publicUrl: () => settings.MEDIA_PUBLIC_URL ?? '', onCommit: () => undefined, counted: () => undefined };
      const core = await openMediaCore({ settings, log, lifecycle, ...hooks, providers: createProviders(settings, log) });
      return await command({
        core,
        print: (line) => progress.beside(() => process.stdout.write(`${cleanText(line)}\n`)),
        printJson: (value) => progress.beside(() => process.stdout.write(`${JSON.stringify(value)}\n`)),
        progress,
        concurrency: settings.MEDIA_IMPORT_CONCURRENCY,
        signal: interrupted.signal,
      });
    } finally {
      progress.show([]);
      await lifecycle.stop();
    }
  });
}
