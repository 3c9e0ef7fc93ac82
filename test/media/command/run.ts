/** Runs `media …` from the build, as a person or a script does it. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Outcome {
  code: number | string | null | undefined;
  stdout: string;
  stderr: string;
}

export const script = fileURLToPath(new URL('../../../dist/media/command/main.js', import.meta.url));

/** `env`: the settings; of the test's own environment nothing is passed on. */
export function runMedia(env: Readonly<Record<string, string>>, ...words: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...words], { env, timeout: 60_000 }, (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }));
  });
}
