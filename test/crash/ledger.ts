/**
 * What the clients know: each change that they have asked for, and what was answered.
 * Invariant: "acknowledged" is written only with an answer in hand; what was asked for without one may have happened or not.
 */
import type { Media } from '../../src/contract/generated/media/v1/Media.js';

export interface UploadRecord {
  /** Names the file: rows and events of this upload carry it. */
  readonly fileName: string;
  readonly modelType: string;
  readonly modelId: string;
  readonly collectionName: string;
  readonly sha256: string;
  readonly size: number;
  /** How often it was sent. */
  attempts: number;
  acknowledged: Pick<Media, 'id' | 'uuid'> | undefined;
}

export interface DeletionRecord {
  readonly id: string;
  acknowledged: boolean;
}

export class Ledger {
  readonly uploads: UploadRecord[] = [];
  /** By the id of the media. */
  readonly deletions = new Map<string, DeletionRecord>();
  /** Acknowledged, to stay until somebody asks for their deletion, which nobody has. */
  readonly #lasting: UploadRecord[] = [];

  add(upload: UploadRecord): void {
    this.uploads.push(upload);
  }

  /** `lasting`: nothing but a deletion ends it. */
  acknowledge(upload: UploadRecord, { id, uuid }: Pick<Media, 'id' | 'uuid'>, { lasting }: { lasting: boolean }): void {
    upload.acknowledged = { id, uuid };
    if (lasting) this.#lasting.push(upload);
  }

  /** One that lasts; undefined: there is none. `place` chooses it by its number below `count`. */
  pickLasting(place: (count: number) => number): UploadRecord | undefined {
    return this.#lasting[place(this.#lasting.length)];
  }

  /** As `pickLasting`; somebody asks for its deletion now. */
  beginDeletion(place: (count: number) => number): DeletionRecord | undefined {
    const [upload] = this.#lasting.splice(place(this.#lasting.length), 1);
    if (!upload?.acknowledged) return undefined;
    const deletion = { id: upload.acknowledged.id, acknowledged: false };
    this.deletions.set(deletion.id, deletion);
    return deletion;
  }
}
