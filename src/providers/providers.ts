/** The providers of media that are configured. A line of the log says of each what it lacks. */
import type { MediaProvider } from '../media/import/provider.js';
import type { Logger } from '../runtime/logger.js';
import type { Settings } from '../runtime/settings.js';
import { createSendErrors } from './whatsapp/send-errors.js';
import { createWhatsAppChannel } from './whatsapp/template-channel.js';
import { createWebhook } from './whatsapp/webhook.js';
import { createWhatsAppProvider } from './whatsapp/whatsapp-provider.js';

export function createProviders(settings: Settings, log: Logger): readonly MediaProvider[] {
  const { META_ACCESS_TOKEN: accessToken, META_PHONE_NUMBER_ID: phoneNumberId, WA_APP_SECRET: appSecret, WA_VERIFY_TOKEN: verifyToken } = settings;
  if (accessToken === undefined) {
    log.info('WhatsApp is off: META_ACCESS_TOKEN is not set');
    return [];
  }
  const errors = createSendErrors({ codes: settings.WA_MEDIA_REFRESH_CODES, patterns: settings.WA_MEDIA_REFRESH_PATTERNS });
  const isTold = appSecret !== undefined && verifyToken !== undefined;
  if (!isTold) log.info('WhatsApp tells of no messages: WA_APP_SECRET and WA_VERIFY_TOKEN are not both set');
  if (phoneNumberId === undefined) log.info('WhatsApp sends no messages: META_PHONE_NUMBER_ID is not set');
  const webhook: MediaProvider['webhook'] = isTold ? (inbox) => createWebhook({ appSecret, verifyToken, inbox, errors, log }) : undefined;
  const templates = phoneNumberId === undefined ? undefined : createWhatsAppChannel({ settings, accessToken, phoneNumberId, errors });
  return [createWhatsAppProvider({ settings, accessToken, webhook, templates })];
}
