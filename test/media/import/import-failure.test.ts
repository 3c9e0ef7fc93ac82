import { describe, expect, it } from '@jest/globals';
import { hitRate } from '../../../src/media/import/hit-rate.js';
import { failureKinds, ImportFailure, parseRetryAfter, policies } from '../../../src/media/import/import-failure.js';
import { sha256Hex } from '../../../src/media/import/provider.js';
import { Retries } from '../../../src/media/import/retries.js';

describe('a failed import', () => {
  it('is never remembered when the fault is one of credentials, of throttling, or ours', () => {
    const forgotten = failureKinds.filter((kind) => policies[kind].remembered === 'never');
    expect(forgotten).toEqual(['remembered', 'throttled', 'unauthorised', 'refused', 'busy']);
  });

  it('says, when it is remembered, what is known of the source', () => {
    const failure = new ImportFailure('remembered', 'It failed lately: Media expired.', { outcome: 'expired' });
    expect(failure.toAppError()).toMatchObject({ code: 'IMPORT_FAILED', message: 'It failed lately: Media expired. Trying again makes no sense.', cause: { outcome: 'expired' } });
    expect(new ImportFailure('gone', 'Gone.').outcome).toBe('gone');
  });
});

describe('the tries of an import', () => {
  const transient = new ImportFailure('transient', 'It failed.');

  it('are three, with waits that double and differ from process to process', () => {
    const waits = Array.from({ length: 200 }, () => {
      const retries = new Retries(2_000);
      return [retries.after(transient), retries.after(transient), retries.after(transient)];
    });
    for (const [first = 0, second = 0, third] of waits) {
      expect([first >= 1_000 && first <= 2_000, second >= 2_000 && second <= 4_000, third]).toEqual([true, true, undefined]);
    }
    expect(new Set(waits.map(([first]) => first)).size).toBeGreaterThan(100);
  });

  it('come at once, and once, for what may be right the next time', () => {
    const retries = new Retries(2_000);
    expect([retries.after(new ImportFailure('corrupt', '')), retries.after(new ImportFailure('dead-link', ''))]).toEqual([0, 0]);
    const again = new Retries(2_000);
    expect([again.after(new ImportFailure('corrupt', '')), again.after(new ImportFailure('corrupt', ''))]).toEqual([0, undefined]);
  });

  it('do not wait with BASE_BACKOFF_SECONDS=0', () => {
    expect(new Retries(0).after(transient)).toBe(0);
  });

  it('wait as long as the source asks, up to a minute', () => {
    const asks = (retryAfterMs: number) => new Retries(2_000).after(new ImportFailure('throttled', '', { retryAfterMs }));
    expect([0, 60_000, 60_001].map(asks)).toEqual([0, 60_000, undefined]);
  });
});

describe('the header Retry-After', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  it.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', undefined],
    ['99999999999999999999', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s is %s ms', (header, expected) => expect(parseRetryAfter(header, now)).toBe(expected));
});

describe('a declared hash', () => {
  const hex = '2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae';
  it.each([
    [hex, hex],
    [hex.toUpperCase(), hex],
    [Buffer.from(hex, 'hex').toString('base64'), hex],
    [Buffer.from(hex, 'hex').toString('base64url'), hex],
    ['', undefined],
    ['no hash', undefined],
    [hex.slice(2), undefined],
  ])('%s is %s', (given, expected) => expect(sha256Hex(given)).toBe(expected));
});

describe('the hit rate', () => {
  it.each([
    [150, 45, '30.0%'],
    [3, 1, '33.3%'],
    [1, 1, '100.0%'],
    [0, 0, '0.0%'],
  ])('of %d imports with %d hits is %s', (total_requests, cache_hits, expected) => expect(hitRate({ total_requests, cache_hits })).toBe(expected));
});
