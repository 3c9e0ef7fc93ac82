/**
 * When an event was applied, seen from outside: the moment at which a gateway's acknowledgement of it, on a shared queue, came down the wire.
 *
 * Why that is sound: an event counts as applied once the cache has confirmed the invalidation and the message is acknowledged. A gateway that has
 * sent the acknowledgement claims both; whether a stalled wire or a dying broker then loses it makes no difference to the cache, only
 * that the event is delivered, and applied, once more. Why it is tight: it is seen within a fraction of a millisecond after it was sent, for each event by itself,
 * also in a backlog, where asking the broker for an empty queue would tell nothing until the whole backlog is gone.
 * Acknowledgements on private queues, which only concern one process, do not count.
 */
import type { Direction } from '../support/faults/link.js';
import { FrameReader, type Frame } from './amqp-frames.js';
import type { Listener } from './wire.js';

export interface EventTapOptions {
  /** Names of the shared queues. */
  queues: readonly string[];
  /** A message was acknowledged. Called again when it is delivered and acknowledged again. */
  acknowledged: (messageId: string) => void;
}

/** Per connection of a gateway. */
export function tapEvents(options: EventTapOptions): Listener {
  const tap = new ConnectionTap(options);
  const readers = { toServer: new FrameReader(), toClient: new FrameReader() };
  return (direction: Direction, bytes: Buffer) => {
    // A header on the way to the server belongs to a message that the gateway publishes.
    for (const frame of readers[direction].read(bytes)) if (frame.kind !== 'header' || direction === 'toClient') tap.see(frame);
  };
}

interface ChannelState {
  /** Queues whose consumers the broker has not named yet, in order. */
  readonly asked: string[];
  readonly sharedTags: Set<string>;
  /** Deliveries of shared queues without an acknowledgement, in order. */
  readonly unacknowledged: Map<bigint, string>;
  /** Of the message whose header comes next; undefined when it is none of a shared queue. */
  delivering: bigint | undefined;
}

class ConnectionTap {
  readonly #options: EventTapOptions;
  readonly #channels = new Map<number, ChannelState>();

  constructor(options: EventTapOptions) {
    this.#options = options;
  }

  see(frame: Frame): void {
    const state = this.#channel(frame.channel);
    switch (frame.kind) {
      case 'channel-open':
        this.#channels.delete(frame.channel);
        break;
      case 'consume':
        state.asked.push(frame.queue);
        break;
      case 'consume-ok':
        if (this.#options.queues.includes(state.asked.shift() ?? '')) state.sharedTags.add(frame.consumerTag);
        break;
      case 'deliver':
        state.delivering = state.sharedTags.has(frame.consumerTag) ? frame.deliveryTag : undefined;
        break;
      case 'header':
        if (state.delivering !== undefined) state.unacknowledged.set(state.delivering, frame.messageId);
        state.delivering = undefined;
        break;
      case 'ack':
        this.#acknowledge(state, frame);
        break;
    }
  }

  #acknowledge({ unacknowledged }: ChannelState, { deliveryTag, multiple }: Frame & { kind: 'ack' }): void {
    const tags = multiple ? [...unacknowledged.keys()].filter((tag) => tag <= deliveryTag || deliveryTag === 0n) : [deliveryTag];
    for (const tag of tags) {
      const messageId = unacknowledged.get(tag);
      unacknowledged.delete(tag);
      if (messageId) this.#options.acknowledged(messageId);
    }
  }

  #channel(number: number): ChannelState {
    let state = this.#channels.get(number);
    if (!state) this.#channels.set(number, (state = { asked: [], sharedTags: new Set(), unacknowledged: new Map(), delivering: undefined }));
    return state;
  }
}
