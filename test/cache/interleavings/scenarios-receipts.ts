/** Answers that are kept with a receipt of what they were made of, and given again as long as it is good. */
import type { World } from './world.js';

export const receiptScenarios: Readonly<Record<string, (world: World) => void>> = {
  'an entry, one who keeps what it made of it, one writer': (world) => {
    world.cached();
    world.keeper('keeper', world.process('A'), { times: 3 });
    world.writer('writer', world.process('B'));
  },
  'an entry, one who keeps what it made of it, a writer there': (world) => {
    const gateway = world.process('A');
    world.cached();
    world.keeper('keeper', gateway, { times: 3 });
    world.ownWriter('the client', gateway);
  },
  'a copy, one who keeps what it made of it, one writer, and more than δ passes': (world) => {
    world.cached();
    world.keeper('keeper', world.process('A', { local: true }), { times: 3 });
    world.writer('writer', world.process('B'), { after: 'A: read happens' });
    world.timePasses('a while passes', 60, { after: 'B: invalidate is answered' });
    world.timePasses('another while passes', 60, { after: 'a while passes' });
    world.probe('A', { after: 'another while passes' });
  },
  'the store goes away under a writer, and one keeps what it made of an entry there': (world) => {
    const gateway = world.process('A');
    world.cached();
    world.keeper('keeper', gateway, { times: 2 });
    world.incident('the store goes away', () => world.store.goAway(), { after: 'keeper asks' });
    world.ownWriter('the client', gateway, { after: 'the store goes away' });
    world.incident('the store comes back', () => world.store.comeBack(), { after: 'the client commits' });
  },
  'a failover loses an invalidation: one who keeps what it made of an entry': (world) => {
    world.cached();
    world.store.replicationStalls();
    world.keeper('keeper', world.process('A'), { times: 3 });
    world.writer('writer', world.process('B'), { after: 'A: read happens' });
    world.incident('failover', () => world.store.failOver(), { after: 'B: invalidate happens' });
  },
  'an entry is kept, its end comes near, and it is loaded anew; one writer': (world) => {
    world.cached();
    world.keeper('keeper', world.process('A'), { times: 3 });
    world.endComesNear({ after: 'A: read is answered' });
    world.writer('writer', world.process('B'), { after: 'the end comes near' });
  },
};
