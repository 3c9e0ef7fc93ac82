/**
 * What does an invalidation every 10 ms cost, over 10,000 hot owners? The same reads undisturbed, and beside changes that come as events, in turn by
 * the same gateway: so what differs is the changes, and not the process or the minute.
 */
import { userQuery } from '../data.js';
import { oneOf } from '../random.js';
import { everyoneWhoInvalidates, firstIds, type Question } from './question.js';

const [owners, everyMs, passes] = [10_000, 10, 4];
/**
 * First until V8 has compiled what handles an event, which it hears a hundred times a second only: for ten seconds an event costs twice as much. Then
 * until what the measurement before has changed is hot again, or until as much is read anew as is changed.
 */
const warming = { first: 20, again: 3 };

function hotOwners(title: string, disturbed: boolean): Question {
  return {
    name: 'invalidations',
    title,
    quick: false,
    stays: 'invalidations',
    alone: true,
    warming,
    suits: (contender) => everyoneWhoInvalidates(contender) && contender.caches,
    begin: ({ random, services }) => {
      const queries = firstIds(owners).map(userQuery);
      // Loaded, read, and asked for often enough to be hot: at random, that would take longer than the measurement.
      const reads = { fill: Array.from({ length: passes }, () => queries).flat(), next: () => oneOf(queries, random) };
      if (!disturbed) return reads;
      const beside = async (): Promise<() => Promise<void>> => {
        await services.churn(owners, everyMs);
        return () => services.churn(0, everyMs);
      };
      return { ...reads, beside, changed: userQuery };
    },
  };
}

export const undisturbed = hotOwners('one of 10,000 users', false);
export const invalidations = hotOwners('one of 10,000 users, an invalidation every 10 ms', true);
