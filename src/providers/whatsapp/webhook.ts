/**
 * The webhook of WhatsApp: the handshake, messages as they arrive, and how those fare that were sent.
 * Invariant: nothing of a delivery is looked at before its signature was verified over the bytes that came; it is answered with 200 only
 * once all that it tells is stored, and delivered again by the provider after any other answer.
 */
import { createHmac } from 'node:crypto';
import type { FastifyError, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ProviderInbox } from '../../media/import/provider.js';
import { parseJson } from '../../runtime/parse-json.js';
import type { Logger } from '../../runtime/logger.js';
import { isSameSecret } from '../../runtime/same-secret.js';
import type { SendErrors } from './send-errors.js';
import { readWebhookBody } from './webhook-body.js';

export interface WebhookOptions {
  /** WA_APP_SECRET: signs deliveries. */
  appSecret: string;
  /** WA_VERIFY_TOKEN: what the provider says in the handshake. */
  verifyToken: string;
  inbox: ProviderInbox;
  errors: SendErrors;
  log: Logger;
}

const path = '/webhooks/whatsapp';
/** The provider sends up to 3 MB. */
const maxBodyBytes = 4_194_304;

const handshake = z.object({ 'hub.mode': z.literal('subscribe'), 'hub.verify_token': z.string(), 'hub.challenge': z.string().max(1_024) });

/** GET and POST `/webhooks/whatsapp`; errors as JSON `{code, message}`. */
export function createWebhook(options: WebhookOptions): FastifyPluginAsync {
  const { log } = options;
  return async (server) => {
    await server.register(async (hooks) => {
      hooks.setErrorHandler((error: FastifyError, _request, reply) => refuse(error, reply, log));
      // The signature is of the bytes, whatever their type says.
      hooks.removeAllContentTypeParsers();
      hooks.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: maxBodyBytes }, (_request, body, done) => done(null, body));
      hooks.get(path, (request, reply) => answerHandshake(request, reply, options));
      hooks.post(path, { bodyLimit: maxBodyBytes }, (request, reply) => receive(request, reply, options));
    });
  };
}

function answerHandshake({ query }: FastifyRequest, reply: FastifyReply, { verifyToken }: WebhookOptions): FastifyReply {
  const { data } = handshake.safeParse(query);
  if (!data || !isSameSecret(data['hub.verify_token'], verifyToken)) return answer(reply, 403, 'FORBIDDEN', 'This is not the verify token.');
  return reply.type('text/plain; charset=utf-8').header('x-content-type-options', 'nosniff').send(data['hub.challenge']);
}

async function receive({ headers, body }: FastifyRequest, reply: FastifyReply, { appSecret, inbox, errors, log }: WebhookOptions): Promise<FastifyReply> {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  const signature = headers['x-hub-signature-256'];
  const expected = `sha256=${createHmac('sha256', appSecret).update(bytes).digest('hex')}`;
  if (typeof signature !== 'string' || !isSameSecret(signature, expected)) return answer(reply, 401, 'UNAUTHENTICATED', 'X-Hub-Signature-256 must be the signature of the body.');
  const read = readWebhookBody(parseJson(bytes.toString()), errors);
  if (!read) return answer(reply, 400, 'BAD_USER_INPUT', 'The body is not that of a webhook.');
  for (const { id, type, media } of read.messages) if (media && media.id === undefined) log.warn({ messageId: id, type }, '[MEDIA-EXTRACTION] a message of a media type names no media');
  if (read.unreadable > 0) log.error({ messages: read.unreadable }, '[MEDIA-EXTRACTION] messages without a usable id were left out');
  await inbox.add(read.messages);
  await inbox.report(read.statuses);
  return reply.send({ received: read.messages.length + read.statuses.length });
}

function refuse(error: FastifyError, reply: FastifyReply, log: Logger): FastifyReply {
  const { statusCode = 500, message } = error;
  if (statusCode < 500) return answer(reply, statusCode, 'BAD_USER_INPUT', message);
  log.error({ err: error }, 'a webhook could not be stored: the provider delivers it again');
  return answer(reply, 500, 'INTERNAL_SERVER_ERROR', 'Internal error.');
}

function answer(reply: FastifyReply, status: number, code: string, message: string): FastifyReply {
  return reply.code(status).send({ code, message });
}
