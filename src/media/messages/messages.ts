/** The verbs of messages, without any transport. */
import { AppError } from '../../contract/errors.js';
import { checkIdentifier, identifier } from '../../contract/identifier.js';
import { maxBatchSize } from '../../contract/services.js';
import type { MediaProvider } from '../import/provider.js';
import type { Imported, MessageImports } from './message-imports.js';
import type { Message, MessagePage, MessageQuery, MessageStore } from './message-store.js';

export interface MessagesOptions {
  messages: Pick<MessageStore, 'find' | 'list' | 'retry' | 'identify'>;
  /** By its name. */
  providers: ReadonlyMap<string, MessageProvider>;
}

/** What is there of a provider that is configured. */
export interface MessageProvider {
  readonly imports: Pick<MessageImports, 'importNow' | 'wake'>;
  readonly mediaIdIn: MediaProvider['mediaIdIn'];
}

export class Messages {
  readonly #options: MessagesOptions;

  constructor(options: MessagesOptions) {
    this.#options = options;
  }

  /** In the order of `ids`; undefined where there is none. */
  find(ids: readonly string[]): Promise<(Message | undefined)[]> {
    return this.#options.messages.find(ids);
  }

  /** The latest first. @throws AppError BAD_USER_INPUT */
  async list(query: MessageQuery): Promise<MessagePage> {
    if (query.first < 1 || query.first > maxBatchSize) throw new AppError('BAD_USER_INPUT', `first must be from 1 to ${maxBatchSize}.`);
    if (query.from !== '') checkIdentifier('from', query.from);
    return this.#options.messages.list(query);
  }

  /**
   * Has its media imported now, where that is open; waits for that as long as a client does, or, with `live`, until the bytes arrive here.
   * Resolves with the message as it is then; undefined when there is none. `wasReady`: nothing had to be imported.
   */
  async importNow(id: string, options: { live: boolean }): Promise<Imported & { readonly wasReady: boolean }> {
    const message = await this.#identified(id);
    // Of a provider that is not configured any more, what is stored is all there is.
    const provider = message && this.#options.providers.get(message.provider);
    const imported = provider ? await provider.imports.importNow(message, options) : { message, live: undefined };
    return { ...imported, wasReady: message?.state === 'READY' };
  }

  /** Has its media imported again, as if never tried; one that is there stays. Idempotent. @throws AppError NOT_FOUND, BAD_USER_INPUT when it has none to be had. */
  async retry(id: string): Promise<Message> {
    const { messages, providers } = this.#options;
    await this.#identified(checkIdentifier('id', id));
    const isDue = await messages.retry(id, new Date());
    const [message] = await messages.find([id]);
    if (!message) throw new AppError('NOT_FOUND', 'There is no such message.');
    if (message.providerMediaId === undefined) throw new AppError('BAD_USER_INPUT', 'The message names no media that could be imported.');
    if (isDue) providers.get(message.provider)?.imports.wake();
    return message;
  }

  /** The message; one that was stored without the id of its media with that, where it says it elsewhere. Undefined when there is none. */
  async #identified(id: string): Promise<Message | undefined> {
    const { messages, providers } = this.#options;
    const [message] = await messages.find([id]);
    if (!message || message.state === 'NONE' || message.providerMediaId !== undefined) return message;
    const mediaId = idInUrl(message.mediaUrl) ?? providers.get(message.provider)?.mediaIdIn?.(message.rawPayload);
    if (mediaId === undefined) return message;
    await messages.identify(id, mediaId, new Date());
    return (await messages.find([id]))[0];
  }
}

/** Some keep the id where a URL should be. */
function idInUrl(url: string | undefined): string | undefined {
  const { data } = identifier.safeParse(url?.trim());
  return data !== undefined && !/^https?:/i.test(data) ? data : undefined;
}
