/** The verbs of messages, without any transport. */
import { AppError } from '../../contract/errors.js';
import { checkIdentifier } from '../../contract/identifier.js';
import { maxBatchSize } from '../../contract/services.js';
import type { Imported, MessageImports } from './message-imports.js';
import type { Message, MessagePage, MessageQuery, MessageStore } from './message-store.js';

export interface MessagesOptions {
  messages: Pick<MessageStore, 'find' | 'list' | 'retry'>;
  /** By the name of the provider. */
  imports: ReadonlyMap<string, Pick<MessageImports, 'importNow' | 'wake'>>;
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
   * Resolves with the message as it is then; undefined when there is none.
   */
  async importNow(id: string, options: { live: boolean }): Promise<Imported> {
    const [message] = await this.#options.messages.find([id]);
    // Of a provider that is not configured any more, what is stored is all there is.
    const imports = message && this.#options.imports.get(message.provider);
    return imports ? imports.importNow(message, options) : { message, live: undefined };
  }

  /** Has its media imported again, as if never tried; one that is there stays. Idempotent. @throws AppError NOT_FOUND, BAD_USER_INPUT when it has none to be had. */
  async retry(id: string): Promise<Message> {
    const { messages, imports } = this.#options;
    const isDue = await messages.retry(checkIdentifier('id', id), new Date());
    const [message] = await messages.find([id]);
    if (!message) throw new AppError('NOT_FOUND', 'There is no such message.');
    if (message.providerMediaId === undefined) throw new AppError('BAD_USER_INPUT', 'The message names no media that could be imported.');
    if (isDue) imports.get(message.provider)?.wake();
    return message;
  }
}
