/** The history checker: each history that breaks a promise is found, under the name of the promise, and none that keeps them all. */
import { describe, expect, it } from '@jest/globals';
import { History, nothing, type CheckedPromise, type Read } from './history.js';
import { Timeline } from './timeline.js';

const δ = 250;

/** A key with the versions 1 (at 100 ms), 2 (at 200 ms, applied at 300 ms) and, where told so, deletions. */
function historyOf({ deletions = [] as readonly number[], versions = 2, appliedVersions = [2] as readonly number[] } = {}): History {
  const history = new History({ leaseMs: δ });
  for (let version = 1; version <= versions; version += 1) {
    history.committed({ key: 'k', version, deletion: deletions.includes(version), committedAt: version * 100 });
  }
  for (const version of appliedVersions) history.applied({ key: 'k', version, appliedAt: version * 100 + 100 });
  return history;
}

function read(fields: Partial<Read> & { from: number; version: Read['version'] }): Read {
  const { from, ...rest } = fields;
  return { client: 'c', gateway: 'g', key: 'k', entry: 'k', invokedAt: from, respondedAt: from + 10, tier: 'redis', generation: 'a', ...rest };
}

function brokenBy(history: History, reads: readonly Read[]): (CheckedPromise | undefined)[] {
  return reads.map((each) => history.read(each)?.promise);
}

