/** Copies in the processes: made, announced void, and not believed without news. */
import type { World } from './world.js';

export const copyScenarios: Readonly<Record<string, (world: World) => void>> = {
  'a client writes through a process and reads there, while another process reads': (world) => {
    const gateway = world.process('A', { local: true });
    world.cached();
    world.reader('other', world.process('B'));
    world.ownWriter('the client', gateway);
  },
  'a copy, one reader, one writer': (world) => {
    world.cached();
    world.reader('reader', world.process('A', { local: true }), { times: 3 });
    world.writer('writer', world.process('B'));
  },
  'a copy is made while a writer writes, and more than δ passes': (world) => {
    world.cached();
    world.reader('reader', world.process('A', { local: true }), { times: 2 });
    world.writer('writer', world.process('B'));
    world.timePasses('a while passes', 1_000, { after: 'B: invalidate is answered' });
  },
  'a copy, and its process asks whether it has heard everything; one writer, and more than δ passes': (world) => {
    world.cached();
    world.reader('reader', world.process('A', { local: true }), { times: 2 });
    world.writer('writer', world.process('B'));
    world.probe('A');
    world.timePasses('a while passes', 60);
    world.timePasses('another while passes', 60, { after: 'B: invalidate is answered' });
  },
  'a copy is asked for while it is being made and invalidated': (world) => {
    const gateway = world.process('A', { local: true });
    world.cached();
    world.reader('one', gateway);
    world.writer('writer', world.process('B'), { after: 'A: read happens' });
    world.timePasses('a while passes', 60, { after: 'B: invalidate is answered' });
    world.timePasses('another while passes', 60, { after: 'a while passes' });
    world.probe('A');
    world.reader('two', gateway, { after: 'another while passes' });
  },
  'copies in two processes, one of which writes': (world) => {
    const gateway = world.process('A', { local: true });
    world.cached();
    world.reader('one', gateway, { times: 2 });
    world.ownWriter('the client', world.process('B', { local: true }), { after: 'A: read happens' });
  },
  'a copy across a failover that loses an invalidation': (world) => {
    world.cached();
    world.store.replicationStalls();
    world.reader('reader', world.process('A', { local: true }), { times: 2 });
    world.writer('writer', world.process('B'), { after: 'A: read happens' });
    world.incident('failover', () => world.store.failOver(), { after: 'B: invalidate happens' });
    world.timePasses('a while passes', 1_000, { after: 'failover' });
  },
  'two readers of two processes with copies, and a failover that loses an invalidation': (world) => {
    world.cached();
    world.store.replicationStalls();
    world.reader('one', world.process('A', { local: true }), { times: 2 });
    world.reader('two', world.process('C', { local: true }), { after: 'failover' });
    world.writer('writer', world.process('B'), { after: 'A: read is answered' });
    world.incident('failover', () => world.store.failOver(), { after: 'B: invalidate happens' });
    world.timePasses('a while passes', 1_000, { after: 'A notices the failover' });
  },
  'a copy of all collections together, one reader, one writer of one of them, and more than δ passes': (world) => {
    world.cached('all');
    world.reader('reader', world.process('A', { local: true }), { times: 2, collection: 'all' });
    world.writer('writer', world.process('B'));
    world.probe('A');
    world.timePasses('a while passes', 60, { after: 'B: invalidate is answered' });
    world.timePasses('another while passes', 60, { after: 'a while passes' });
  },
  'a copy, a writer who does not name the collection, and more than δ passes': (world) => {
    world.cached();
    world.reader('reader', world.process('A', { local: true }), { times: 2 });
    world.writer('writer', world.process('B'), { collection: 'unnamed' });
    world.probe('A');
    world.timePasses('a while passes', 60, { after: 'B: invalidate is answered' });
    world.timePasses('another while passes', 60, { after: 'a while passes' });
  },
  'a cold reader with copies, who comes back, one writer, and more than δ passes': (world) => {
    world.reader('reader', world.process('A', { local: true }), { times: 2 });
    world.writer('writer', world.process('B'), { after: 'A: load happens' });
    world.probe('A');
    world.timePasses('a while passes', 60, { after: 'B: invalidate is answered' });
    world.timePasses('another while passes', 60, { after: 'a while passes' });
  },
  'a copy, an event is lost and everything is purged, and more than δ passes': (world) => {
    world.cached();
    world.reader('reader', world.process('A', { local: true }), { times: 2 });
    world.purger('purger');
    world.probe('A');
    world.timePasses('a while passes', 60, { after: 'purger purges is answered' });
    world.timePasses('another while passes', 60, { after: 'a while passes' });
  },
  'a client writes through a process with a copy, which another reads there': (world) => {
    const gateway = world.process('A', { local: true });
    world.cached();
    world.reader('other', gateway);
    world.ownWriter('the client', gateway, { after: 'A: read happens' });
  },
  'a client writes through a process with a copy, which another reads there, and the store goes away': (world) => {
    const gateway = world.process('A', { local: true });
    world.cached();
    world.reader('other', gateway);
    world.ownWriter('the client', gateway, { after: 'A: read happens' });
    world.incident('the store goes away', () => world.store.goAway(), { after: 'A: read happens' });
    world.incident('the store comes back', () => world.store.comeBack(), { after: 'the store goes away' });
  },
  'an entry with a copy is loaded anew ahead of its end, one writer, and more than δ passes': (world) => {
    const gateway = world.process('A', { local: true });
    world.cached();
    world.endComesNear();
    world.reader('one', gateway, { times: 2, after: 'the end comes near' });
    world.writer('writer', world.process('B'), { after: 'A: load happens' });
    world.timePasses('a while passes', 1_000, { after: 'B: invalidate is answered' });
  },
  'a copy across a failover that loses an invalidation, and the new server is heard': (world) => {
    world.cached();
    world.store.replicationStalls();
    world.reader('reader', world.process('A', { local: true }), { times: 2 });
    world.writer('writer', world.process('B'), { after: 'A: read is answered' });
    world.incident('failover', () => world.store.failOver(), { after: 'B: invalidate happens' });
    world.timePasses('a while passes', 60, { after: 'B: invalidate is answered' });
    world.timePasses('another while passes', 60, { after: 'a while passes' });
  },
  'a copy is being made of what a writer invalidates': (world) => {
    const gateway = world.process('A', { local: true });
    world.cached();
    world.reader('one', gateway);
    world.writer('writer', world.process('B'), { after: 'A: read happens' });
    world.timePasses('a while passes', 60, { after: 'A hears' });
    world.probe('A', { after: 'a while passes' });
    world.timePasses('another while passes', 60, { after: 'A: probe arrives' });
    world.reader('two', gateway, { after: 'another while passes' });
  },
  'a load is overtaken by a writer who is heard, and more than δ passes': (world) => {
    const gateway = world.process('A', { local: true });
    world.reader('one', gateway);
    world.writer('writer', world.process('B'), { after: 'A: load happens' });
    world.timePasses('a while passes', 60, { after: 'A hears' });
    world.probe('A', { after: 'a while passes' });
    world.timePasses('another while passes', 60, { after: 'A: probe arrives' });
    world.reader('two', gateway, { after: 'another while passes' });
  },
  'what is loaded again is kept as a copy, a writer overtakes it, and more than δ passes': (world) => {
    const gateway = world.process('A', { local: true });
    world.reader('one', gateway);
    world.writer('writer', world.process('B'), { after: 'A: fill is answered' });
    world.reader('two', gateway, { after: 'B: invalidate is answered' });
    world.writer('another', world.process('C'), { after: 'two asks' });
    world.timePasses('a while passes', 60, { after: 'C: invalidate is answered' });
    world.probe('A', { after: 'a while passes' });
    world.timePasses('another while passes', 60, { after: 'A: probe arrives' });
    world.reader('three', gateway, { after: 'another while passes' });
  },
  'a copy, and a late answer whether its process has heard everything; one writer, and more than δ passes': (world) => {
    const gateway = world.process('A', { local: true });
    world.cached();
    world.reader('one', gateway);
    world.writer('writer', world.process('B'), { after: 'A: read is answered' });
    world.probe('A');
    world.timePasses('more than δ passes', 110, { after: 'B: invalidate is answered' });
    world.reader('two', gateway, { after: 'more than δ passes' });
  },
};
