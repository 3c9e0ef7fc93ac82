/** Small worlds, each with what can go wrong in it. */
import type { World } from './world.js';

export const scenarios: Readonly<Record<string, (world: World) => void>> = {
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
  'a reader, a writer, and the store is emptied': (world) => {
    world.reader('reader', world.process('A'), { times: 2 });
    world.writer('writer', world.process('B'));
    world.incident('the store is emptied', () => world.flush());
  },
  'two readers, and the store is emptied': (world) => {
    const gateway = world.process('A');
    world.reader('one', gateway);
    world.reader('two', gateway);
    world.incident('the store is emptied', () => world.flush());
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
};