describe('a history that breaks a promise is found', () => {
  it('a stale set: an older version long after the event was applied', () => {
    const history = historyOf();
    const violation = history.read(read({ from: 301, version: 1 }));
    expect(violation).toMatchObject({ promise: 'applied', expected: 2, read: { version: 1 } });
    expect(violation?.story.map(({ kind }) => kind)).toEqual(['commit', 'commit', 'applied', 'read']);
    expect(history.counts).toMatchObject({ reads: 1, violations: 1 });
  });

  it('a stale set that is seen once between right answers', () => {
    const reads = [2, 2, 1, 2].map((version, index) => read({ from: 310 + 20 * index, version, client: String(index) }));
    expect(brokenBy(historyOf(), reads)).toEqual([undefined, undefined, 'applied', undefined]);
  });

  it('an older answer of the media service, or of an unknown tier', () => {
    for (const tier of ['media-service', 'unknown', 'stale'] as const) expect(brokenBy(historyOf(), [read({ from: 301, version: 1, tier })])).toEqual(['applied']);
  });

  it('an entry in the process that outlives its time lease', () => {
    const inProcess = { version: 1, tier: 'in-process' as const };
    expect(brokenBy(historyOf(), [read({ from: 300 + δ, ...inProcess }), read({ from: 301 + δ, ...inProcess })])).toEqual([undefined, 'applied']);
  });

  it('a stale empty answer: media that were added are not seen', () => {
    const history = historyOf({ deletions: [1] });
    expect(brokenBy(history, [read({ from: 301, version: nothing })])).toEqual(['applied']);
  });

  it('media that are served after their deletion was applied', () => {
    expect(brokenBy(historyOf({ deletions: [2] }), [read({ from: 301, version: 1 })])).toEqual(['applied']);
  });

  it('an own write that is not seen, on the gateway that took it, also in the process', () => {
    for (const tier of ['redis', 'in-process', 'media-service'] as const) {
      const history = historyOf({ appliedVersions: [] });
      history.wrote({ client: 'c', gateway: 'g', key: 'k', version: 2, answeredAt: 250 });
      expect(brokenBy(history, [read({ from: 251, version: 1, tier })])).toEqual(['own write']);
    }
  });

  it('a cache that goes back: what was answered from it is lost again', () => {
    const reads = [read({ from: 210, version: 2 }), read({ from: 230, version: 1 })];
    expect(brokenBy(historyOf({ appliedVersions: [] }), reads)).toEqual([undefined, 'kept']);
    const throughTheService = [read({ from: 210, version: 2 }), read({ from: 230, version: 1, tier: 'media-service' })];
    expect(brokenBy(historyOf({ appliedVersions: [] }), throughTheService)).toEqual([undefined, 'kept']);
  });

  it('a cache in the process that goes back, later than δ', () => {
    const back = { version: 1, tier: 'in-process' as const };
    const reads = [read({ from: 210, version: 2 }), read({ from: 220 + δ, ...back }), read({ from: 221 + δ, ...back })];
    expect(brokenBy(historyOf({ appliedVersions: [] }), reads)).toEqual([undefined, undefined, 'kept']);
  });

  it('a cache that goes back behind a deletion it had shown', () => {
    const history = historyOf({ versions: 3, deletions: [2], appliedVersions: [] });
    expect(brokenBy(history, [read({ from: 220, version: nothing }), read({ from: 240, version: 1 })])).toEqual([undefined, 'kept']);
  });

  it('a version from the future: seen before the origin had it', () => {
    expect(brokenBy(historyOf(), [read({ from: 150, version: 2 })])).toEqual(['real']);
  });

  it('an empty answer of a key that was never empty, and a version that never was', () => {
    const never = [nothing, 3, -1, Number.NaN, 1.5] as const;
    for (const version of never) expect(brokenBy(historyOf(), [read({ from: 301, version })])).toEqual(['real']);
  });

  it('a difference to the origin at rest, newer events or not', () => {
    const history = historyOf({ versions: 3, deletions: [3], appliedVersions: [] });
    const atRest = (version: Read['version']) => history.atRest(read({ from: 900, version }))?.promise;
    expect([atRest(2), atRest(3), atRest(nothing)]).toEqual(['at rest', 'at rest', undefined]);
    const other = historyOf();
    expect(other.atRest(read({ from: 900, version: nothing }))?.promise).toBe('at rest');
    expect(other.atRest(read({ from: 900, version: 2 }))).toBeUndefined();
  });

  it('a stale set that outlives the time in which the gateways did not hear of one another', () => {
    const history = historyOf();
    history.hide(290)(400);
    const behind = [read({ from: 301, version: 1 }), read({ from: 400, version: 1, client: 'd' }), read({ from: 401, version: 1, client: 'e' })];
    expect(brokenBy(history, behind)).toEqual([undefined, undefined, 'applied']);
    history.hide(450);
    expect(brokenBy(history, [read({ from: 460, version: 1, client: 'f' })])).toEqual(['applied']);
  });

  it('and is found although its event became known late, and out of order', () => {
    const history = historyOf({ versions: 4, appliedVersions: [] });
    history.applied({ key: 'k', version: 4, appliedAt: 500 });
    history.applied({ key: 'k', version: 3, appliedAt: 440 });
    history.applied({ key: 'k', version: 2, appliedAt: 460 });
    expect(brokenBy(history, [read({ from: 450, version: 2 }), read({ from: 501, version: 3 }), read({ from: 430, version: 1 })])).toEqual(['applied', 'applied', undefined]);
  });
});

