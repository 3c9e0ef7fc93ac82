/** Readers and writers while everything works: leases, shared loads, and loads ahead of the end of an entry. */
import type { World } from './world.js';

export const leaseScenarios: Readonly<Record<string, (world: World) => void>> = {
  'one reader, one writer': (world) => {
    world.reader('reader', world.process('A'));
    world.writer('writer', world.process('B'));
  },
  'one reader, one writer, who does not name the collection': (world) => {
    world.reader('reader', world.process('A'), { times: 2 });
    world.writer('writer', world.process('B'), { collection: 'unnamed' });
  },
  'a reader who asks three times, one writer': (world) => {
    world.reader('reader', world.process('A'), { times: 3 });
    world.writer('writer', world.process('B'));
  },
  'two readers of one process, one writer': (world) => {
    const gateway = world.process('A');
    world.reader('one', gateway);
    world.reader('two', gateway);
    world.writer('writer', world.process('B'));
  },
  'two readers of two processes, one writer': (world) => {
    world.reader('one', world.process('A'));
    world.reader('two', world.process('B'));
    world.writer('writer', world.process('C'));
  },
  'two readers of one process, the second comes while the first loads and then comes back, one writer in between': (world) => {
    const gateway = world.process('A');
    world.reader('one', gateway);
    world.writer('writer', world.process('B'), { after: 'A: load happens' });
    world.reader('two', gateway, { times: 2, after: 'A: load happens' });
  },
  'a reader joins a load that a writer has overtaken, while another process loads anew': (world) => {
    const gateway = world.process('A');
    world.reader('one', gateway);
    world.writer('writer', world.process('B'), { after: 'A: load happens' });
    world.reader('three', world.process('C'), { after: 'B: invalidate is answered' });
    world.reader('two', gateway, { after: 'C: read happens' });
  },
  'a reader comes after the fill has happened, a writer has undone it, and another process loads anew': (world) => {
    const gateway = world.process('A');
    world.reader('one', gateway);
    world.writer('writer', world.process('B'), { after: 'A: fill happens' });
    world.reader('three', world.process('C'), { after: 'B: invalidate is answered' });
    world.reader('two', gateway, { after: 'C: read happens' });
  },
  'one reader, two writers': (world) => {
    world.reader('reader', world.process('A'), { times: 2 });
    world.writer('first', world.process('B'));
    world.writer('second', world.process('C'));
  },
  'a dead holder, a reader, a writer': (world) => {
    world.leaseOfTheDead();
    world.reader('reader', world.process('A'));
    world.writer('writer', world.process('B'));
  },
  'a dead holder, two readers of two processes': (world) => {
    world.leaseOfTheDead();
    world.reader('one', world.process('A'));
    world.reader('two', world.process('B'));
  },
  'a reader and a reader of another process who comes back, one writer': (world) => {
    world.reader('one', world.process('A'));
    world.reader('two', world.process('B'), { times: 2 });
    world.writer('writer', world.process('C'));
  },
  'two cold readers of two processes load once': (world) => {
    world.reader('one', world.process('A'));
    world.reader('two', world.process('B'));
    world.atMostOriginCalls(1);
  },
  'a dead holder: one other loads, not both': (world) => {
    world.leaseOfTheDead();
    world.reader('one', world.process('A'), { after: 'the lease expires' });
    world.reader('two', world.process('B'), { after: 'the lease expires' });
    world.atMostOriginCalls(1);
  },
  'the end of an entry comes near, two readers, one writer': (world) => {
    world.cached();
    world.endComesNear();
    world.reader('one', world.process('A'), { times: 2 });
    world.writer('writer', world.process('B'));
  },
  'an entry is loaded anew ahead of its end, which comes, while another reads': (world) => {
    world.cached();
    world.endComesNear();
    world.endIsOver({ after: 'the end comes near' });
    world.reader('one', world.process('A'), { after: 'the end comes near' });
    world.reader('two', world.process('B'), { after: 'A: load happens' });
    world.writer('writer', world.process('C'), { after: 'A: load happens' });
  },
  'a reader of all collections together, one writer of one of them': (world) => {
    world.cached('all');
    world.reader('reader', world.process('A'), { times: 2, collection: 'all' });
    world.writer('writer', world.process('B'));
  },
  'a reader of all collections together and a reader of one, who load, and one writer': (world) => {
    const gateway = world.process('A');
    world.reader('of all', gateway, { collection: 'all' });
    world.reader('of one', gateway);
    world.writer('writer', world.process('B'), { after: 'A: load happens' });
    world.reader('later', world.process('C'), { collection: 'all', after: 'B: invalidate is answered' });
  },
  'an entry, one reader, one writer who does not name the collection': (world) => {
    world.cached();
    world.reader('reader', world.process('A'), { times: 2 });
    world.writer('writer', world.process('B'), { collection: 'unnamed' });
  },
  'two cold readers of one process load once': (world) => {
    const gateway = world.process('A');
    world.reader('one', gateway);
    world.reader('two', gateway);
    world.atMostOriginCalls(1);
  },
  'the end of an entry comes near: it is loaded anew once': (world) => {
    world.cached();
    world.endComesNear();
    world.reader('one', world.process('A'), { after: 'the end comes near' });
    world.reader('two', world.process('B'), { after: 'the end comes near' });
    world.atMostOriginCalls(1);
  },
  'an entry is loaded anew ahead of its end, and invalidated, and loaded by the same process': (world) => {
    const gateway = world.process('A');
    world.cached();
    world.endComesNear();
    world.reader('one', gateway, { after: 'the end comes near' });
    world.writer('writer', world.process('B'), { after: 'A: load happens' });
    world.reader('two', gateway, { after: 'B: invalidate happens' });
    world.reader('three', gateway, { after: 'B: invalidate is answered' });
  },
  'a reader has waited long enough for the holder, and loads for itself; one writer': (world) => {
    world.reader('holder', world.process('A'));
    world.timePasses('a while passes', 60, { after: 'A: read happens' });
    world.reader('reader', world.process('B', { maxWaitMs: 50 }), { after: 'A: read happens' });
    world.writer('writer', world.process('C'), { after: 'A: load happens' });
  },
  'a reader waits for another process and a second one for a third, one writer in between': (world) => {
    const gateway = world.process('A');
    world.leaseOfAnother();
    world.reader('one', gateway);
    world.incident('another process has loaded it', () => world.cached(), { after: 'A: read happens' });
    world.writer('writer', world.process('B'), { after: 'another process has loaded it' });
    world.incident('a third process loads it', () => world.leaseOfAnother(), { after: 'B: invalidate is answered' });
    world.reader('two', gateway, { after: 'a third process loads it' });
    world.incident('the third process has loaded it', () => world.cached(), { after: 'a third process loads it' });
  },
  'an entry that nobody can read, two readers, one writer': (world) => {
    world.cachedGarbage();
    world.reader('one', world.process('A'));
    world.reader('two', world.process('B'));
    world.writer('writer', world.process('C'));
  },
  'an event is lost, and everything is purged while somebody loads': (world) => {
    const gateway = world.process('A');
    world.reader('one', gateway);
    world.purger('purger', { after: 'A: load happens' });
    world.reader('two', gateway, { times: 2, after: 'A: load happens' });
  },
};
