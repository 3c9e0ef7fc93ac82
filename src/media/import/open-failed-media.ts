/** Which negative cache the settings mean. */
import type { Logger } from '../../runtime/logger.js';
import type { Settings } from '../../runtime/settings.js';
import { createMemoryFailedMedia, type FailedMedia } from './failed-media.js';

/** In Redis where there is one, for all instances together; else in this process. Redis is not waited for; who calls it stops it. */
export async function openFailedMedia(settings: Pick<Settings, 'REDIS_ADDR' | 'REDIS_COMMAND_TIMEOUT_MS'>, log: Logger): Promise<FailedMedia> {
  const { REDIS_ADDR: address, REDIS_COMMAND_TIMEOUT_MS: timeoutMs } = settings;
  if (address && address.kind !== 'cluster') {
    // Loaded by those who use it only.
    const { createRedisFailedMedia } = await import('./redis-failed-media.js');
    return createRedisFailedMedia({ address, timeoutMs, log });
  }
  if (address) log.warn('failed media are remembered in this process only: a Redis cluster is not used for them');
  return createMemoryFailedMedia();
}
