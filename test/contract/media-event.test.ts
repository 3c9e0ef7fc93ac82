import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseMediaEvent } from '../../src/contract/media-event.js';

const parse = (body: unknown): ReturnType<typeof parseMediaEvent> => parseMediaEvent(Buffer.from(JSON.stringify(body)));
const name = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme-ascii' });

describe('parseMediaEvent', () => {
  it('understands every shape of the same event alike', () => {
    fc.assert(
      fc.property(name, fc.nat(), fc.option(name, { nil: undefined }), (modelType, modelId, collection) => {
        const expected = { eventId: undefined, modelType, modelId: String(modelId), collectionName: collection };
        const base = { model_type: modelType, model_id: modelId };
        const shapes = [
          { ...base, collection_name: collection },
          { ...base, model_id: String(modelId), collection },
          { ...base, collection_name: null, collection },
        ];
        for (const shape of shapes) {
          expect(parse(shape)).toEqual(expected);
          expect(parse({ ownerId: 'x', data: Buffer.from(JSON.stringify(shape)).toString('base64') })).toEqual(expected);
        }
      }),
    );
  });

  it('answers anything else with a reason in one line, and never with something that names no owner', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json().map((text) => Buffer.from(text)), fc.uint8Array().map((bytes) => Buffer.from(bytes))), (body) => {
        let event: ReturnType<typeof parseMediaEvent>;
        try {
          event = parseMediaEvent(body);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          expect(String(error)).not.toMatch(/\n/);
          return;
        }
        expect(event.modelType).not.toBe('');
        expect(event.modelId).not.toBe('');
      }),
    );
  });

  it('keeps names as they are, whatever their script and case', () => {
    const event = { model_type: 'App\\Models\\User', model_id: '\u7528\u6237 1', collection_name: 'Avatars' };
    expect(parse(event)).toMatchObject({ modelType: 'App\\Models\\User', modelId: '\u7528\u6237 1', collectionName: 'Avatars' });
  });

  it('takes an empty collection for a missing one: the whole owner is affected', () => {
    expect(parse({ model_type: 'User', model_id: '1', collection_name: '' }).collectionName).toBeUndefined();
  });

  it('refuses numbers that JSON has already rounded', () => {
    expect(() => parseMediaEvent(Buffer.from('{"model_type":"User","model_id":12345678901234567890}'))).toThrow(/model_id/);
  });

  it('refuses a body that is too large to be an event, unparsed', () => {
    expect(() => parseMediaEvent(Buffer.alloc(2_000_000, '['))).toThrow(/bytes/);
  });
});
