/** Answers that are kept with a receipt of what they were made of, and given again as long as it is good. */
import type { World } from './world.js';

export const receiptScenarios: Readonly<Record<string, (world: World) => void>> = {
  'an entry, one who keeps what it made of it, one writer, and a reader who loads it anew': (world) => {
    const other = world.process('B');
    world.cached();
    world.keeper('keeper', world.process('A'), { times: 3 });
    world.writer('writer', other, { after: 'A: read happens' });
    world.reader('reader', other, { after: 'B: invalidate happens' });
  },
  'an entry, a client who keeps what it made of it, writes, and asks again': (world) => {
    world.cached();
    world.ownWriter('the client', world.process('A'), { keeps: true });
    world.reader('reader', world.process('B'));
  },
  'a copy, one who keeps what it made of it, one writer, and more than δ passes': (world) => {
    world.cached();
    world.keeper('keeper', world.process('A', { local: true }), { times: 3 });
    world.writer('writer', world.process('B'), { after: 'A: read happens' });
    world.timePasses('a while passes', 60, { after: 'B: invalidate is answered' });
    world.timePasses('another while passes', 60, { after: 'a while passes' });
    world.probe('A', { after: 'another while passes' });
  },
  'a copy, one who keeps what it made of it, one writer, and no news': (world) => {
    world.cached();
    world.keeper('keeper', world.process('A', { local: true }), { times: 3 });
    world.writer('writer', world.process('B'), { after: 'A: read happens' });
    world.timePasses('more than δ passes', 110, { after: 'B: invalidate is answered' });
  },
  'no copies, one who keeps what it made of what was read, one writer, and more than δ passes': (world) => {
    world.cached();
    world.keeper('keeper', world.process('A', { local: true, maxLocalBytes: 1 }), { times: 3 });
    world.writer('writer', world.process('B'), { after: 'A: read happens' });
    world.timePasses('a while passes', 60, { after: 'B: invalidate is answered' });
    world.probe('A', { after: 'a while passes' });
    world.timePasses('another while passes', 60, { after: 'A: probe arrives' });
  },
  'no copies, one who keeps what it made of what was read and also reads, one writer, and a reader who loads it anew': (world) => {
    const other = world.process('B');
    world.cached();
    world.keeper('keeper', world.process('A', { local: true, maxLocalBytes: 1 }), { times: 3, alsoReads: true });
    world.writer('writer', other, { after: 'A: read is answered' });
    world.reader('reader', other, { after: 'B: invalidate happens' });
  },
  'a copy across a failover that loses an invalidation, one who keeps what it made of it, and the new server is heard': (world) => {
    world.cached();
    world.store.replicationStalls();
    world.keeper('keeper', world.process('A', { local: true }), { times: 3 });
    world.writer('writer', world.process('B'), { after: 'A: read is answered' });
    world.incident('failover', () => world.store.failOver(), { after: 'B: invalidate happens' });
    world.timePasses('a while passes', 60, { after: 'B: invalidate is answered' });
    world.timePasses('another while passes', 60, { after: 'a while passes' });
  },
  'the store goes away and comes back under a client who keeps what it made of an entry, writes, and asks again': (world) => {
    world.cached();
    world.ownWriter('the client', world.process('A'), { keeps: true });
    world.incident('the store goes away', () => world.store.goAway(), { after: 'A: read is answered' });
    world.incident('the store comes back', () => world.store.comeBack(), { after: 'the store goes away' });
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
