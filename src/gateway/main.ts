/** `npm run start:gateway` */
import cluster from 'node:cluster';
import { connectBus } from '../messaging/connect-bus.js';
import { startWith } from '../runtime/lifecycle.js';
import type { Logger } from '../runtime/logger.js';
import { runProgram, type Running } from '../runtime/program.js';
import type { Settings } from '../runtime/settings.js';
import { WorkerLink } from '../runtime/workers/worker-link.js';
import { Workers } from '../runtime/workers/workers.js';
import { createGateway, logReady } from './gateway.js';
import { connectStore } from './store.js';

const { worker } = cluster;

await runProgram(
  {
    name: 'gateway',
    programs: ['gateway'],
    logFields: worker && { worker: worker.id },
    start: (settings, log) => {
      const ready = (url: string): void => logReady(url, settings, log);
      if (settings.WORKERS === 1) return startGateway(settings, log, { ready });
      if (!worker) return Workers.start({ count: settings.WORKERS, port: settings.PORT, ready, log });
      const link = new WorkerLink(worker, () => {
        log.error('the first process is gone, this one ends, too');
        process.kill(process.pid, 'SIGTERM');
      });
      return startGateway(settings, log, { link, ready: (url) => link.ready(url) });
    },
  },
  process,
);

function startGateway(settings: Settings, log: Logger, { link, ready }: { link?: WorkerLink; ready: (url: string) => void }): Promise<Running> {
  return startWith(log, async (lifecycle) => {
    const cache = connectStore(settings, log);
    if (cache) lifecycle.own('Redis', () => cache.stop());
    const bus = await connectBus(settings, log);
    if (bus) lifecycle.own('broker', () => bus.stop());
    const gateway = await createGateway({ settings, log, bus, store: cache, link });
    lifecycle.own('gateway', () => gateway.stop(), 9_000);
    ready(gateway.url);
    return { stop: () => lifecycle.stop() };
  });
}
