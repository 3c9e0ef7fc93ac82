/** Any event, of ours and of others, in any wrapping: what the parser promises for all bodies that there are. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { maxIdentifierLength } from '../../src/contract/identifier.js';
import { parseMediaEvent, type MediaEvent, type MediaEventBody } from '../../src/contract/media-event.js';

/** As storages keep it: no control characters. */
const character = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }).filter((text) => !/[\p{Cc}\p{Surrogate}]/u.test(text) && text.length <= 5);
const name = fc.string({ unit: character, minLength: 1, maxLength: maxIdentifierLength / 5 });
const anyText = fc.string({ unit: 'binary' });
const moment = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true });

const ownBody: fc.Arbitrary<MediaEventBody> = fc.record({
  event_id: name,
  occurred_at: moment.map((date) => date.toISOString()),
  media_id: name,
  uuid: fc.uuid(),
  model_type: name,
  model_id: name,
  collection_name: name,
  file_name: anyText,
  mime_type: anyText,
  size: fc.nat(),
});

/** Bodies that are events, or nearly. */
const nearlyEvent = fc.record(
  {
    event_id: fc.oneof(name, fc.integer(), fc.anything({ maxDepth: 1 })),
    occurred_at: fc.oneof(moment.map((date) => date.toISOString()), anyText, fc.integer()),
    model_type: fc.oneof(name, anyText, fc.integer()),
    model_id: fc.oneof(name, fc.integer(), fc.double(), fc.constant(null)),
    collection_name: fc.oneof(name, fc.constantFrom(null, ''), fc.integer()),
    collection: fc.oneof(name, fc.constant(null)),
    ownerId: anyText,
  },
  { requiredKeys: [] },
);

const bytesOf = (body: unknown): Buffer => Buffer.from(JSON.stringify(body) ?? '');
const wrapped = (body: Buffer): Buffer => bytesOf({ ownerId: 'x', data: body.toString('base64') });

/** The event, or why there is none. */
function outcomeOf(body: Buffer): MediaEvent | string {
  try {
    return parseMediaEvent(body);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return error.message;
  }
}

describe('parseMediaEvent', () => {
  it('reads back every event that we publish', () => {
    fc.assert(
      fc.property(ownBody, (body) => {
        expect(parseMediaEvent(bytesOf(body))).toEqual({
          eventId: body.event_id,
          occurredAt: Date.parse(body.occurred_at),
          modelType: body.model_type,
          modelId: body.model_id,
          collectionName: body.collection_name,
        });
      }),
    );
  });

  it('answers the same for a body and for the same body wrapped, be it an event or not', () => {
    const anyBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
    // Wrapped twice is no event.
    const body = fc.oneof(ownBody.map(bytesOf), nearlyEvent.map(bytesOf), fc.json().map((text) => Buffer.from(text)), anyBytes);
    fc.assert(fc.property(body, (bytes) => expect(outcomeOf(wrapped(bytes))).toEqual(outcomeOf(bytes))), { numRuns: 500 });
  });

  it('never fails for an event id or a time that it cannot read: what matters is the owner', () => {
    fc.assert(
      fc.property(ownBody, fc.anything({ maxDepth: 1 }), fc.anything({ maxDepth: 1 }), (body, event_id, occurred_at) => {
        const { eventId, occurredAt, ...affected } = parseMediaEvent(bytesOf({ ...body, event_id, occurred_at }));
        expect(affected).toEqual({ modelType: body.model_type, modelId: body.model_id, collectionName: body.collection_name });
        expect(['string', 'undefined']).toContain(typeof eventId);
        expect(occurredAt === undefined || Number.isFinite(occurredAt)).toBe(true);
      }),
    );
  });

  it('never lets a name through that storages do not keep', () => {
    const owner = fc.record({ model_type: anyText, model_id: fc.oneof(anyText, fc.integer()) });
    fc.assert(
      fc.property(owner, (body) => {
        const outcome = outcomeOf(bytesOf(body));
        if (typeof outcome === 'string') return;
        for (const text of [outcome.modelType, outcome.modelId]) {
          expect(Array.from(text).filter((each) => each < ' ' || each === '\x7f')).toEqual([]);
          expect(text.length > 0 && text.length <= maxIdentifierLength).toBe(true);
        }
      }),
    );
  });
});