describe('a history that keeps the promises passes', () => {
  it.each<[string, History, Read[]]>([
    ['an older answer of a read that was under way when the event was applied', historyOf(), [read({ from: 299, version: 1 })]],
    ['an older answer while the event is on its way', historyOf({ appliedVersions: [] }), [read({ from: 900, version: 1 })]],
    ['a newer answer than the event', historyOf({ versions: 3 }), [read({ from: 305, version: 3 })]],
    ['the answer of a commit that is newer than the invocation', historyOf(), [read({ from: 195, version: 2 })]],
    ['an empty answer that means any of several deletions', historyOf({ versions: 5, deletions: [1, 3, 5], appliedVersions: [2] }), [read({ from: 501, version: nothing }), read({ from: 505, version: 4 })]],
    ['an older answer in the process, within δ', historyOf(), [read({ from: 300 + δ, version: 1, tier: 'in-process' })]],
    ['a step back behind an answer of the media service', historyOf({ appliedVersions: [] }), [read({ from: 210, version: 2, tier: 'media-service' }), read({ from: 230, version: 1 })]],
    ['a step back in another generation', historyOf({ appliedVersions: [] }), [read({ from: 210, version: 2 }), read({ from: 230, version: 1, generation: 'b' })]],
    ['a step back in another entry', historyOf({ appliedVersions: [] }), [read({ from: 210, version: 2 }), read({ from: 230, version: 1, entry: 'all' })]],
    ['what another client has seen', historyOf({ appliedVersions: [] }), [read({ from: 210, version: 2, client: 'd' }), read({ from: 230, version: 1 })]],
  ])('%s', (_name, history, reads) => {
    expect(brokenBy(history, reads)).toEqual(reads.map(() => undefined));
  });

  it('and the steps back that nothing forbids are counted, as is what is served within δ', () => {
    const history = historyOf({ appliedVersions: [] });
    brokenBy(history, [read({ from: 210, version: 2, tier: 'media-service' }), read({ from: 230, version: 1 })]);
    history.applied({ key: 'k', version: 2, appliedAt: 300 });
    brokenBy(history, [read({ from: 400, version: 1, tier: 'in-process' })]);
    expect(history.counts).toEqual({ reads: 3, violations: 0, stepsBack: 2, withinLease: 1, oldestWithinLeaseMs: 100 });
  });

  it('an own write of another gateway, or of an earlier life of this one, binds nobody', () => {
    const history = historyOf({ appliedVersions: [] });
    history.wrote({ client: 'c', gateway: 'g', key: 'k', version: 2, answeredAt: 250 });
    expect(brokenBy(history, [read({ from: 251, version: 1, gateway: 'g again' }), read({ from: 251, version: 1, client: 'd' })])).toEqual([undefined, undefined]);
  });

  it('however much has been forgotten of it', () => {
    const history = new History({ leaseMs: δ });
    for (let version = 1; version <= 1_000; version += 1) {
      history.committed({ key: 'k', version, deletion: version % 2 === 0, committedAt: version });
      history.applied({ key: 'k', version, appliedAt: version + 0.5 });
    }
    expect(history.read(read({ from: 3, respondedAt: 9, version: 5, client: 'late' }))).toBeUndefined();
    expect(history.read(read({ from: 3, respondedAt: 1_005, version: nothing }))).toBeUndefined();
    expect(history.read(read({ from: 4, respondedAt: 1_005, version: 3 }))).toBeUndefined();
    expect(history.read(read({ from: 999, version: 997 }))?.promise).toBe('applied');
  });
});

describe('the checker', () => {
  it('checks 1,000,000 reads in bounded memory', () => {
    const history = new History({ leaseMs: δ });
    const sizes: number[] = [];
    for (let now = 0; now < 1_000_000; now += 1) {
      const key = String(now % 100);
      const version = Math.floor(now / 2_000) + 1;
      if (now % 2_000 < 100) {
        history.committed({ key, version, deletion: version % 2 === 0, committedAt: now });
        history.applied({ key, version, appliedAt: now });
      }
      history.read({ client: String(now % 24), gateway: 'g', key, entry: key, invokedAt: now, respondedAt: now + 1, version, tier: 'redis', generation: 'a' });
      if ((now + 1) % 250_000 === 0) sizes.push(history.size);
    }
    expect(history.counts).toMatchObject({ reads: 1_000_000, violations: 0 });
    expect(sizes[3]).toBe(sizes[1]);
  });
});

describe('a timeline', () => {
  it('answers as one that forgets nothing, for all that it still knows', () => {
    const facts = Array.from({ length: 200 }, (_, index) => ({ time: (index * 7_919) % 1_000, version: (index * 104_729) % 50 }));
    const timeline = new Timeline(1_000);
    for (const { time, version } of facts) timeline.add(time, version);
    for (let time = 0; time < 1_000; time += 1) {
      const newest = (holds: (at: number) => boolean): number => Math.max(0, ...facts.filter((fact) => holds(fact.time)).map(({ version }) => version));
      expect([timeline.atLeastBefore(time), timeline.atMostBy(time)]).toEqual([newest((at) => at < time), newest((at) => at <= time)]);
    }
  });
});
