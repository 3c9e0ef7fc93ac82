/** The last check of a soak: when all events are applied and nothing is written, every gateway answers every entry as the origin has it. */
import { pause } from '../../src/runtime/backoff.js';
import { waitFor } from '../support/wait.js';
import type { FleetGateway } from './fleet.js';
import { leaseMs, sharedQueues } from './gateway-settings.js';
import type { Violation } from './history.js';
import { HttpClient } from './http-client.js';
import type { Owner } from './keys.js';
import { ask, explainHeader, explainToken, listsPerQuestion, shownPerQuestion, understand, type Field, type Question } from './questions.js';
import type { World } from './world.js';

const settleMs = 60_000;

/**
 * Waits until all is applied, by what the gateways have acknowledged and by what the broker says; then reads everything through each gateway.
 * Writers must have stopped. @throws Error when events stay unapplied, or a gateway does not answer.
 */
export async function readAtRest(world: World, violated: (violation: Violation) => void): Promise<{ reads: number }> {
  const { events, rabbitmq, gateways, keys } = world;
  await waitFor(() => events.pendingCount === 0, { what: 'all events to be applied', timeoutMs: settleMs });
  for (const queue of sharedQueues) {
    const isEmpty = async (): Promise<boolean> => {
      const counts = await rabbitmq.queue(queue);
      return counts?.ready === 0 && counts.unacked === 0;
    };
    // oxlint-disable-next-line no-await-in-loop
    await waitFor(isEmpty, { what: `the broker to have nothing in ${queue}`, timeoutMs: settleMs });
  }
  await pause(leaseMs);
  const reads = await Promise.all(gateways.map((gateway) => readAll(gateway, questionsFor(keys.owners), { world, violated })));
  return { reads: reads.reduce((sum, count) => sum + count, 0) };
}

function questionsFor(owners: readonly Owner[]): Question[] {
  const lists = owners.flatMap((owner): Field[] => [...owner.keys.map((key) => ({ owner, key })), { owner, key: undefined }]);
  const users = owners.filter(({ modelType }) => modelType === 'User').slice(0, shownPerQuestion);
  const products = owners.filter(({ modelType }) => modelType === 'Product').slice(0, shownPerQuestion);
  const questions: Question[] = [];
  while (lists.length > 0) {
    const next = lists.splice(0, listsPerQuestion);
    // A question has as many lists as it has; the last one asks for some twice.
    while (next.length < listsPerQuestion) next.push(...next.slice(0, 1));
    questions.push(ask({ lists: next, users, products }));
  }
  return questions;
}

async function readAll(gateway: FleetGateway, questions: readonly Question[], { world, violated }: { world: World; violated: (violation: Violation) => void }): Promise<number> {
  const http = new HttpClient(gateway.url);
  let reads = 0;
  try {
    for (const question of questions) {
      const invokedAt = performance.now();
      // oxlint-disable-next-line no-await-in-loop
      const body = await http.ask(question.body, { [explainHeader]: explainToken }, settleMs);
      const times = { client: 'at rest', gateway: gateway.life, invokedAt, respondedAt: performance.now() };
      for (const { seen, owner: _owner, ...told } of understand(question, body, gateway.hotTier)) {
        if (seen.length === 0) throw new Error(`${gateway.name} could not answer at rest: ${body.slice(0, 300)}`);
        reads += 1;
        for (const { key, version } of seen) {
          const violation = world.history.atRest({ ...times, ...told, key: key.name, version });
          if (violation) violated(violation);
        }
      }
    }
  } finally {
    http.stop();
  }
  return reads;
}
