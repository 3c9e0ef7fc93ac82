/**
 * Administration of a broker that runs elsewhere (`TEST_RABBITMQ_URL`), by the HTTP API of its management plugin.
 */
import { z } from 'zod';
import { waitFor } from '../wait.js';
import { EVERYTHING } from './rabbitmqctl.js';
import type { BrokerAdmin } from './rabbitmqctl.js';

/**
 * @param url where the API answers, with user and password, such as `http://guest:guest@127.0.0.1:15672`.
 * `queue` may lag some seconds behind: the plugin collects its figures.
 */
export function managementAdmin(url: string): BrokerAdmin {
  const { origin, username, password } = new URL(url);
  const authorization = `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;
  const call = async (method: string, path: readonly string[], body?: object): Promise<Response> => {
    const address = `${origin}/api/${path.map(encodeURIComponent).join('/')}`;
    const headers = { authorization, 'content-type': 'application/json' };
    const request = { method, headers, signal: AbortSignal.timeout(15_000), ...(body && { body: JSON.stringify(body) }) };
    const answer = await fetch(address, request).catch((cause: unknown) => {
      throw new Error(`no management API answers at ${origin}: set TEST_RABBITMQ_MANAGEMENT_URL for TEST_RABBITMQ_URL`, { cause });
    });
    if (!answer.ok && answer.status !== 404) throw new Error(`${method} ${address}: ${answer.status} ${await answer.text()}`);
    return answer;
  };
  return {
    async addVhost(vhost, user) {
      await call('PUT', ['vhosts', vhost], {});
      await call('PUT', ['permissions', vhost, user], EVERYTHING);
    },
    async deleteVhost(vhost) {
      await call('DELETE', ['vhosts', vhost]);
    },
    queue(vhost, queue) {
      return waitFor(
        async () => {
          const answer = await call('GET', ['queues', vhost, queue]);
          if (answer.status === 404) return { counts: undefined };
          const { messages_ready: ready, messages_unacknowledged: unacked } = queueSchema.parse(await answer.json());
          return ready !== undefined && unacked !== undefined && { counts: { ready, unacked } };
        },
        { what: `the figures of the queue ${queue}` },
      ).then(({ counts }) => counts);
    },
  };
}

/** Both figures are missing until the first collection after the queue was made. */
const queueSchema = z.object({ messages_ready: z.number().optional(), messages_unacknowledged: z.number().optional() });
