/**
 * The promises that no kill may break, checked against all that is there at the end.
 * Invariant: what a client was told counts; what it was not told may have happened or not, but then altogether.
 */
import type { Media } from '../../src/contract/generated/media/v1/Media.js';
import { ownerKey } from '../../src/media/rows/outbox.js';
import type { RecordedEvent } from './event-recorder.js';
import type { Evidence } from './evidence.js';
import type { UploadRecord } from './ledger.js';
import { grouped, viewOf, type View } from './view.js';

export interface Check {
  promise: string;
  /** Of how many things it was checked. */
  looked: number;
  /** In words. */
  violations: readonly string[];
}

export function checkAll(evidence: Evidence): Check[] {
  const view = viewOf(evidence);
  const { ledger, readings, rows, outbox, stored, recorded, referred, leftovers, rowCount } = evidence;
  const uploads = new Map(ledger.uploads.map((upload) => [upload.fileName, upload]));
  const answered = ledger.uploads.filter(({ acknowledged }) => acknowledged);
  const unanswered = ledger.uploads.filter(({ acknowledged }) => !acknowledged);
  const deletions = [...ledger.deletions.values()].filter(({ acknowledged }) => acknowledged);
  const single = [...new Set(answered.filter(isAvatar).map(({ modelId }) => modelId))];
  return [
    check('every acknowledged upload is there, unless it was deleted or replaced', answered, (upload) => lostUpload(upload, evidence, view)),
    check('every acknowledged deletion is done', deletions, ({ id }) => view.rows.has(id) && `media ${id} is still there`),
    check('an upload without an answer is there altogether, or not at all', unanswered, (upload) => halfUpload(upload, view)),
    check('an upload that was sent again is there once', ledger.uploads.filter((upload) => !isAvatar(upload)), (upload) => repeatedUpload(upload, view)),
    check('the bytes of every row are served, with the right hash', rows, (row) => wrongBytes(row, evidence, uploads)),
    { promise: 'the bytes of every acknowledged upload could be read all the time', ...readings },
    check('a collection for one file has the last one, and no other', single, (owner) => notTheLast(owner, view)),
    check('every row was announced', rows, ({ id }) => !view.uploaded.has(id) && `media ${id} was not`),
    check('every deletion was announced', [...deletions.map(({ id }) => id), ...goneAfterAll(view)], (id) => !view.deleted.has(id) && `that of media ${id} was not`),
    check('nothing was announced that was not committed', [...view.events.values()], (event) => untrue(event, view, uploads)),
    check('every committed event was published', outbox, ({ eventId, isPublished }) => !(isPublished && view.events.has(eventId)) && `event ${eventId} was not`),
    check('the events of an owner were published in the order of their transactions', ownersOf(evidence, view), disorder),
    check('every stored file has a record, and something refers to it', [...stored], (sha256) => !(recorded.has(sha256) && referred.has(sha256)) && `blob ${sha256} has not`),
    check('every record of a blob is of a stored one, and has its file', [...new Set([...recorded.keys(), ...referred])], (sha256) => !(recorded.get(sha256) === 'stored' && stored.has(sha256)) && `blob ${sha256} is ${recorded.get(sha256)}`),
    check('no other file is left on the disk', leftovers, (path) => `${path} is`),
    check('the API answers all rows of the database', [rowCount], () => rowCount !== rows.length && `it answers ${rows.length} of ${rowCount}`),
  ];
}

type Finding = string | false | undefined;

function check<T>(promise: string, things: readonly T[], look: (thing: T) => Finding): Check {
  return { promise, looked: things.length, violations: things.flatMap((thing) => look(thing) || []) };
}

function isAvatar({ collectionName }: Pick<UploadRecord, 'collectionName'>): boolean {
  return collectionName === 'avatars';
}

function lostUpload(upload: UploadRecord, { ledger }: Evidence, { rows, uploaded }: View): Finding {
  const { id = '', uuid = '' } = upload.acknowledged ?? {};
  const row = rows.get(id);
  if (row) return !isTheSame(row, upload, uuid) && `media ${id} is not what was uploaded as ${upload.fileName}`;
  if (ledger.deletions.has(id)) return undefined;
  const replacing = (event: RecordedEvent): boolean => event.model_id === upload.modelId && event.collection_name === upload.collectionName && Number(event.media_id) > Number(id);
  if (isAvatar(upload) && [...uploaded.values()].some(replacing)) return undefined;
  return `media ${id}, uploaded as ${upload.fileName}, is gone`;
}

