/** `npm run start:media` */
import { connectBus } from '../messaging/connect-bus.js';
import { startWith } from '../runtime/lifecycle.js';
import type { Logger } from '../runtime/logger.js';
import { runProgram, type Running } from '../runtime/program.js';
import type { Settings } from '../runtime/settings.js';
import { startMediaHttp } from './http/http-server.js';
import { createProviders } from '../providers/providers.js';
import { createMediaService } from './media-service.js';

const serviceStopMs = 8_500;

function start(settings: Settings, log: Logger): Promise<Running> {
  return startWith(log, async (lifecycle) => {
    const bus = connectBus(settings, log);
    if (bus) lifecycle.own('event bus', () => bus.stop());

    let publicUrl = settings.MEDIA_PUBLIC_URL;
    const service = await createMediaService({ settings, log, bus, publicUrl: () => publicUrl ?? '', providers: createProviders(settings, log) });
    lifecycle.own('media service', () => service.stop(), serviceStopMs);

    const http = await startMediaHttp({ address: settings.MEDIA_HTTP_ADDR, routes: service.routes, registry: service.registry, parts: () => service.parts(), log });
    lifecycle.own('HTTP server', () => http.stop());
    publicUrl ??= http.url;

    log.info({ grpc: service.grpcAddress, http: http.url, publicUrl }, 'media service is ready');
    return { stop: () => lifecycle.stop() };
  });
}

await runProgram({ name: 'media-service', programs: ['media'], start }, process);
