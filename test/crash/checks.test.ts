/** That each check of the proof fails when what it promises is broken, and only then. */
import { describe, expect, it } from '@jest/globals';
import type { Media } from '../../src/contract/generated/media/v1/Media.js';
import { ownerKey } from '../../src/media/rows/outbox.js';
import { checkAll } from './checks.js';
import type { EventKind, RecordedEvent } from './event-recorder.js';
import type { Evidence } from './evidence.js';
import type { UploadRecord } from './ledger.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends ReadonlyMap<infer Key, infer Value> ? Map<Key, Value> : T[K] extends ReadonlySet<infer V> ? Set<V> : T[K] extends readonly (infer E)[] ? E[] : T[K] };

const file = (id: string, sha256 = `hash-${id}`): UploadRecord => ({
  fileName: `u${id}.bin`, modelType: 'Proof', modelId: 'owner', collectionName: 'files', sha256, size: 1, attempts: 1, acknowledged: { id, uuid: `uuid-${id}` },
});
const avatar = (id: string): UploadRecord => ({ ...file(id), modelType: 'User', collectionName: 'avatars' });

const rowOf = ({ fileName, modelType, modelId, collectionName, sha256, size, acknowledged }: UploadRecord): Media => ({
  id: acknowledged?.id ?? '', uuid: acknowledged?.uuid ?? '', model_type: modelType, model_id: modelId, collection_name: collectionName, file_name: fileName, sha256, size,
  name: '', mime_type: '', disk: '', conversions_disk: '', manipulations: '', custom_properties: '', generated_conversions: '', responsive_images: '',
  order_column: 1, width: 0, height: 0, created_at: '', updated_at: '',
});

const eventOf = (kind: EventKind, upload: UploadRecord): RecordedEvent => ({
  kind, event_id: `${kind}-${upload.acknowledged?.id}`, media_id: upload.acknowledged?.id ?? '', model_type: upload.modelType, model_id: upload.modelId,
  collection_name: upload.collectionName, file_name: upload.fileName,
});

/** Of four uploads: one is there, one was deleted, one avatar was replaced by another. A fifth was never answered, and is not there. */
function goodEvidence(): Mutable<Evidence> & { ledger: { uploads: UploadRecord[] } } {
  const [kept, deleted, replaced, last] = [file('1'), file('2'), avatar('3'), avatar('4')] as const;
  const rows = [rowOf(kept), rowOf(last)];
  const events = [eventOf('uploaded', kept), eventOf('uploaded', deleted), eventOf('deleted', deleted), eventOf('uploaded', replaced), eventOf('deleted', replaced), eventOf('uploaded', last)];
  const hashes = rows.map(({ sha256 }) => sha256);
  return {
    ledger: { uploads: [kept, deleted, replaced, last, { ...file('5'), acknowledged: undefined }], deletions: new Map([['2', { id: '2', acknowledged: true }]]) },
    rows,
    rowCount: rows.length,
    served: new Map(rows.map(({ id, sha256 }) => [id, sha256])),
    readings: { looked: 1, violations: [] },
    events,
    outbox: events.map((event) => ({ eventId: event.event_id, owner: ownerKey({ modelType: event.model_type, modelId: event.model_id }), isPublished: true })),
    recorded: new Map(hashes.map((hash) => [hash, 'stored'])),
    referred: new Set(hashes),
    stored: new Set(hashes),
    leftovers: [],
  };
}

function brokenPromises(change: (evidence: ReturnType<typeof goodEvidence>) => void): string[] {
  const evidence = goodEvidence();
  change(evidence);
  return checkAll(evidence).filter(({ violations }) => violations.length > 0).map(({ promise }) => promise);
}

const withoutRow = (id: string) => (evidence: ReturnType<typeof goodEvidence>): void => {
  evidence.rows = evidence.rows.filter((row) => row.id !== id);
  evidence.rowCount = evidence.rows.length;
};
const withRow = (upload: UploadRecord) => (evidence: ReturnType<typeof goodEvidence>): void => {
  evidence.rows.push(rowOf(upload));
  evidence.rowCount = evidence.rows.length;
  evidence.served.set(upload.acknowledged?.id ?? '', upload.sha256);
  for (const hashes of [evidence.stored, evidence.referred]) hashes.add(upload.sha256);
  evidence.recorded.set(upload.sha256, 'stored');
};
const withoutEvent = (id: string) => (evidence: ReturnType<typeof goodEvidence>): void => {
  evidence.events = evidence.events.filter((event) => event.event_id !== id);
};

const breakages: readonly (readonly [promise: string, breakIt: (evidence: ReturnType<typeof goodEvidence>) => void])[] = [
  ['every acknowledged upload is there, unless it was deleted or replaced', withoutRow('1')],
  ['every acknowledged upload is there, unless it was deleted or replaced', ({ ledger }) => void Object.assign(ledger.uploads[0] ?? {}, { size: 2 })],
  ['every acknowledged deletion is done', withRow(file('2'))],
  ['an upload without an answer is there altogether, or not at all', ({ events, outbox }) => {
    const event = eventOf('uploaded', file('5'));
    events.push(event);
    outbox.push({ eventId: event.event_id, owner: 'x', isPublished: true });
  }],
  ['an upload that was sent again is there once', withRow({ ...file('6'), fileName: 'u1.bin', sha256: 'hash-1' })],
  ['the bytes of every row are served, with the right hash', ({ served }) => void served.set('1', 'other')],
  ['the bytes of every acknowledged upload could be read all the time', ({ readings }) => void readings.violations.push('one could not')],
  ['the bytes of every row are served, with the right hash', ({ served }) => void served.set('1', undefined)],
  ['a collection for one file has the last one, and no other', withRow(avatar('3'))],
  ['a collection for one file has the last one, and no other', withoutRow('4')],
  ['every row was announced', withoutEvent('uploaded-1')],
  ['every deletion was announced', withoutEvent('deleted-2')],
  ['nothing was announced that was not committed', ({ outbox }) => void outbox.shift()],
  ['nothing was announced that was not committed', withRow(file('2'))],
  ['every committed event was published', withoutEvent('uploaded-1')],
  ['every committed event was published', ({ outbox }) => void Object.assign(outbox[0] ?? {}, { isPublished: false })],
  ['the events of an owner were published in the order of their transactions', ({ events }) => void events.splice(0, events.length, ...events.toReversed())],
  ['every stored file has a record, and something refers to it', ({ stored }) => void stored.add('more')],
  ['every stored file has a record, and something refers to it', ({ referred }) => void referred.delete('hash-1')],
  ['every record of a blob is of a stored one, and has its file', ({ stored }) => void stored.delete('hash-1')],
  ['every record of a blob is of a stored one, and has its file', ({ recorded }) => void recorded.set('hash-1', 'deleting')],
  ['no other file is left on the disk', ({ leftovers }) => void leftovers.push('tmp/x')],
  ['the API answers all rows of the database', (evidence) => void (evidence.rowCount = 3)],
];

describe('the checks', () => {
  it('hold for a service that has kept its promises, also when it has published events again', () => {
    expect(brokenPromises(() => undefined)).toEqual([]);
    expect(brokenPromises((evidence) => evidence.events.push(...evidence.events))).toEqual([]);
  });

  it.each(breakages)('find out when it does not hold that %s', (promise, breakIt) => {
    expect(brokenPromises(breakIt)).toContain(promise);
  });

  it('are all among those', () => {
    expect(new Set(checkAll(goodEvidence()).map(({ promise }) => promise))).toEqual(new Set(breakages.map(([promise]) => promise)));
  });
});
