/** The cores and the processes of this machine: who runs where, and what it has cost (Linux; elsewhere nothing is pinned and nothing is known). */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** The gateway has a core for itself; everything else shares the others. */
const gatewayCore = 0;
const cores = cpus().length;
const otherCores = cores > 2 ? `1-${cores - 1}` : '1';

const ticksPerSecond = 100;

export class Machine {
  /** Whether gateway and load have cores of their own. */
  readonly pinned: boolean;

  private constructor(pinned: boolean) {
    this.pinned = pinned;
  }

  /** Keeps this process, and all that it will start, off the gateway's core. */
  static prepare(): Machine {
    if (cores < 2) return new Machine(false);
    try {
      execFileSync('taskset', ['-acp', otherCores, String(process.pid)], { stdio: 'pipe' });
      return new Machine(true);
    } catch {
      return new Machine(false);
    }
  }

  /** A command that runs node on the gateway's core, or on all of them. */
  gatewayCommand(onAllCores: boolean): { command: string; args: string[] } {
    const list = onAllCores ? `0-${cores - 1}` : String(gatewayCore);
    return this.pinned ? { command: 'taskset', args: ['-c', list, process.execPath] } : { command: process.execPath, args: [] };
  }

  /** Seconds that the gateway's core has worked so far, for whomever; NaN where nothing is pinned. */
  coreSeconds(): number {
    if (!this.pinned) return Number.NaN;
    const fields = new RegExp(`^cpu${gatewayCore} +(.*)$`, 'm').exec(readFileSync('/proc/stat', 'utf8'))?.[1]?.split(' ').map(Number) ?? [];
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = fields;
    return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
  }

  describe(): string {
    const where = this.pinned ? `gateway on core ${gatewayCore}, all else on ${otherCores}` : 'nothing pinned';
    return `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cores} cores, ${where}, Node ${process.version}`;
  }
}

/** Seconds of processor time that the process and its workers have used so far, all threads together; NaN where /proc does not say. */
export function cpuSeconds(pid: number): number {
  let seconds = cpuSecondsOf(pid);
  for (const worker of childrenOf(pid)) seconds += cpuSecondsOf(worker);
  return seconds;
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function cpuSecondsOf(pid: number): number {
  try {
    // The name, in parentheses, may have spaces: count from its end.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return Number.NaN;
  }
}
