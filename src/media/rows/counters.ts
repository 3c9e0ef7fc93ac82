/**
 * The contract of the counters: what was done, by all instances together, since the tables were made.
 * Implementation: sql-counters.ts; one conformance suite runs on both databases.
 */
import type { Logger } from '../../runtime/logger.js';

/** Codes of the errors of providers that are counted apart: what is to be seen of a provider that goes wrong. All others are counted together. */
export const countedErrorCodes = [
  0, 1, 2, 3, 4, 10, 100, 190, 368, 80_007, 130_429, 131_000, 131_005, 131_009, 131_016, 131_026, 131_031, 131_047, 131_048, 131_052, 131_053, 131_056,
] as const;

export const errorCounterPrefix = 'provider_error_';

export type ErrorCounterName = `${typeof errorCounterPrefix}${(typeof countedErrorCodes)[number] | 'other'}`;

const errorCounterNames: readonly ErrorCounterName[] = [...countedErrorCodes.map((code) => `${errorCounterPrefix}${code}` as const), 'provider_error_other'];

/** Under which an error of a provider is counted. */
export function errorCounter(code: number): ErrorCounterName {
  return errorCounterNames.find((name) => name === `${errorCounterPrefix}${code}`) ?? 'provider_error_other';
}

/** Every counter there is; each counts operations unless it says otherwise. */
export const counterNames = [
  /** Imports that were asked for. */
  'total_requests',
  /** Of them, those that a stored copy answered. */
  'cache_hits',
  /** Calls to the outside, each try counted. */
  'api_calls',
  /** Imports that failed. */
  'failed_calls',
  /** Imports of what the provider does not have any more by its age; no call was made. */
  'expired_media',
  /** Imports that the negative cache answered; no call was made. */
  'negative_hits',
  'uploads',
  'deletions',
  'conversions',
  'failed_conversions',
  /** Blobs found damaged. */
  'damaged_blobs',
  'healed_blobs',
  /** Blobs that cleanups removed, and their bytes. */
  'removed_blobs',
  'removed_bytes',
  /** Messages that providers have told of, each once. */
  'messages',
  /** Of them, those of a media type that named no media. */
  'extraction_failures',
  /** Media of messages that are there, that their provider does not have any more, and that were given up. */
  'message_media_ready',
  'message_media_expired',
  'message_media_failed',
  /** Requests for the bytes of a message's media: answered from the store, by an import that somebody waited for, and without the bytes. */
  'message_media_hits',
  'message_media_misses',
  'message_media_refusals',
  /** How often a provider was left alone for a while. */
  'provider_pauses',
  /** Template messages that were to be sent. */
  'template_sends',
  /** Of them, those that were to be sent once more, with a fresh handle. */
  'template_retries',
  /** Attempts that the provider has taken, that have failed, at once or by a status later, and of which neither is known. */
  'template_accepted',
  'template_failed',
  'template_unknown',
  /** Media that were uploaded to a provider for a handle, and those of which that failed. */
  'handle_refreshes',
  'handle_refresh_failures',
  /** Errors that providers have answered or told of, by their code. */
  ...errorCounterNames,
] as const;

export type CounterName = (typeof counterNames)[number];
export type Amounts = Partial<Record<CounterName, number>>;

export interface Counters {
  /** Adds to several at once: all of them or none. */
  add(amounts: Amounts): Promise<void>;
  /** 0 for those that never counted. */
  read(): Promise<Record<CounterName, number>>;
}

/** Counts what was done. A count that is lost is no reason to do it again: never rejects. */
export async function count(counters: Pick<Counters, 'add'>, amounts: Amounts, log: Logger): Promise<void> {
  await counters.add(amounts).catch((error: unknown) => log.debug({ err: error }, 'what was done could not be counted'));
}
