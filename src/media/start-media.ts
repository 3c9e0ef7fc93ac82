/** The media service as a program of its own: on a bus, with its HTTP server. */
import { connectBus } from '../messaging/connect-bus.js';
import { startWith } from '../runtime/lifecycle.js';
import type { Logger } from '../runtime/logger.js';
import type { Running } from '../runtime/program.js';
import type { Settings } from '../runtime/settings.js';
import { startMediaHttp } from './http/http-server.js';
import type { MediaProvider } from './import/provider.js';
import { createMediaService } from './media-service.js';

const serviceStopMs = 8_500;

/** Resolves once it answers. @throws SettingsError, and Error when a part cannot be started; nothing is left running then. */
export function startMedia(settings: Settings, log: Logger, providers: readonly MediaProvider[]): Promise<Running> {
  return startWith(log, async (lifecycle) => {
    const bus = await connectBus(settings, log);
    if (bus) lifecycle.own('event bus', () => bus.stop());

    let publicUrl = settings.MEDIA_PUBLIC_URL;
    const service = await createMediaService({ settings, log, bus, publicUrl: () => publicUrl ?? '', providers });
    lifecycle.own('media service', () => service.stop(), serviceStopMs);

    const http = await startMediaHttp({ address: settings.MEDIA_HTTP_ADDR, routes: service.routes, registry: service.registry, parts: () => service.parts(), log });
    lifecycle.own('HTTP server', () => http.stop());
    publicUrl ??= http.url;

    log.info({ grpc: service.grpcAddress, http: http.url, publicUrl }, 'media service is ready');
    return { stop: () => lifecycle.stop() };
  });
}
