/** `npm run start:gateway` */
import { connectBus } from '../messaging/connect-bus.js';
import { startWith } from '../runtime/lifecycle.js';
import { runProgram } from '../runtime/program.js';
import { createGateway } from './gateway.js';
import { connectStore } from './store.js';

await runProgram(
  {
    name: 'gateway',
    programs: ['gateway'],
    start: (settings, log) =>
      startWith(log, async (lifecycle) => {
        const cache = connectStore(settings, log);
        if (cache) lifecycle.own('Redis', () => cache.stop());
        const bus = connectBus(settings, log);
        if (bus) lifecycle.own('broker', () => bus.stop());
        const gateway = await createGateway({ settings, log, bus, store: cache });
        lifecycle.own('gateway', () => gateway.stop(), 9_000);
        return { stop: () => lifecycle.stop() };
      }),
  },
  process,
);
