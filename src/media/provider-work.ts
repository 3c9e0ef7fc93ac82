/**
 * Sets the providers to work: the imports of the messages they tell of, the messages that are sent by them, and the routes by which they call.
 * Invariant: what is started is owned by the caller's lifecycle; what they tell is refused before it is lost.
 */
import type { FastifyPluginAsync } from 'fastify';
import type { Lifecycle } from '../runtime/lifecycle.js';
import type { Logger } from '../runtime/logger.js';
import { usable, type Settings } from '../runtime/settings.js';
import { fetchFor } from './import/guarded-fetch.js';
import type { MediaProvider, ProviderInbox } from './import/provider.js';
import type { MediaCore } from './media-core.js';
import { MessageImports } from './messages/message-imports.js';
import { Messages } from './messages/messages.js';
import type { SendStore } from './templates/send-store.js';
import { TemplateRules } from './templates/template-rules.js';
import { TemplateSender } from './templates/template-sender.js';
import { Templates } from './templates/templates.js';
import { Schedule } from './upkeep/schedule.js';

export interface ProviderWorkOptions {
  core: MediaCore;
  providers: readonly MediaProvider[];
  settings: Settings;
  lifecycle: Lifecycle;
  log: Logger;
}

export interface ProviderWork {
  messages: Messages;
  templates: Templates;
  webhooks: readonly FastifyPluginAsync[];
}

/** A provider, with what works for it here. */
interface Desk {
  readonly provider: MediaProvider;
  readonly imports: MessageImports;
  readonly sender: TemplateSender | undefined;
}

/** Sundays at midnight: handles that end within a week are refreshed once before they do. */
const weekly = { weekday: 0, hour: 0, minute: 0 };
const senderStopMs = 3_500;

/** @throws SettingsError when the rules of templates cannot be used. */
export async function startProviderWork({ core, providers, settings, lifecycle, log }: ProviderWorkOptions): Promise<ProviderWork> {
  const rules = await usable('MESSAGE_TEMPLATES', TemplateRules.read(settings.MESSAGE_TEMPLATES));
  const desks = providers.map((provider): Desk => {
    const { name, namedHosts, templates: channel } = provider;
    const imports = new MessageImports({ ...core, provider: name, log, concurrency: settings.MEDIA_IMPORT_CONCURRENCY });
    // What is being downloaded is ended with the importer, which nobody else uses any more by then.
    lifecycle.own('imports of messages', async () => void (await Promise.all([imports.stop(), core.importer.stop()])));
    const sender = channel && new TemplateSender({ ...core, provider: name, fetch: fetchFor(settings, namedHosts), channel, log });
    if (sender) lifecycle.own('template messages', () => sender.stop(), senderStopMs);
    return { provider, imports, sender };
  });
  const templates = new Templates({ rules, sends: core.sends, library: core.library, senders: desks.flatMap(({ sender }) => sender ?? []) });
  const check = new Schedule({ name: 'check of handles', at: weekly, task: (signal) => templates.checkHandles(signal), log });
  lifecycle.own('check of handles', () => check.stop());
  return {
    messages: new Messages({ messages: core.messages, providers: new Map(desks.map(({ provider: { name, mediaIdIn }, imports }) => [name, { imports, mediaIdIn }])) }),
    templates,
    webhooks: desks.flatMap((desk) => desk.provider.webhook?.(inboxOf(desk, core.sends)) ?? []),
  };
}

function inboxOf({ provider, imports, sender }: Desk, sends: SendStore): ProviderInbox {
  return {
    add: (messages) => imports.add(messages),
    report: async (updates) => {
      // Of messages that other instances send: they make the resends.
      await (sender ? sender.report(updates) : sends.report(provider.name, updates, new Date()));
    },
  };
}
