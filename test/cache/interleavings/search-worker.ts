/** A worker thread that explores one scenario after the other, as it is told. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parentPort } from 'node:worker_threads';
import { explore, type Search, type Verdict } from './explorer.js';
import { scenarios } from './scenarios.js';
import { World, type Subject } from './world.js';

export interface Task extends Search {
  /** The folder of the product's modules, or of a mutant's. */
  subject: string;
  scenario: string;
}

/** A verdict that can be sent from thread to thread. */
export interface Result extends Omit<Verdict, 'violation'> {
  violation: { error: string; trace: readonly string[] } | undefined;
}

const subjects = new Map<string, Promise<Subject>>();

async function load(directory: string): Promise<Subject> {
  const module = <T>(file: string): Promise<T> => import(pathToFileURL(join(directory, file)).href);
  const { ReadThrough } = await module<Pick<Subject, 'ReadThrough'>>('read-through.js');
  const { MemoryStore } = await module<Pick<Subject, 'MemoryStore'>>('memory-store.js');
  const { TimeLease } = await module<Pick<Subject, 'TimeLease'>>('time-lease.js');
  return { ReadThrough, MemoryStore, TimeLease };
}

async function perform({ subject: directory, scenario: name, ...search }: Task): Promise<Result> {
  const loading = subjects.get(directory) ?? load(directory);
  subjects.set(directory, loading);
  const subject = await loading;
  const build = scenarios[name];
  if (!build) throw new Error(`there is no scenario "${name}"`);
  const { violation, ...verdict } = await explore((schedule) => build(new World(schedule, subject)), search);
  return { ...verdict, violation: violation && { error: describeError(violation.error), trace: violation.trace } };
}

function answer(result: Result): void {
  // oxlint-disable-next-line require-post-message-target-origin -- of threads, not of windows
  parentPort?.postMessage(result);
}

function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

// What `perform` rejects with ends the thread, and is reported to who waits for it.
parentPort?.on('message', (task: Task) => void perform(task).then(answer));
