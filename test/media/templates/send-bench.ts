/** The sending of template messages on real stores and a provider that the test scripts; its clock is the test's, one or several instances. */
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { createSqlHandleStore } from '../../../src/media/rows/sql-handle-store.js';
import { createSqlSendStore } from '../../../src/media/rows/sql-send-store.js';
import { GuardedFetch } from '../../../src/media/import/guarded-fetch.js';
import type { Counters } from '../../../src/media/rows/counters.js';
import type { Media } from '../../../src/media/rows/media-store.js';
import type { Send, SendStore } from '../../../src/media/templates/send-store.js';
import { TemplateRules } from '../../../src/media/templates/template-rules.js';
import { TemplateSender } from '../../../src/media/templates/template-sender.js';
import { Templates, type SendRequest } from '../../../src/media/templates/templates.js';
import { createSendErrors } from '../../../src/providers/whatsapp/send-errors.js';
import { createWhatsAppChannel } from '../../../src/providers/whatsapp/template-channel.js';
import { readSettings } from '../../../src/runtime/settings.js';
import { startFakeWhatsApp, type FakeWhatsApp } from '../../support/fake-whatsapp.js';
import { ImportBench } from '../import/import-bench.js';

export const dayMs = 86_400_000;

/** Of a type that the provider takes, with these bytes behind its head. */
export const someVideo = (): Buffer => Buffer.concat([Buffer.from('000000186674797069736f6d0000020069736f6d69736f32', 'hex'), randomBytes(64)]);

export interface Instance {
  readonly templates: Templates;
  readonly sender: TemplateSender;
}

export interface SendBenchOptions {
  env?: Record<string, string>;
  /** Default none. */
  rules?: TemplateRules;
  /** Default 10 s each. */
  timeouts?: { readonly sendMs: number; readonly uploadMs: number };
}

export class SendBench {
  readonly fake: FakeWhatsApp;
  readonly stores: ImportBench;
  readonly sends: SendStore;
  /** The whole log. */
  readonly log: string[] = [];
  readonly #options: Required<SendBenchOptions>;
  readonly #instances: Instance[] = [];
  #ahead = 0;

  private constructor(fake: FakeWhatsApp, stores: ImportBench, options: Required<SendBenchOptions>) {
    this.fake = fake;
    this.stores = stores;
    this.sends = createSqlSendStore(stores.database);
    this.#options = options;
  }

  static async start({ env = {}, rules, timeouts = { sendMs: 10_000, uploadMs: 10_000 } }: SendBenchOptions = {}): Promise<SendBench> {
    return new SendBench(await startFakeWhatsApp(), await ImportBench.start(), { env, timeouts, rules: rules ?? (await TemplateRules.read(undefined)) });
  }

  get counters(): Counters {
    return this.stores.counters;
  }

  /** Lets the clocks of the product and of the provider go on. */
  pass(ms: number): void {
    this.#ahead += ms;
    this.fake.ahead += ms;
  }

  /** An instance of the service, as far as it sends. */
  instance(): Instance {
    const { env, rules, timeouts } = this.#options;
    const { fake, stores } = this;
    const settings = readSettings({ ...fake.env, ...env }, ['media']);
    const now = (): number => Date.now() + this.#ahead;
    const errors = createSendErrors({ codes: settings.WA_MEDIA_REFRESH_CODES, patterns: settings.WA_MEDIA_REFRESH_PATTERNS });
    const channel = createWhatsAppChannel({ settings, accessToken: fake.token, phoneNumberId: fake.sending.phoneNumberId, errors, now });
    const sender = new TemplateSender({
      provider: 'whatsapp',
      channel,
      fetch: new GuardedFetch({ allowedHosts: [fake.host.host] }),
      sends: this.sends,
      handles: createSqlHandleStore(stores.database),
      blobs: stores.blobs,
      counters: stores.counters,
      log: pino({ level: 'debug' }, { write: (line: string) => void this.log.push(line) }),
      pollMs: 5,
      now,
      timeouts,
    });
    const instance = { sender, templates: new Templates({ rules, sends: this.sends, library: stores.library, senders: [sender] }) };
    this.#instances.push(instance);
    return instance;
  }

  /** A stored video. */
  store(bytes = someVideo(), fileName = 'welcome.mp4'): Promise<Media> {
    const owner = { modelType: 'Template', modelId: 'welcome', collectionName: 'headers' };
    return this.stores.library.upload({ ...owner, fileName, name: '', customProperties: '', idempotencyKey: '' }, { chunks: chunked(bytes), verify: () => undefined });
  }

  /** All attempts of a message. */
  attempts(sendId: string): Promise<Send[]> {
    return this.sends.attempts(sendId);
  }

  async close(): Promise<void> {
    await Promise.all(this.#instances.map(({ sender }) => sender.stop()));
    await this.stores.close();
    await this.fake.stop();
  }
}

export function request(fields: Partial<SendRequest> = {}): SendRequest {
  return { to: '+15550100001', template: 'welcome', language: 'en', parameters: ['Ann'], header: undefined, ...fields };
}

async function* chunked(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield bytes;
}
