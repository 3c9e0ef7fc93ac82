/**
 * What the Graph API says when it refuses. It is told apart by code and details: the HTTP status is the same for most of it.
 * Source: the provider's error reference; what a dead id is answered with was measured.
 */
import { z } from 'zod';

export const graphErrorKinds = [
  /** The id names no media any more, or never did. */
  'dead-id',
  /** The media itself cannot be used or had: too large, of the wrong type, gone from the link. */
  'media',
  /** The token is not valid, or may not do this. */
  'unauthorised',
  /** Too many calls. */
  'throttled',
  /** Forbidden by a rule of the provider, or by the receiver: the same again is answered the same. */
  'rejected',
  /** It may pass. Of what was sent it is not known whether it was accepted. */
  'transient',
  'unknown',
] as const;

export type GraphErrorKind = (typeof graphErrorKinds)[number];

export interface GraphError {
  readonly kind: GraphErrorKind;
  /** Undefined: the answer was none of the Graph API's. */
  readonly code: number | undefined;
  /** For the log and for patterns; may be empty. Never for a client. */
  readonly details: string;
}

const kindOfCode: Readonly<Record<number, GraphErrorKind>> = {
  0: 'unauthorised',
  1: 'transient',
  2: 'transient',
  3: 'unauthorised',
  4: 'throttled',
  10: 'unauthorised',
  190: 'unauthorised',
  368: 'rejected',
  80_007: 'throttled',
  130_429: 'throttled',
  131_000: 'transient',
  131_005: 'unauthorised',
  131_016: 'transient',
  131_026: 'rejected',
  131_031: 'rejected',
  131_047: 'rejected',
  131_048: 'rejected',
  131_052: 'media',
  131_053: 'media',
  131_056: 'throttled',
};

/** Codes with many meanings, of which the details, or the subcode, say that the id is dead. */
const ambiguousCodes: ReadonlySet<number> = new Set([100, 131_009]);
const deadSubcode = 33;
const deadDetails = /media attachment id|does not exist|expired/i;

/** As it stands in answers, and in the `errors` of webhooks. */
export const graphError = z
  .object({
    // What is larger is none of theirs, and fits into nothing that keeps it.
    code: z.int32(),
    error_subcode: z.number().optional(),
    title: z.string().default(''),
    message: z.string().default(''),
    error_data: z.object({ details: z.string().default('') }).optional(),
  })
  .transform(({ code, error_subcode: subcode, title, message, error_data: data }): GraphError => {
    const details = [title, message, data?.details].filter(Boolean).join(': ');
    const isPermission = code >= 200 && code <= 299;
    const isDead = ambiguousCodes.has(code) && (subcode === deadSubcode || deadDetails.test(details));
    return { kind: isDead ? 'dead-id' : (kindOfCode[code] ?? (isPermission ? 'unauthorised' : 'unknown')), code, details };
  });

const refusal = z.object({ error: graphError });

/** Of an answer that is no success. */
export function readGraphError(status: number, body: unknown): GraphError {
  const { error } = refusal.safeParse(body).data ?? {};
  // What the code does not say, the status may: a gateway before the API answers without a code.
  if (error && error.kind !== 'unknown') return error;
  return { kind: kindOfStatus(status), code: error?.code, details: error?.details ?? '' };
}

function kindOfStatus(status: number): GraphErrorKind {
  if (status === 404 || status === 410) return 'dead-id';
  if (status === 401 || status === 403) return 'unauthorised';
  if (status === 429) return 'throttled';
  // What is neither a success nor an error says nothing.
  return status < 400 || status === 408 || status >= 500 ? 'transient' : 'unknown';
}
