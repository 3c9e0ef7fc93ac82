/** The providers of media that are configured. A line of the log says of each what it lacks. */
import type { MediaProvider } from '../media/import/provider.js';
import type { Logger } from '../runtime/logger.js';
import type { Settings } from '../runtime/settings.js';
import { createWebhook } from './whatsapp/webhook.js';
import { createWhatsAppProvider } from './whatsapp/whatsapp-provider.js';

export function createProviders(settings: Settings, log: Logger): readonly MediaProvider[] {
  const { META_ACCESS_TOKEN: accessToken, WA_APP_SECRET: appSecret, WA_VERIFY_TOKEN: verifyToken } = settings;
  if (accessToken === undefined) {
    log.info('WhatsApp is off: META_ACCESS_TOKEN is not set');
    return [];
  }
  if (appSecret === undefined || verifyToken === undefined) {
    log.info('WhatsApp tells of no messages: WA_APP_SECRET and WA_VERIFY_TOKEN are not both set');
    return [createWhatsAppProvider({ settings, accessToken, webhook: undefined })];
  }
  return [createWhatsAppProvider({ settings, accessToken, webhook: (inbox) => createWebhook({ appSecret, verifyToken, inbox, log }) })];
}
