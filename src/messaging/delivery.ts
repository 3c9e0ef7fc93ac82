/**
 * What a consumer makes of a message and of a missing queue, the same on every bus.
 * Invariant: a message counts as done only after its handler resolved or its dead letter is safe; until then it is kept and tried again.
 */
import { backoffMs, pause } from '../runtime/backoff.js';
import type { Logger } from '../runtime/logger.js';
import { UnreadableMessage, type IncomingMessage, type Subscription } from './message-bus.js';

export interface Receiver {
  handle: (message: IncomingMessage) => Promise<void>;
  /** Stores an unreadable message with its reason; rejects when that is not certain. Undefined: there is no place for it. */
  deadLetter: ((message: IncomingMessage, reason: string) => Promise<void>) | undefined;
  log: Logger;
}

const retryBackoff = { firstMs: 100, maxMs: 1_000 };
const maxReasonLength = 200;

/** Handles a message until that succeeds: true when it is done with, false when `ended` aborted before. Never rejects. */
export function deliver(message: IncomingMessage, receiver: Receiver, ended: AbortSignal): Promise<boolean> {
  return retry(() => handleOrDeadLetter(message, receiver), { what: 'handling a message', about: nameOf(message), log: receiver.log, ended });
}

/** Calls `onMissing` until that succeeds: true when it has, or there is none; false when `ended` aborted before. Never rejects. */
export function tellMissing(subscription: Subscription, { log, ended }: { log: Logger; ended: AbortSignal }): Promise<boolean> {
  return retry(async () => subscription.onMissing?.(), { what: 'acting on a missing queue', about: {}, log, ended });
}

type MessageName = Pick<IncomingMessage, 'routingKey' | 'messageId'>;

interface Retry {
  what: string;
  /** For each line of the log. A logger of its own per message would cost more than most handlers. */
  about: Partial<MessageName>;
  log: Logger;
  ended: AbortSignal;
}

async function retry(work: () => Promise<void>, { what, about, log, ended }: Retry): Promise<boolean> {
  for (let attempt = 1; !ended.aborted; attempt += 1) {
    try {
      await work();
      if (attempt > 1) log.info({ ...about, attempt }, `${what} succeeded after all`);
      return true;
    } catch (error) {
      // One line for all tries: the further ones say the same.
      log[attempt === 1 ? 'warn' : 'debug']({ ...about, err: error, attempt }, `${what} failed, it is tried again`);
    }
    await pause(backoffMs(attempt, retryBackoff), ended);
  }
  return false;
}

async function handleOrDeadLetter(message: IncomingMessage, { handle, deadLetter, log }: Receiver): Promise<void> {
  try {
    await handle(message);
  } catch (error) {
    if (!(error instanceof UnreadableMessage)) throw error;
    const reason = oneLine(error.message);
    await deadLetter?.(message, reason);
    log.warn({ ...nameOf(message), reason }, deadLetter ? 'cannot read a message, it is dead-lettered' : 'cannot read a message, it is dropped');
  }
}

function nameOf({ routingKey, messageId }: MessageName): MessageName {
  return { routingKey, messageId };
}

/** A reason often quotes the message: it is cut, and it cannot forge a line of a log. */
function oneLine(text: string): string {
  return text.replace(/[\s\p{C}]+/gu, ' ').trim().slice(0, maxReasonLength);
}
