/**
 * The life of a process: settings, --help, start, signals, exit code.
 * Invariant: the process ends by itself within `exitDeadlineMs` of the first SIGTERM or SIGINT, also in the middle of its start.
 */
import { createLogger, type Logger } from './logger.js';
import { helpText } from './settings-text.js';
import { readSettings, SettingsError, type Settings } from './settings.js';
import type { Program } from './setting-types.js';
import { withSmallYoungGeneration } from './young-generation.js';

/** Something that runs until it is stopped; `stop` is idempotent, also concurrently, and never rejects. */
export interface Running {
  stop(): Promise<void>;
}

export interface ProgramOptions {
  /** In logs and in --help. */
  name: string;
  /** Whose settings are read. */
  programs: readonly Program[];
  /** Values of settings that the environment does not set, where they differ from the table's. */
  defaults?: NodeJS.ProcessEnv;
  /** Default none. In every line of the log. */
  logFields?: Readonly<Record<string, unknown>> | undefined;
  /** Builds everything, and loads what nobody else needs. When it throws, it has ended what it had started. */
  start: (settings: Settings, log: Logger) => Promise<Running>;
}

/** A start that has failed in another process of the program, which has said why. */
export class ExplainedFailure extends Error {
  override readonly name = 'ExplainedFailure';
}

const exitDeadlineMs = 9_500;

/** The parts of `process` that a program uses; its main file passes them in. */
export type Host = Pick<NodeJS.Process, 'argv' | 'env' | 'exit' | 'on' | 'stdout' | 'stderr'>;

/** Runs until a signal; then exits 0. Exits 1 when the start fails or something unforeseen is thrown. */
export async function runProgram({ name, programs, defaults, logFields, start }: ProgramOptions, host: Host): Promise<void> {
  if (host.argv.includes('--help')) {
    host.stdout.write(helpText(name, programs));
    return;
  }
  const settings = settingsOrExit(programs, { ...defaults, ...withoutEmpty(host.env) }, host);
  const log = createLogger(name, settings.LOG_LEVEL, logFields);
  // Not at once: a signal that comes before it is listened for would end the process without an end of what was started.
  const starting = Promise.resolve().then(() => withSmallYoungGeneration(() => start(settings, log)));

  let ending = false;
  const end = async (code: number): Promise<void> => {
    if (ending) return;
    ending = true;
    setTimeout(() => host.exit(1), exitDeadlineMs).unref();
    await starting.then(
      (running) => running.stop(),
      () => undefined,
    );
    log.info('stopped');
    log.flush();
    host.exit(code);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    host.on(signal, () => {
      log.info({ signal }, 'stopping');
      void end(0);
    });
  }
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    host.on(event, (error: unknown) => {
      log.fatal({ err: error, event }, 'unforeseen error, stopping');
      void end(1);
    });
  }
  try {
    await starting;
  } catch (error) {
    if (error instanceof SettingsError) host.stderr.write(`${error.message}\n`);
    else if (!(error instanceof ExplainedFailure)) log.fatal({ err: error }, 'cannot start');
    await end(1);
  }
}

/** An empty variable counts as unset. */
function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value));
}

function settingsOrExit(programs: readonly Program[], env: NodeJS.ProcessEnv, host: Host): Settings {
  try {
    return readSettings(env, programs);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    host.stderr.write(`${error.message}\n`);
    return host.exit(1);
  }
}