function isTheSame(row: Media, { modelType, modelId, collectionName, fileName, sha256, size }: UploadRecord, uuid: string): boolean {
  const asked = [modelType, modelId, collectionName, fileName, sha256, size, uuid];
  return [row.model_type, row.model_id, row.collection_name, row.file_name, row.sha256, row.size, row.uuid].every((value, index) => value === asked[index]);
}

/** That its bytes are there is looked at with those of all rows, that there are no bytes without a row with all files. */
function halfUpload({ fileName, sha256 }: UploadRecord, { rowsOfFile, uploadedOfFile, deleted }: View): Finding {
  const rows = rowsOfFile.get(fileName) ?? [];
  const lost = (uploadedOfFile.get(fileName) ?? []).filter(({ media_id: id }) => !deleted.has(id) && !rows.some((row) => row.id === id));
  if (lost.length > 0) return `${fileName} was announced, and is not there`;
  return rows.some((row) => row.sha256 !== sha256) && `${fileName} has a row for other bytes`;
}

function repeatedUpload({ fileName, acknowledged }: UploadRecord, { rowsOfFile, uploadedOfFile }: View): Finding {
  const heard = [...(rowsOfFile.get(fileName) ?? []).map(({ id }) => id), ...(uploadedOfFile.get(fileName) ?? []).map(({ media_id: id }) => id)];
  const ids = new Set(acknowledged ? [...heard, acknowledged.id] : heard);
  return ids.size > 1 && `${fileName} is media ${[...ids].join(' and ')}`;
}

function wrongBytes({ id, sha256, file_name: fileName }: Media, { served }: Evidence, uploads: ReadonlyMap<string, UploadRecord>): Finding {
  const expected = uploads.get(fileName)?.sha256;
  if (sha256 === expected && served.get(id) === expected) return undefined;
  return served.has(id) && served.get(id) === undefined ? `the bytes of media ${id} are gone` : `media ${id} has other bytes than ${fileName}`;
}

function notTheLast(owner: string, { rows, uploaded }: View): Finding {
  const there = [...rows.values()].filter((row) => row.collection_name === 'avatars' && row.model_id === owner).map(({ id }) => Number(id));
  const last = Math.max(...[...uploaded.values()].filter((event) => event.collection_name === 'avatars' && event.model_id === owner).map((event) => Number(event.media_id)));
  return (there.length !== 1 || there[0] !== last) && `${owner} has media ${there.join(', ') || 'none'}; the last was ${last}`;
}

/** Media that were announced, and are not there. */
function goneAfterAll({ uploaded, rows }: View): string[] {
  return [...uploaded.keys()].filter((id) => !rows.has(id));
}

function untrue({ event_id: event, media_id: id, kind, file_name: fileName }: RecordedEvent, { committed, rows, uploaded }: View, uploads: ReadonlyMap<string, UploadRecord>): Finding {
  if (!committed.has(event)) return `event ${event}, ${kind} media ${id}, is none of the outbox`;
  if (kind === 'deleted' && rows.has(id)) return `media ${id} was announced as deleted, and is there`;
  return !(uploads.has(fileName) && uploaded.has(id)) && `media ${id} was announced as ${kind}, and nobody has uploaded it`;
}

interface OwnersEvents {
  owner: string;
  published: readonly string[];
  committed: readonly string[];
}

function ownersOf({ outbox }: Evidence, { events }: View): OwnersEvents[] {
  const published = grouped(events.values(), ({ model_type: modelType, model_id: modelId }) => ownerKey({ modelType, modelId }));
  return [...grouped(outbox, ({ owner }) => owner)].map(([owner, rows]) => ({
    owner,
    published: (published.get(owner) ?? []).map(({ event_id: id }) => id),
    committed: rows.map(({ eventId }) => eventId),
  }));
}

/** What was not published at all is looked at elsewhere. */
function disorder({ owner, published, committed }: OwnersEvents): Finding {
  const places = new Map(committed.map((id, place) => [id, place]));
  const order = published.flatMap((id) => places.get(id) ?? []);
  return order.some((place, index) => place < (order[index - 1] ?? -1)) && `those of ${owner} were not`;
}
