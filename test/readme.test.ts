/** The README is tried: its commands are run, its answers compared, its links followed, its table compared with the code. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { settingsMarkdown } from '../src/runtime/settings-text.js';
import { startEverything, type Program } from './support/programs.js';
import { findOrInstall } from './support/servers/binaries.js';
import { tempDir, type TempDir } from './support/wait.js';

const readme = readFileSync('README.md', 'utf8');
const scripts: Record<string, string> = JSON.parse(readFileSync('package.json', 'utf8')).scripts;

describe('the README', () => {
  let data: TempDir;
  let everything: Program;
  beforeAll(async () => {
    data = await tempDir('readme');
    everything = await startEverything({ DATA_DIR: data.path });
    await findOrInstall('curl');
  });
  afterAll(async () => {
    await everything.stop();
    await data.remove();
  });

  it('shows commands that answer what it shows', async () => {
    const examples = [...readme.matchAll(/```sh\n(?<command>.*?)```\s+```json\n(?<answer>.*?)```/gs)];
    expect(examples.length).toBeGreaterThanOrEqual(3);
    const { host } = new URL(everything.url);
    for (const { groups } of examples) {
      const { stdout } = await promisify(execFile)('bash', ['-c', (groups?.command ?? '').replace('localhost:8080', host)]);
      expect(withoutChance(stdout)).toEqual(withoutChance(groups?.answer ?? ''));
    }
  });

  it('has the settings table of the code', () => {
    expect(readme).toContain(`\n${settingsMarkdown()}\n`);
  });

  it('names files and scripts that exist', () => {
    const links = [...readme.matchAll(/\]\((?<path>[^)#:]+)\)/g)].map(({ groups }) => groups?.path ?? '');
    expect(links.length).toBeGreaterThan(15);
    expect(links.filter((path) => !existsSync(path))).toEqual([]);
    const named = [...readme.matchAll(/npm run (?<script>[\w:-]+)/g)].map(({ groups }) => groups?.script ?? '');
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });
});

/** Ports, times, keys and signatures differ from run to run. */
function withoutChance(answer: string): unknown {
  return JSON.parse(answer.replaceAll(/127\.0\.0\.1:\d+/g, 'HOST').replaceAll(/expires=\d+&kid=\w+&signature=[0-9a-f]{64}/g, 'SIGNED'));
}
