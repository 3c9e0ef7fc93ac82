/** The store or the origin fails, is emptied, or is replaced by a replica. */
import type { World } from './world.js';

export const outageScenarios: Readonly<Record<string, (world: World) => void>> = {
  'a reader, a writer, and the store is emptied': (world) => {
    world.reader('reader', world.process('A'), { times: 2 });
    world.writer('writer', world.process('B'));
    world.incident('the store is emptied', () => world.store.flush());
  },
  'a writer overtakes a load, and then the store is emptied': (world) => {
    world.reader('reader', world.process('A'));
    world.writer('writer', world.process('B'), { after: 'A: read happens' });
    world.incident('the store is emptied', () => world.store.flush(), { after: 'B: invalidate happens' });
    world.reader('later', world.process('C'), { after: 'B: invalidate is answered' });
  },
  'two readers, and the store is emptied': (world) => {
    const gateway = world.process('A');
    world.reader('one', gateway);
    world.reader('two', gateway);
    world.incident('the store is emptied', () => world.store.flush());
  },
  'an entry has expired and the origin fails; one writer': (world) => {
    world.cached();
    world.endIsOver();
    world.originFails();
    world.reader('one', world.process('A'), { times: 2, mayFail: true, after: 'what is cached expires' });
    world.writer('writer', world.process('B'));
  },
  'an entry has expired, the origin fails, two readers of one process, one writer': (world) => {
    const gateway = world.process('A');
    world.cached();
    world.endIsOver();
    world.originFails({ after: 'what is cached expires' });
    world.reader('one', gateway, { mayFail: true, after: 'the origin fails' });
    world.reader('two', gateway, { mayFail: true, after: 'A: load happens' });
    world.writer('writer', world.process('B'), { after: 'A: read happens' });
  },
  'an entry has expired, the origin fails, and a reader joins a load that a writer has overtaken, while another process loads anew': (world) => {
    const gateway = world.process('A');
    world.cached();
    world.endIsOver();
    world.originFails({ after: 'what is cached expires' });
    world.reader('one', gateway, { mayFail: true, after: 'the origin fails' });
    world.writer('writer', world.process('B'), { after: 'A: read happens' });
    world.reader('three', world.process('C'), { mayFail: true, after: 'B: invalidate is answered' });
    world.reader('two', gateway, { mayFail: true, after: 'C: read happens' });
  },
  'the store goes away and comes back; a reader, a writer': (world) => {
    world.incident('the store goes away', () => world.store.goAway());
    world.incident('the store comes back', () => world.store.comeBack(), { after: 'the store goes away' });
    world.reader('reader', world.process('A'), { times: 2 });
    world.writer('writer', world.process('B'));
  },
  'the store is away: two readers of one process, one of whom writes there': (world) => {
    const gateway = world.process('A');
    world.cached();
    world.incident('the store goes away', () => world.store.goAway());
    world.incident('the store comes back', () => world.store.comeBack(), { after: 'the client writes and is answered' });
    world.reader('one', gateway, { after: 'the store goes away' });
    world.ownWriter('the client', gateway, { after: 'A: load happens' });
    world.incident('the client writes and is answered', () => undefined, { after: 'A: invalidate is answered' });
  },
  'a failover loses an invalidation: a reader before and after': (world) => {
    world.cached();
    world.store.replicationStalls();
    world.writer('writer', world.process('B'));
    world.incident('failover', () => world.store.failOver(), { after: 'B: invalidate happens' });
    world.reader('reader', world.process('A'), { times: 2 });
  },
  'a failover loses an invalidation while somebody loads': (world) => {
    world.store.replicationStalls();
    world.reader('one', world.process('A'));
    world.writer('writer', world.process('B'), { after: 'A: load happens' });
    world.incident('failover', () => world.store.failOver(), { after: 'B: invalidate happens' });
    world.reader('two', world.process('C'), { times: 2, after: 'B: invalidate is answered' });
  },
  'the store is away: one process loads for four readers with one call at once': (world) => {
    const gateway = world.process('A', { maxUnfilledCalls: 1 });
    world.store.goAway();
    for (const name of ['one', 'two', 'three', 'four']) world.reader(name, gateway);
    world.atMostOriginCallsAtOnce(1);
  },
  'the store is away: one process loads for two readers and a client with one call at once; the client writes': (world) => {
    const gateway = world.process('A', { maxUnfilledCalls: 1 });
    world.store.goAway();
    world.reader('one', gateway);
    world.reader('two', gateway, { after: 'A: load happens' });
    world.ownWriter('the client', gateway, { after: 'A: load happens' });
    world.incident('the store comes back', () => world.store.comeBack(), { after: 'the client asks' });
  },
  'the store is slow while somebody loads; one writer': (world) => {
    world.incident('the store becomes slow', () => world.store.becomeSlow());
    world.incident('the store is well again', () => world.store.comeBack(), { after: 'the store becomes slow' });
    world.reader('reader', world.process('A'), { times: 2 });
    world.writer('writer', world.process('B'));
  },
  'the store is slow when a client writes, who reads there': (world) => {
    const gateway = world.process('A');
    world.cached();
    world.incident('the store becomes slow', () => world.store.becomeSlow());
    world.incident('the store is well again', () => world.store.comeBack(), { after: 'the store becomes slow' });
    world.ownWriter('the client', gateway);
  },
  'two clients write through one process, and the store goes away in between': (world) => {
    const gateway = world.process('A');
    world.ownWriter('first', gateway, { times: 0 });
    world.incident('another process has loaded it', () => world.cached(), { after: 'A: invalidate happens' });
    world.incident('the store goes away', () => world.store.goAway(), { after: 'another process has loaded it' });
    world.incident('the store comes back', () => world.store.comeBack(), { after: 'second asks' });
    world.ownWriter('second', gateway, { times: 2, after: 'the store goes away' });
  },
  'an entry, the store goes away and comes back; a reader, a writer': (world) => {
    world.cached();
    world.incident('the store goes away', () => world.store.goAway());
    world.incident('the store comes back', () => world.store.comeBack(), { after: 'the store goes away' });
    world.reader('reader', world.process('A'), { times: 2 });
    world.writer('writer', world.process('B'));
  },
  'an event is held while the store is away, and somebody loads across the outage': (world) => {
    world.lagIsKnown();
    world.reader('one', world.process('A'));
    world.incident('the store goes away', () => world.store.goAway(), { after: 'A: load happens' });
    world.writer('writer', world.process('B'), { after: 'the store goes away' });
    world.incident('the store comes back', () => world.store.comeBack(), { after: 'B: invalidate is answered' });
    world.reader('two', world.process('C'), { after: 'the store comes back' });
  },
  'an event is held while the store is away, and a reader of the same process waits for a load across the outage': (world) => {
    const gateway = world.process('A');
    world.lagIsKnown();
    world.reader('one', gateway);
    world.incident('the store goes away', () => world.store.goAway(), { after: 'A: load happens' });
    world.writer('writer', world.process('B'), { after: 'the store goes away' });
    world.incident('the store comes back', () => world.store.comeBack(), { after: 'B: invalidate is answered' });
    world.reader('two', gateway, { after: 'the store comes back' });
  },
  'an entry is loaded anew across a failover that loses an invalidation': (world) => {
    world.cached();
    world.endComesNear();
    world.store.replicationStalls();
    world.reader('one', world.process('A'), { after: 'the end comes near' });
    world.writer('writer', world.process('B'), { after: 'A: load happens' });
    world.incident('failover', () => world.store.failOver(), { after: 'B: invalidate happens' });
    world.reader('two', world.process('C'), { after: 'B: invalidate is answered' });
  },
  'an entry has expired, the origin fails, and a failover loses an invalidation': (world) => {
    world.cached();
    world.endIsOver();
    world.store.replicationStalls();
    world.originFails({ after: 'what is cached expires' });
    world.reader('one', world.process('A'), { mayFail: true, after: 'the origin fails' });
    world.writer('writer', world.process('B'), { after: 'A: read happens' });
    world.incident('failover', () => world.store.failOver(), { after: 'B: invalidate happens' });
    world.reader('two', world.process('C'), { mayFail: true, after: 'B: invalidate is answered' });
  },
};
