/** The hash slots of Redis Cluster: which slot a key has, and who claims which slots. Source: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/. */

export const slotCount = 16_384;

/** Of the part in the first braces, if there is one. */
export function slotOf(key: string): number {
  const tag = /^[^{]*\{([^}]+)\}/.exec(key)?.[1] ?? key;
  return crc16(Buffer.from(tag)) % slotCount;
}

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}

export interface Claim {
  /** `host:port` of the server that says, or is said, to own the slots. */
  readonly address: string;
  /** Of two claims to a slot the one with the higher epoch is the newer. */
  readonly epoch: number;
  /** First and last. */
  readonly slots: readonly [number, number];
}

/** The claims in an answer to CLUSTER NODES; lines that cannot be read are left out. */
export function readClaims(answer: string): Claim[] {
  return answer.split('\n').flatMap((line) => {
    const [, address = '', flags = '', , , , epoch, , ...ranges] = line.trim().split(' ');
    const host = address.split('@')[0] ?? '';
    if (!flags.split(',').includes('master') || flags.includes('noaddr') || !/^.+:\d+$/.test(host)) return [];
    return ranges.flatMap((range) => {
      const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
      return first === undefined ? [] : [{ address: host, epoch: Number(epoch), slots: [Number(first), Number(last)] as const }];
    });
  });
}
