/** What a fake Graph API answers in place of what it was asked for. */
import { status, type Play } from './media-host.js';

/** As the Graph API words a refusal. */
export function refusal(httpStatus: number, code: number, { subcode, message = 'refused' }: { subcode?: number; message?: string } = {}): Play {
  const error = { message, type: 'OAuthException', code, ...(subcode !== undefined && { error_subcode: subcode }), fbtrace_id: 'A0' };
  return status(httpStatus, { 'content-type': 'application/json' }, JSON.stringify({ error }));
}

/** Of a gateway before it. */
export const page = '<!doctype html><html><body>Sorry, something went wrong.</body></html>';
