/** What every process of the benchmark needs: its settings, a free port, a line that says it is ready, and an end. */
import type { Server } from 'node:http';

/** @throws Error naming a setting that is missing. */
export function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

/** Listens on a free port of 127.0.0.1, and resolves with the URL. */
export function listen(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`);
    });
  });
}

/** Tells who has started this process where it can be reached. From now on SIGTERM ends it in order, so that a profile is written. */
export function announce(addresses: Readonly<Record<string, string>>): void {
  process.once('SIGTERM', () => process.exit());
  process.stdout.write(`${JSON.stringify(addresses)}\n`);
}
