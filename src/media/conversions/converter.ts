/**
 * One process that converts images, started when it is needed and ended when it is not.
 * Invariant: a process that has failed in any way, or refused an image, gets no other; none is left after `stop`.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { convertAnswer, type ConvertTask } from './convert-task.js';

export interface ConverterOptions {
  /** Default the compiled neighbour `convert-main.js`. Path of the program of the process. */
  script?: string;
  /** Default 30,000. Milliseconds that an image may take, a start of the process included. */
  timeoutMs?: number;
  /** Default 60,000. Milliseconds without work after which the process ends. */
  idleMs?: number;
  /** Default 100. Images after which a process is replaced. */
  maxTasks?: number;
}

const heapMegabytes = 128;
const maxComplaint = 500;

/** These bytes cannot be converted, ever. */
export class Unconvertible extends Error {
  override readonly name = 'Unconvertible';
}

/** The process died or took too long; whose fault that is remains open. */
export class ConverterFailed extends Error {
  override readonly name = 'ConverterFailed';
}

interface Running {
  child: ChildProcess;
  /** How it ended, once it has. Never rejects. */
  ended: Promise<string>;
  tasks: number;
}

export class Converter {
  readonly #options: Required<ConverterOptions>;
  #running: Running | undefined;
  /** Settles when those that ran before have ended. */
  #ending: Promise<unknown> = Promise.resolve();
  #idle: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor({ script = besideThis('convert-main.js'), timeoutMs = 30_000, idleMs = 60_000, maxTasks = 100 }: ConverterOptions = {}) {
    this.#options = { script, timeoutMs, idleMs, maxTasks };
  }

  /** One task at a time. @throws Unconvertible, ConverterFailed */
  async convert(task: ConvertTask): Promise<void> {
    if (this.#stopped) throw new ConverterFailed('the converter was stopped');
    clearTimeout(this.#idle);
    const running = (this.#running ??= start(this.#options.script));
    running.tasks += 1;
    let isGood = false;
    try {
      await this.#ask(running, task);
      isGood = running.tasks < this.#options.maxTasks;
    } finally {
      if (isGood) this.#idle = setTimeout(() => void this.#end(), this.#options.idleMs);
      else await this.#end();
    }
  }

  /** Ends the process, and with it the task that it has. Idempotent, never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#end();
  }

  async #ask({ child, ended }: Running, task: ConvertTask): Promise<void> {
    const { timeoutMs } = this.#options;
    let late = '';
    const timer = setTimeout(() => {
      late = ` (no answer within ${timeoutMs} ms)`;
      child.kill('SIGKILL');
    }, timeoutMs);
    try {
      const answered = new Promise<unknown>((resolve) => child.once('message', resolve));
      // A process that cannot be reached ends, or is ended by the timer.
      child.send(task, () => undefined);
      const died = ended.then((how) => Promise.reject(new ConverterFailed(`the converter ${how}${late}`)));
      const answer = convertAnswer.safeParse(await Promise.race([answered, died]));
      if (!answer.success) throw new ConverterFailed('the converter gave no proper answer');
      if (answer.data.unconvertible !== undefined) throw new Unconvertible(answer.data.unconvertible);
    } finally {
      clearTimeout(timer);
    }
  }

  async #end(): Promise<void> {
    clearTimeout(this.#idle);
    this.#running?.child.kill('SIGKILL');
    if (this.#running) this.#ending = Promise.all([this.#ending, this.#running.ended]);
    this.#running = undefined;
    await this.#ending;
  }
}

function start(script: string): Running {
  const child = fork(script, [], {
    env: {},
    execArgv: [`--max-old-space-size=${heapMegabytes}`],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, maxComplaint);
  });
  const ended = new Promise<string>((resolve) => {
    child.once('close', (code, signal) => resolve(`ended with ${signal ?? `code ${code}`}${complaint && `: ${complaint}`}`));
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(`did not start: ${error.message}`);
    });
  });
  return { child, ended, tasks: 0 };
}

function besideThis(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
