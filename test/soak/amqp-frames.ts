/**
 * Reads AMQP 0-9-1 off a wire: the few frames that tell which message a consumer got, and what it acknowledged.
 * Invariant: nothing is asked of, or told to, either side.
 */

export type Frame =
  | { readonly kind: 'consume'; readonly channel: number; readonly queue: string }
  | { readonly kind: 'consume-ok'; readonly channel: number; readonly consumerTag: string }
  | { readonly kind: 'deliver'; readonly channel: number; readonly consumerTag: string; readonly deliveryTag: bigint }
  | { readonly kind: 'header'; readonly channel: number; readonly messageId: string }
  | { readonly kind: 'ack'; readonly channel: number; readonly deliveryTag: bigint; readonly multiple: boolean }
  | { readonly kind: 'channel-open'; readonly channel: number };

const protocolHeader = 'AMQP';
const methodFrame = 1;
const headerFrame = 2;
/** Type, channel and size before the payload; the end mark behind it. */
const before = 7;
const after = 1;

/** One direction of one connection: bytes in, in any pieces; frames out. Frames of other kinds are left out. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  *read(bytes: Buffer): Generator<Frame> {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    if (this.#rest.length >= 8 && this.#rest.toString('latin1', 0, 4) === protocolHeader) this.#rest = this.#rest.subarray(8);
    while (this.#rest.length >= before) {
      const size = this.#rest.readUInt32BE(3);
      if (this.#rest.length < before + size + after) return;
      const frame = parse(this.#rest.readUInt8(0), this.#rest.readUInt16BE(1), this.#rest.subarray(before, before + size));
      this.#rest = this.#rest.subarray(before + size + after);
      if (frame) yield frame;
    }
  }
}

function parse(type: number, channel: number, payload: Buffer): Frame | undefined {
  if (type === headerFrame) return { kind: 'header', channel, messageId: messageIdOf(payload) };
  if (type !== methodFrame) return undefined;
  const fields = new Fields(payload, 4);
  switch (`${payload.readUInt16BE(0)}.${payload.readUInt16BE(2)}`) {
    case '20.10':
      return { kind: 'channel-open', channel };
    case '60.20':
      fields.skip(2);
      return { kind: 'consume', channel, queue: fields.shortString() };
    case '60.21':
      return { kind: 'consume-ok', channel, consumerTag: fields.shortString() };
    case '60.60':
      return { kind: 'deliver', channel, consumerTag: fields.shortString(), deliveryTag: fields.long() };
    case '60.80':
      return { kind: 'ack', channel, deliveryTag: fields.long(), multiple: fields.octet() === 1 };
    default:
      return undefined;
  }
}

/** The properties that come before the message id, each with the bit that says it is there. */
const propertiesBefore = [
  [15, 'shortString'],
  [14, 'shortString'],
  [13, 'table'],
  [12, 'octet'],
  [11, 'octet'],
  [10, 'shortString'],
  [9, 'shortString'],
  [8, 'shortString'],
] as const;
const messageIdBit = 7;

/** Empty when the message has none. */
function messageIdOf(payload: Buffer): string {
  const flags = payload.readUInt16BE(12);
  if ((flags & (1 << messageIdBit)) === 0) return '';
  const fields = new Fields(payload, 14);
  for (const [bit, type] of propertiesBefore) if ((flags & (1 << bit)) !== 0) fields[type]();
  return fields.shortString();
}

class Fields {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  skip(length: number): number {
    this.#at += length;
    return this.#at - length;
  }

  octet(): number {
    return this.#bytes.readUInt8(this.skip(1));
  }

  long(): bigint {
    return this.#bytes.readBigUInt64BE(this.skip(8));
  }

  shortString(): string {
    const length = this.octet();
    const from = this.skip(length);
    return this.#bytes.toString('utf8', from, from + length);
  }

  table(): void {
    this.skip(this.#bytes.readUInt32BE(this.skip(4)));
  }
}
