/**
 * The gateways: real processes on fixed ports, each with wires of its own to Redis and to the broker, which can be paused, killed and started again.
 * Invariant: an address stays a gateway's own; `life` names the process that has it now.
 */
import { startProcess, type RunningProcess } from '../support/processes.js';
import { freePort, waitFor } from '../support/wait.js';
import type { Tier } from './history.js';
import { refusedFillsOf } from './gateway-metrics.js';
import type { Wire } from './wire.js';

export type Env = Readonly<Record<string, string>>;

export interface GatewayRecipe {
  name: string;
  /** The script that is run: `…/gateway/main.js`. */
  script: string;
  env: Env;
  /** Ended with the gateway. */
  wires: { redis: readonly Wire[]; sentinel: Wire; broker: Wire };
}

export async function startFleetGateway(recipe: GatewayRecipe): Promise<FleetGateway> {
  const gateway = new FleetGateway(recipe, await freePort());
  await gateway.start();
  return gateway;
}

export class FleetGateway {
  readonly name: string;
  readonly url: string;
  readonly wires: GatewayRecipe['wires'];
  /** Of answers that do not say where they come from. */
  readonly hotTier: Tier;
  readonly #recipe: GatewayRecipe;
  readonly #port: number;
  #process: RunningProcess | undefined;
  #lives = 0;
  /** Of earlier lives, and of this one when it was last asked. */
  #refusedBefore = 0;
  #refusedNow = 0;

  constructor(recipe: GatewayRecipe, port: number) {
    this.name = recipe.name;
    this.wires = recipe.wires;
    this.hotTier = recipe.env.CACHE_L1 === 'off' ? 'confirmed' : 'hot';
    this.url = `http://127.0.0.1:${port}`;
    this.#recipe = recipe;
    this.#port = port;
  }

  get life(): string {
    return `${this.name}.${this.#lives}`;
  }

  get refusedFills(): number {
    return this.#refusedBefore + this.#refusedNow;
  }

  /** Resolves once requests are answered. @throws Error with the last lines of the process. */
  async start(): Promise<void> {
    const { script, env } = this.#recipe;
    this.#lives += 1;
    this.#process = await startProcess({
      command: process.execPath,
      args: [script],
      env: { ...env, PORT: String(this.#port) },
      readyWhen: async () => (await fetch(`${this.url}/livez`, { signal: AbortSignal.timeout(1_000) })).ok,
    });
  }

  /** Resolves when cache and broker are connected. */
  async connected(): Promise<void> {
    const isConnected = async (): Promise<boolean> => {
      const response = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(1_000) });
      return !/unavailable|connecting/.test(await response.text());
    };
    await waitFor(isConnected, { what: `${this.name} to be connected` });
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.countRefusedFills();
    this.#process?.signal('SIGKILL');
    await this.#process?.exited;
    this.#refusedBefore += this.#refusedNow;
    this.#refusedNow = 0;
  }

  pause(): void {
    this.#process?.signal('SIGSTOP');
  }

  resume(): void {
    this.#process?.signal('SIGCONT');
  }

  async countRefusedFills(): Promise<void> {
    this.#refusedNow = (await refusedFillsOf(this.url)) ?? this.#refusedNow;
  }

  /** The last lines that the process has written. */
  logs(): string {
    return this.#process?.logs() ?? '';
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    await this.#process?.stop();
    await Promise.all([...this.wires.redis, this.wires.sentinel, this.wires.broker].map((wire) => wire.stop()));
  }
}
