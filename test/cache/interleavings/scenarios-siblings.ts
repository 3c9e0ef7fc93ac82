/** Several processes on one address: a client writes through one and reads at another. */
import type { World } from './world.js';

export const siblingScenarios: Readonly<Record<string, (world: World) => void>> = {
  'a client writes through one sibling and reads at another, which has a copy': (world) => {
    const [writing, reading] = [world.process('A', { local: true, isSibling: true }), world.process('B', { local: true, isSibling: true })];
    world.cached();
    world.reader('other', reading);
    world.ownWriter('the client', writing, { readsAt: reading, after: 'B: read happens' });
  },
  'a client writes through one sibling, while another reads again and again, and reads there': (world) => {
    const [writing, reading] = [world.process('A', { isSibling: true }), world.process('B', { local: true, isSibling: true })];
    world.cached();
    world.reader('other', reading, { times: 3 });
    world.ownWriter('the client', writing, { readsAt: reading, after: 'B: read is answered' });
  },
  'a client writes through a sibling that nobody hears, and reads at another after δ': (world) => {
    const [writing, reading] = [world.process('A', { isSibling: true }), world.process('B', { local: true, isSibling: true })];
    world.cached();
    world.family.isDeaf = true;
    world.reader('other', reading, { times: 2 });
    world.probe('B');
    world.timePasses('a while passes', 60);
    world.timePasses('δ passes', 110, { after: 'A: invalidate is answered' });
    world.ownWriter('the client', writing, { readsAt: reading });
  },
  'a client writes through one sibling while the store is away, and reads at another when it is back': (world) => {
    const [writing, reading] = [world.process('A', { isSibling: true }), world.process('B', { isSibling: true })];
    world.cached();
    world.incident('the store goes away', () => world.store.goAway());
    world.incident('the store comes back', () => world.store.comeBack(), { after: 'A: invalidate is answered' });
    world.ownWriter('the client', writing, { readsAt: reading, times: 2, after: 'the store goes away' });
  },
  'the store goes away and comes back, while a client writes through one sibling and reads at another, which has a copy': (world) => {
    const [writing, reading] = [world.process('A', { isSibling: true }), world.process('B', { local: true, isSibling: true })];
    world.cached();
    world.incident('the store goes away', () => world.store.goAway(), { after: 'B: read happens' });
    world.incident('the store comes back', () => world.store.comeBack(), { after: 'the store goes away' });
    world.reader('other', reading);
    world.ownWriter('the client', writing, { readsAt: reading, after: 'B: read happens' });
  },
  'the store is slow when a client writes through one sibling and reads at another': (world) => {
    const [writing, reading] = [world.process('A', { isSibling: true }), world.process('B', { isSibling: true })];
    world.cached();
    world.incident('the store becomes slow', () => world.store.becomeSlow());
    world.incident('the store is well again', () => world.store.comeBack(), { after: 'the store becomes slow' });
    world.ownWriter('the client', writing, { readsAt: reading });
  },
  'a failover loses an invalidation of a client, who reads at a sibling with a copy': (world) => {
    const [writing, reading] = [world.process('A', { isSibling: true }), world.process('B', { local: true, isSibling: true })];
    world.cached();
    world.store.replicationStalls();
    world.reader('other', reading);
    world.ownWriter('the client', writing, { readsAt: reading, times: 2, after: 'B: read happens' });
    world.incident('failover', () => world.store.failOver(), { after: 'A: invalidate happens' });
  },
  'a sibling starts while a client writes through another and the store is away; the client reads at the new one': (world) => {
    const writing = world.process('A', { isSibling: true });
    const reading = world.process('B', { isSibling: 'late' });
    world.cached();
    world.incident('the store goes away', () => world.store.goAway());
    world.incident('the store comes back', () => world.store.comeBack(), { after: 'A: invalidate is answered' });
    world.ownWriter('the client', writing, { readsAt: reading, readsAfter: 'B is ready', after: 'the store goes away' });
  },
  'two clients write through two siblings, and read each at the other; a third reads': (world) => {
    const [one, two] = [world.process('A', { local: true, isSibling: true }), world.process('B', { local: true, isSibling: true })];
    world.cached();
    world.reader('other', world.process('C'));
    world.ownWriter('first', one, { readsAt: two });
    world.ownWriter('second', two, { readsAt: one, after: 'first commits' });
  },
};
