import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readClaims, slotCount, slotOf } from '../../src/cache/cluster-slots.js';

const id = (digit: string): string => digit.repeat(40);

describe('slotOf', () => {
  it.each([
    // The check value of CRC-16/XMODEM, and what CLUSTER KEYSLOT answers.
    ['123456789', 0x31c3],
    ['foo', 12_182],
    ['bar', 5_061],
    ['', 0],
  ])('of %j is %d', (key, slot) => {
    expect(slotOf(key)).toBe(slot);
  });

  it('goes by the part in the first braces, if there is one', () => {
    expect(slotOf('mg:{User:1}')).toBe(slotOf('User:1'));
    expect(slotOf('a{b}c{d}')).toBe(slotOf('b'));
    expect(slotOf('a{b{c}d')).toBe(slotOf('b{c'));
    expect(slotOf('{}')).not.toBe(slotOf(''));
  });

  it('is one of the slots, for any key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (key) => {
        const slot = slotOf(key);
        expect(Number.isInteger(slot) && slot >= 0 && slot < slotCount).toBe(true);
      }),
    );
  });
});

describe('readClaims', () => {
  it('reads who owns which slots, at which epoch', () => {
    const answer = [
      `${id('a')} 10.0.0.1:6379@16379 myself,master - 0 1732150000000 1 connected 0-5460`,
      `${id('b')} 10.0.0.2:6379@16379 master - 0 1732150000123 2 connected 5461-10921 12000`,
      `${id('c')} 10.0.0.3:6379@16379 slave ${id('a')} 0 1732150000456 1 connected`,
      `${id('d')} 10.0.0.4:6379@16379 master - 0 1732150000789 3 connected`,
      '',
    ].join('\n');
    expect(readClaims(answer)).toEqual([
      { address: '10.0.0.1:6379', epoch: 1, slots: [0, 5460] },
      { address: '10.0.0.2:6379', epoch: 2, slots: [5461, 10_921] },
      { address: '10.0.0.2:6379', epoch: 2, slots: [12_000, 12_000] },
    ]);
  });

  it('leaves out slots on the move: their owner is named by its ranges', () => {
    const answer = [
      `${id('a')} 10.0.0.1:6379@16379 myself,master - 0 0 7 connected 0-92 93 [93->-${id('b')}]`,
      `${id('b')} 10.0.0.2:6379@16379 master - 0 0 8 connected 94-16383 [93-<-${id('a')}]`,
    ].join('\r\n');
    expect(readClaims(answer)).toEqual([
      { address: '10.0.0.1:6379', epoch: 7, slots: [0, 92] },
      { address: '10.0.0.1:6379', epoch: 7, slots: [93, 93] },
      { address: '10.0.0.2:6379', epoch: 8, slots: [94, 16_383] },
    ]);
  });

  it('keeps the claim of a master that is said to fail, next to the newer one of its successor', () => {
    const answer = [
      `${id('a')} 10.0.0.1:6379@16379 master,fail? - 1732150000000 1732149999000 1 disconnected 0-100`,
      `${id('b')} 10.0.0.2:6379@16379 master,fail - 1732150000000 1732149999000 2 disconnected 0-100`,
      `${id('c')} 10.0.0.3:6379@16379 slave,fail ${id('b')} 1732150000000 1732149999000 2 disconnected`,
      `${id('d')} 10.0.0.4:6379@16379 myself,master,nofailover - 0 0 3 connected 0-100`,
    ].join('\n');
    expect(readClaims(answer).map(({ address, epoch }) => [address, epoch])).toEqual([
      ['10.0.0.1:6379', 1],
      ['10.0.0.2:6379', 2],
      ['10.0.0.4:6379', 3],
    ]);
  });

  it('takes the address before hostnames, shard ids and the bus port, of IPv6 too, as of servers before 4', () => {
    const addresses = ['10.0.0.1:6379@16379,redis-0.example.org', '10.0.0.1:6379@16379,,tls-port=6380,shard-id=abc', '2001:db8::1:6379@16379', '::1:6379@16379', '10.0.0.1:6379'];
    const answer = addresses.map((address) => `${id('a')} ${address} master - 0 0 1 connected 5`).join('\n');
    expect(readClaims(answer).map(({ address }) => address)).toEqual(['10.0.0.1:6379', '10.0.0.1:6379', '2001:db8::1:6379', '::1:6379', '10.0.0.1:6379']);
  });

  it('leaves out who has no address', () => {
    const answer = [
      `${id('a')} :0@0 master,noaddr - 0 0 1 disconnected 0-1`,
      `${id('b')} 10.0.0.2:6379@16379 master,fail,noaddr - 0 0 1 disconnected 2-3`,
      `${id('c')} :6379@16379 myself,master - 0 0 1 connected 4-5`,
      `${id('d')} 10.0.0.4:6379@16379 handshake - 0 0 0 connected`,
    ].join('\n');
    expect(readClaims(answer)).toEqual([]);
  });

  it('finds nothing in what is no such answer, and never throws', () => {
    expect(readClaims('ERR This instance has cluster support disabled')).toEqual([]);
    fc.assert(
      fc.property(fc.array(fc.array(fc.oneof(fc.string(), fc.constantFrom('master', '10.0.0.1:1@2', '0-5', '-', '1', '[3-<-x]')), { maxLength: 12 }).map((words) => words.join(' '))), (lines) => {
        for (const { address, slots: [first, last] } of readClaims(lines.join('\n'))) {
          expect(address).toMatch(/:\d+$/);
          expect(Number.isInteger(first) && Number.isInteger(last)).toBe(true);
        }
      }),
    );
  });
});
