/** The evidence, found by what the checks look for. */
import type { Media } from '../../src/contract/generated/media/v1/Media.js';
import type { RecordedEvent } from './event-recorder.js';
import type { Evidence } from './evidence.js';

export interface View {
  readonly rows: ReadonlyMap<string, Media>;
  readonly rowsOfFile: ReadonlyMap<string, readonly Media[]>;
  /** In the order in which each was published first; without repetitions. */
  readonly events: ReadonlyMap<string, RecordedEvent>;
  /** By the id of the media. */
  readonly uploaded: ReadonlyMap<string, RecordedEvent>;
  readonly deleted: ReadonlyMap<string, RecordedEvent>;
  /** By the name of the file. */
  readonly uploadedOfFile: ReadonlyMap<string, readonly RecordedEvent[]>;
  readonly committed: ReadonlySet<string>;
}

export function viewOf({ rows, events, outbox }: Pick<Evidence, 'rows' | 'events' | 'outbox'>): View {
  const first = new Map<string, RecordedEvent>();
  for (const event of events) if (!first.has(event.event_id)) first.set(event.event_id, event);
  const ofKind = (kind: RecordedEvent['kind']): RecordedEvent[] => [...first.values()].filter((event) => event.kind === kind);
  const uploaded = ofKind('uploaded');
  return {
    rows: new Map(rows.map((row) => [row.id, row])),
    rowsOfFile: grouped(rows, ({ file_name }) => file_name),
    events: first,
    uploaded: new Map(uploaded.map((event) => [event.media_id, event])),
    deleted: new Map(ofKind('deleted').map((event) => [event.media_id, event])),
    uploadedOfFile: grouped(uploaded, ({ file_name }) => file_name),
    committed: new Set(outbox.map(({ eventId }) => eventId)),
  };
}

export function grouped<T>(things: Iterable<T>, keyOf: (thing: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const thing of things) {
    const key = keyOf(thing);
    const group = groups.get(key);
    if (group) group.push(thing);
    else groups.set(key, [thing]);
  }
  return groups;
}
