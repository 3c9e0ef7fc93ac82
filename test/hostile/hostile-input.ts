/** One hostile input: what it is, how it is sent, and the answer that it has to get. */
import type { World } from './world.js';

export interface Reply {
  /** A code of the closed list, an HTTP status or a gRPC status; `OK` for what was done. */
  answer: string;
  /** The sentence that came with it, or what was made of the input. */
  says: string;
}

export interface HostileInput {
  /** As the table calls it; unique in its section. */
  input: string;
  answer: string;
  /** Whether a file is there afterwards that was not there before. */
  stored: boolean;
  send: (world: World) => Promise<Reply>;
}

export interface Section {
  title: string;
  /** How they are sent. */
  intro: string;
  inputs: readonly HostileInput[];
}
