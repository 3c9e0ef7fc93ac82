/**
 * Designs that are known to be wrong, each a small patch of the product's own source.
 * A proof that lets one of them pass proves nothing.
 */
import type { Patch } from './subjects.js';

export interface Mutant {
  name: string;
  /** The scenario that is expected to find it out, and is tried first. */
  witness: string;
  patches: readonly Patch[];
}

export const mutants: readonly Mutant[] = [
  {
    name: 'there is no compare-and-set: a fill is accepted without the lease',
    witness: 'a reader who asks three times, one writer',
    patches: [{ file: 'memory-store.ts', original: 'if (lease?.token !== token || lease.generation !== generation) return undefined;', replacement: '' }],
  },
  {
    name: 'there is no lease: every reader loads',
    witness: 'two cold readers of two processes load once',
    patches: [{ file: 'memory-store.ts', original: "if (held) return { kind: 'wait', leaseMs: ownLease.expires - now };", replacement: '' }],
  },
  {
    name: 'a version counter beside the value replaces the lease, and is evicted with it',
    witness: 'a writer overtakes a load, and then the store is emptied',
    patches: [
      {
        file: 'memory-store.ts',
        original: 'const fields = new Map(collection === undefined ? [] : this.#owners.peek(owner)?.fields);',
        replacement: `const before = this.#owners.peek(owner)?.fields;
          const fields = new Map(collection === undefined ? [] : before);
          const version = (before?.get('version')?.value?.loaded ?? 0) + 1;
          fields.set('version', { value: { payload: '', generation: '', loaded: version, freshUntil: 0, expires: 0 } });`,
      },
      { file: 'memory-store.ts', original: 'if (this.#owners.has(owner)) this.#keepFields(owner, fields, eventId);', replacement: 'this.#keepFields(owner, fields, eventId);' },
      { file: 'memory-store.ts', original: 'const fieldOverheadBytes = 200;', replacement: 'const fieldOverheadBytes = 200;\nconst seen = new Map<string, number>();' },
      { file: 'memory-store.ts', original: "    this.#grant(request);\n    const stale", replacement: "    seen.set(request.token, this.#field({ owner: request.owner, collection: 'version' }).value?.loaded ?? 0);\n    this.#grant(request);\n    const stale" },
      { file: 'memory-store.ts', original: 'if (lease?.token !== token || lease.generation !== generation) return undefined;', replacement: "if ((this.#field({ owner, collection: 'version' }).value?.loaded ?? 0) !== (seen.get(token) ?? 0)) return undefined;" },
    ],
  },
  {
    name: 'an invalidation drops the value and leaves the lease',
    witness: 'a reader who asks three times, one writer',
    patches: [{ file: 'memory-store.ts', original: '      fields.delete(collection);\n', replacement: '      if (fields.get(collection)?.value) fields.delete(collection);\n' }],
  },
  {
    name: 'the token of a lease is that of its process',
    witness: 'a reader who asks three times, one writer',
    patches: [{ file: 'read-through.ts', original: 'this.#tokens += 1;', replacement: '' }],
  },
  {
    name: 'a load is shared although its fill was refused',
    witness: 'a reader joins a load that a writer has overtaken, while another process loads anew',
    patches: [{ file: 'read-through.ts', original: "if (landing.kind === 'refused') return [read];", replacement: '' }],
  },
  {
    name: 'a load is shared with those who come after its fill was sent',
    witness: 'a reader comes after the fill has happened, a writer has undone it, and another process loads anew',
    patches: [
      { file: 'flights.ts', original: '      for (const { id } of leased) this.#open.delete(id);\n', replacement: '' },
      { file: 'flights.ts', original: 'const isAwaited = joined.is || ', replacement: 'const isAwaited = !joined.is || joined.is || ' },
      {
        file: 'flights.ts',
        original: 'return { loaded, landed };',
        replacement: 'void landed.then(() => leased.forEach(({ id }) => this.#open.delete(id)));\n    return { loaded, landed };',
      },
    ],
  },
  {
    name: 'a load past the store is shared with those who come while it is under way',
    witness: 'the store is away: two readers of one process, one of whom writes there',
    patches: [
      { file: 'unfilled-loads.ts', original: 'const joined = this.#waiting.find(', replacement: 'const joined = [...this.#waiting, ...this.#running].find(' },
      { file: 'unfilled-loads.ts', original: '  #calls = 0;', replacement: '  #calls = 0;\n  readonly #running: Batch<V>[] = [];' },
      { file: 'unfilled-loads.ts', original: '      batch.start();', replacement: '      this.#running.push(batch);\n      void batch.answers.then(() => this.#running.splice(this.#running.indexOf(batch), 1));\n      batch.start();' },
    ],
  },
  {
    name: 'there is no fence: what a replica has is believed',
    witness: 'a failover loses an invalidation: a reader before and after',
    patches: [
      { file: 'memory-store.ts', original: 'value?.generation === generation && now', replacement: 'value !== undefined && now' },
      { file: 'memory-store.ts', original: 'lease?.generation === generation ? lease', replacement: 'lease !== undefined ? lease' },
      { file: 'memory-store.ts', original: ' || lease.generation !== generation) return undefined;', replacement: ') return undefined;' },
    ],
  },
  {
    name: 'the fence is at the values and not at the leases',
    witness: 'a failover loses an invalidation while somebody loads',
    patches: [
      { file: 'memory-store.ts', original: 'lease?.generation === generation ? lease', replacement: 'lease !== undefined ? lease' },
      { file: 'memory-store.ts', original: ' || lease.generation !== generation) return undefined;', replacement: ') return undefined;' },
    ],
  },
  {
    name: 'a stamp is taken when the answer is there: a copy is made whatever was heard meanwhile',
    witness: 'a copy is being made of what a writer invalidates',
    patches: [
      { file: 'local-tier.ts', original: 'const isCurrent = stamp !== undefined && this.#stamps.isCurrent(stamp);', replacement: 'const isCurrent = stamp !== undefined;' },
      { file: 'local-tier.ts', original: 'return isCurrent ? stamp : undefined;', replacement: 'return isCurrent ? this.#stamps.take(key) : undefined;' },
    ],
  },
  {
    name: 'there is no time lease: copies are believed without news',
    witness: 'a copy is made while a writer writes, and more than δ passes',
    patches: [{ file: 'time-lease.ts', original: 'return this.#now() < this.#until;', replacement: 'return true;' }],
  },
  {
    name: 'the time lease runs from the answer and not from the question',
    witness: 'a copy, and a late answer whether its process has heard everything; one writer, and more than δ passes',
    patches: [{ file: 'time-lease.ts', original: 'Math.max(this.#until, askedAt + this.#ms)', replacement: 'this.#now() + this.#ms' }],
  },
  {
    name: 'an expired value is served although it was invalidated meanwhile',
    witness: 'an entry has expired, the origin fails, and a reader joins a load that a writer has overtaken, while another process loads anew',
    patches: [{ file: 'flights.ts', original: '      if (accepted[nth]) stored.add(index);', replacement: '      if (accepted[nth] || item?.stale) stored.add(index);' }],
  },
  {
    name: 'own writes are not remembered while the store is away',
    witness: 'the store is away: two readers of one process, one of whom writes there',
    patches: [{ file: 'unconfirmed.ts', original: 'return this.#overflowed || this.#owners.has(owner);', replacement: 'return this.#overflowed;' }],
  },
  {
    name: 'an own write leaves the copy in its process',
    witness: 'a client writes through a process with a copy, which another reads there',
    patches: [{ file: 'read-through.ts', original: '    this.#local.invalidated(owner, collection);\n', replacement: '' }],
  },
  {
    name: 'what empties the store leaves the leases',
    witness: 'an event is lost, and everything is purged while somebody loads',
    patches: [
      {
        file: 'memory-store.ts',
        original: 'for (const owner of owners) this.#owners.delete(owner);',
        replacement: `for (const owner of owners) {
          const fields = [...(this.#owners.peek(owner)?.fields ?? [])];
          this.#keepFields(owner, new Map(fields.map(([collection, { lease }]) => [collection, { lease }])));
        }`,
      },
    ],
  },
  {
    name: 'an event leaves the entry of all collections together',
    witness: 'a reader of all collections together, one writer of one of them',
    patches: [{ file: 'memory-store.ts', original: "fields.delete('');", replacement: '' }],
  },
  {
    name: 'an event that names no collection clears none',
    witness: 'an entry, one reader, one writer who does not name the collection',
    patches: [{ file: 'memory-store.ts', original: 'new Map(collection === undefined ? [] : this.#owners.peek(owner)?.fields)', replacement: 'new Map(this.#owners.peek(owner)?.fields)' }],
  },
  {
    name: 'every reader loads an entry anew ahead of its end',
    witness: 'the end of an entry comes near: it is loaded anew once',
    patches: [{ file: 'memory-store.ts', original: 'usable.freshUntil <= now && !held', replacement: 'usable.freshUntil <= now' }],
  },
  {
    name: 'who waits for another process is given an answer that was on its way before he came',
    witness: 'a reader waits for another process and a second one for a third, one writer in between',
    patches: [
      {
        file: 'read-through.ts',
        original: '    for (const { id } of reads) this.#polls.delete(id);\n    await this.#read(reads, round, tries + 1);',
        replacement: '    await this.#read(reads, round, tries + 1);\n    for (const { id } of reads) this.#polls.delete(id);',
      },
      { file: 'read-through.ts', original: 'const unpolled = ', replacement: 'if (tries > 0) for (const { id } of others) this.#polls.delete(id);\n    const unpolled = ' },
    ],
  },
  {
    name: 'there is no bound on the calls past the store',
    witness: 'the store is away: one process loads for four readers with one call at once',
    patches: [{ file: 'unfilled-loads.ts', original: 'while (this.#calls < this.#options.maxCalls)', replacement: 'while (true)' }],
  },
  {
    name: 'copies stay when the channel is lost',
    witness: 'a copy across a failover that loses an invalidation, and the new server is heard',
    patches: [{ file: 'local-tier.ts', original: '    this.#stamps.lost();\n    this.#owners.clear();\n', replacement: '' }],
  },
  {
    name: 'what was made of copies stays when the channel is lost',
    witness: 'a copy across a failover that loses an invalidation',
    patches: [{ file: 'local-tier.ts', original: '    this.#stamps.lost();\n', replacement: '' }],
  },
  {
    name: 'a copy is made of what was loaded, not of what was read',
    witness: 'a load is overtaken by a writer who is heard, and more than δ passes',
    patches: [
      {
        file: 'read-through.ts',
        original: 'else round.loaded(read, value);',
        replacement: `else {
          round.loaded(read, value);
          const times = { ageMs: 0, ttlMs: 1_000_000, freshMs: 1_000_000 };
          const { stamp } = this.#local.begin(read.key, true);
          if (stamp) this.#local.admit(read.key, stamp, { value, askedAt: 0, stored: { kind: 'hit', version: '', payload: '', endMs: 1_000_000, generation: '', lastEventId: undefined, refresh: false, ...times } });
        }`,
      },
    ],
  },
  {
    name: 'a receipt is good while there is any value',
    witness: 'an entry, one who keeps what it made of it, one writer, and a reader who loads it anew',
    patches: [{ file: 'memory-store.ts', original: 'return value?.version === version && value.generation === generation;', replacement: 'void version;\n        return value?.generation === generation;' }],
  },
  {
    name: 'there is no fence at receipts',
    witness: 'a failover loses an invalidation: one who keeps what it made of an entry',
    patches: [{ file: 'memory-store.ts', original: 'return value?.version === version && value.generation === generation;', replacement: 'void generation;\n        return value?.version === version;' }],
  },
  {
    name: 'a receipt of copies is good although they were dropped',
    witness: 'a copy, one who keeps what it made of it, one writer, and more than δ passes',
    patches: [{ file: 'local-tier.ts', original: '    for (const stamp of stamps) if (!this.#stamps.isCurrent(stamp)) return false;\n', replacement: '' }],
  },
  {
    name: 'an invalidation drops copies, and ends no stamp',
    witness: 'no copies, one who keeps what it made of what was read, one writer, and more than δ passes',
    patches: [{ file: 'local-tier.ts', original: '    this.#stamps.invalidated(owner, collection);\n', replacement: '' }],
  },
  {
    name: 'a receipt of copies is good without news',
    witness: 'a copy, one who keeps what it made of it, one writer, and no news',
    patches: [{ file: 'local-tier.ts', original: '    if (!this.#store.isCoherent()) return false;\n', replacement: '' }],
  },
  {
    name: 'what was made of a value stays when its reader has seen a newer one',
    witness: 'no copies, one who keeps what it made of what was read and also reads, one writer, and a reader who loads it anew',
    patches: [{ file: 'local-tier.ts', original: 'if (this.#isNews(key, lookup)) {', replacement: 'if (this.#isNews(key, lookup) && false) {' }],
  },
  {
    name: 'a receipt is good whatever was written here',
    witness: 'the store goes away and comes back under a client who keeps what it made of an entry, writes, and asks again',
    patches: [{ file: 'receipts.ts', original: ' || areDistrusted(keys)', replacement: '' }],
  },
  {
    name: 'an own write counts as confirmed by what was sent before it',
    witness: 'two clients write through one process, and the store goes away in between',
    patches: [{ file: 'unconfirmed.ts', original: 'return this.#owners.get(owner) === write && ', replacement: 'void write;\n    return ' }],
  },
  {
    name: 'siblings are not told of a write',
    witness: 'a client writes through one sibling and reads at another, which has a copy',
    patches: [{ file: 'unconfirmed.ts', original: '    await this.#options.siblings?.tell({ owner, collection, isConfirmed });\n', replacement: '' }],
  },
  {
    name: 'siblings are told of a write before the store has confirmed it',
    witness: 'a client writes through one sibling, while another reads again and again, and reads there',
    patches: [
      { file: 'unconfirmed.ts', original: '    await this.#options.siblings?.tell({ owner, collection, isConfirmed });\n', replacement: '' },
      {
        file: 'unconfirmed.ts',
        original: '    let isConfirmed = false;\n',
        replacement: '    let isConfirmed = false;\n    await this.#options.siblings?.tell({ owner, collection, isConfirmed: true });\n',
      },
    ],
  },
  {
    name: 'siblings only drop their copies of a write that the store has not confirmed',
    witness: 'a client writes through one sibling while the store is away, and reads at another when it is back',
    patches: [{ file: 'unconfirmed.ts', original: 'else this.hold([owner]);', replacement: 'else this.#options.drop(owner, collection);' }],
  },
  {
    name: 'what the store has not confirmed is forgotten instead of tried again',
    witness: 'the store goes away and comes back, while a client writes through one sibling and reads at another, which has a copy',
    patches: [{ file: 'unconfirmed.ts', original: 'await this.#options.invalidate(owner, undefined);', replacement: '' }],
  },
  {
    name: 'a new sibling is not told what the others hold',
    witness: 'a sibling starts while a client writes through another and the store is away; the client reads at the new one',
    patches: [{ file: 'unconfirmed.ts', original: "return this.#overflowed ? 'everything' : [...this.#owners.keys()];", replacement: 'return [];' }],
  },
  {
    name: 'a load from before the store was lost is stored when it is back',
    witness: 'an event is held while the store is away, and somebody loads across the outage',
    patches: [{ file: 'flights.ts', original: 'losses === this.#losses ?', replacement: 'losses <= this.#losses ?' }],
  },
  {
    name: 'a copy of what was loaded is stamped once the store has confirmed it',
    witness: 'what is loaded again is kept as a copy, a writer overtakes it, and more than δ passes',
    patches: [{ file: 'kept-loads.ts', original: 'this.#local?.admitFilled(fill, stamp,', replacement: 'this.#local?.admitFilled(fill, this.#local.beginFill(fill) ?? stamp,' }],
  },
  {
    name: 'a copy is made of what was loaded, whether the store has accepted it or not',
    witness: 'what is loaded again is kept as a copy, a writer overtakes it, and more than δ passes',
    patches: [{ file: 'kept-loads.ts', original: 'const filled = accepted[nth];', replacement: "const filled = accepted[nth] ?? { version: '', generation: '', lastEventId: undefined };" }],
  },
];
