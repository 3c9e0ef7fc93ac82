/** `npm start`: gateway, media service and user service in one process, on embedded defaults. The only file that knows all programs. */
import type { CacheStore } from './cache/cache-store.js';
import { MemoryStore } from './cache/memory-store.js';
import { createGateway, logReady } from './gateway/gateway.js';
import { connectStore } from './gateway/store.js';
import { createMediaService } from './media/media-service.js';
import { connectBus } from './messaging/connect-bus.js';
import { createMemoryBus } from './messaging/memory-bus.js';
import { startWith, type Lifecycle } from './runtime/lifecycle.js';
import type { Logger } from './runtime/logger.js';
import { createProviders } from './providers/providers.js';
import { runProgram, type Running } from './runtime/program.js';
import { SettingsError, type Settings } from './runtime/settings.js';
import { createUsersService } from './users/users-service.js';

await runProgram(
  {
    name: 'media-gateway',
    programs: ['gateway', 'media', 'users'],
    // The programs talk gRPC over loopback; on which ports matters to no one else.
    defaults: { MEDIA_GRPC_ADDR: '127.0.0.1:0', USER_GRPC_ADDR: '127.0.0.1:0' },
    start: (settings, log) => startWith(log, (lifecycle) => startAll(settings, log, lifecycle)),
  },
  process,
);

async function startAll(settings: Settings, log: Logger, lifecycle: Lifecycle): Promise<Running> {
  if (settings.WORKERS > 1) throw new SettingsError('WORKERS must be 1 here, where everything is one process: start the programs apart to have more.');
  const store = openStore(settings, log, lifecycle);
  const bus = (await connectBus(settings, log)) ?? createMemoryBus({ log });
  lifecycle.own('broker', () => bus.stop());

  const users = await createUsersService(settings, log);
  lifecycle.own('user service', () => users.stop());
  let gatewayUrl = '';
  const providers = createProviders(settings, log);
  const media = await createMediaService({ settings, log, bus, publicUrl: () => settings.MEDIA_PUBLIC_URL ?? gatewayUrl, providers });
  lifecycle.own('media service', () => media.stop(), 8_000);
  const targets = { MEDIA_SERVICE_ADDR: media.grpcAddress, USER_SERVICE_ADDR: users.grpcAddress };
  const gateway = await createGateway({ settings: { ...settings, ...targets }, log, store, bus, extraRoutes: media.routes, extraMetrics: [media.registry] });
  lifecycle.own('gateway', () => gateway.stop(), 9_000);
  gatewayUrl = gateway.url;
  logReady(gateway.url, settings, log);

  process.stdout.write(`Ready: GraphQL at ${gateway.url}/graphql, files at ${gateway.url}/files/, data in ${settings.DATA_DIR}\n`);
  return { stop: () => lifecycle.stop() };
}

function openStore(settings: Settings, log: Logger, lifecycle: Lifecycle): CacheStore {
  const connected = connectStore(settings, log);
  if (!connected) return new MemoryStore({ leaseMs: settings.CACHE_LEASE_MS, staleMs: settings.CACHE_STALE_IF_ERROR_SECONDS * 1_000 });
  lifecycle.own('Redis', () => connected.stop());
  return connected;
}
