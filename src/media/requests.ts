/**
 * What clients ask the library for, made safe: names, owners and properties.
 * Invariant: what leaves here can be stored, shown and sent by everyone; what cannot is refused in a sentence that says what is allowed.
 */
import { z } from 'zod';
import { AppError } from '../contract/errors.js';
import { checkIdentifier, maxIdentifierLength } from '../contract/identifier.js';
import { cleanText, safeFileName, stemOf } from './files/file-names.js';
import type { CollectionKey, MediaChanges } from './rows/media-store.js';

export interface UploadRequest {
  modelType: string;
  modelId: string;
  collectionName: string;
  /** Mended where it is unsafe, or refused. */
  fileName: string;
  /** Empty: the file name without its extension. */
  name: string;
  /** JSON text of an object or of `[]`; empty = {}. At most 64 KB. */
  customProperties: string;
  /** Empty: none. */
  idempotencyKey: string;
}

const maxPropertiesBytes = 65_536;
/** What is nested deeper cannot be read by everyone. */
const maxLevels = 32;

export function acceptOwner({ modelType, modelId, collectionName }: CollectionKey): void {
  checkIdentifier('model_type', modelType);
  checkIdentifier('model_id', modelId);
  checkIdentifier('collection_name', collectionName);
}

export function acceptUpload(request: UploadRequest): UploadRequest {
  acceptOwner(request);
  if (request.idempotencyKey !== '') checkIdentifier('idempotency_key', request.idempotencyKey);
  const fileName = safeFileName(request.fileName);
  const name = acceptName(request.name) || stemOf(fileName);
  return { ...request, fileName, name, customProperties: acceptProperties(request.customProperties) };
}

function acceptName(given: string): string {
  const name = cleanText(given).trim();
  if (name.length > maxIdentifierLength) throw new AppError('BAD_USER_INPUT', `name must have at most ${maxIdentifierLength} characters.`);
  return name;
}

/** @throws AppError BAD_USER_INPUT */
export function acceptChanges({ name, fileName, customProperties }: MediaChanges): MediaChanges {
  return {
    name: name === undefined ? undefined : acceptName(name) || refuseName(),
    fileName: fileName === undefined ? undefined : safeFileName(fileName),
    customProperties: customProperties === undefined ? undefined : acceptProperties(customProperties),
  };
}

function refuseName(): never {
  throw new AppError('BAD_USER_INPUT', 'name must not be empty.');
}

/** PHP writes an empty object as `[]`. */
const properties = z.union([z.record(z.string(), z.unknown()), z.tuple([])]);

function acceptProperties(text: string): string {
  if (text === '') return '{}';
  if (Buffer.byteLength(text) > maxPropertiesBytes) {
    throw new AppError('BAD_USER_INPUT', `custom_properties must have at most ${maxPropertiesBytes} bytes.`);
  }
  const parsed = parseProperties(text);
  if (!isShallow(maxLevels, parsed)) throw new AppError('BAD_USER_INPUT', `custom_properties must be nested ${maxLevels} levels deep at most.`);
  return JSON.stringify(parsed);
}

function parseProperties(text: string): unknown {
  try {
    return properties.parse(JSON.parse(text));
  } catch {
    throw new AppError('BAD_USER_INPUT', 'custom_properties must be the JSON text of an object.');
  }
}

function isShallow(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isShallow(levels - 1, inner));
}
