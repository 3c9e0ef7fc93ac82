/**
 * What is asked and what must be answered: users, their avatars, the three queries, and the reference answer of each.
 * Invariant: everything follows from an id and the version of its media, so that any number of owners costs nothing to keep.
 */
import type { Media } from '../src/contract/generated/media/v1/Media.js';
import type { User } from '../src/contract/generated/user/v1/User.js';

/** Of the media of an owner: 0, and one more with each change. */
export type Versions = ReadonlyMap<string, number>;

export interface Query {
  /** The JSON text of the request. */
  readonly body: string;
  /** What the JSON text of the answer must say. */
  answer(versions: Versions): unknown;
}

export const modelType = 'User';
export const collectionName = 'avatars';

export function userOf(id: string): User {
  return { id, name: `User ${id}`, email: `user-${id}@example.org` };
}

/** The row of the owner's avatar. Each user has one. */
export function mediaOf(ownerId: string, version = 0): Media {
  return {
    id: `${ownerId}0${version}`,
    model_type: modelType,
    model_id: ownerId,
    uuid: `00000000-0000-4000-8000-${ownerId.padStart(12, '0')}`,
    collection_name: collectionName,
    name: `avatar of ${ownerId}`,
    file_name: `avatar-${ownerId}-${version}.png`,
    mime_type: 'image/png',
    disk: 'local',
    conversions_disk: 'local',
    size: 10_000 + (Number(ownerId) % 90_000),
    manipulations: '{}',
    custom_properties: '{}',
    generated_conversions: '{}',
    responsive_images: '{}',
    order_column: 1,
    width: 96,
    height: 96,
    created_at: '2026-01-01T00:00:00.000Z',
    updated_at: '2026-01-01T00:00:00.000Z',
    sha256: ownerId.padStart(64, '0'),
  };
}

const avatarFields = 'id uuid fileName mimeType size';
const userFields = `id name email avatar { ${avatarFields} }`;
const texts = {
  user: `query GetUserProfile($userId: ID!) { user(id: $userId) { ${userFields} } }`,
  users: `query GetUserProfiles($ids: [ID!]!) { users(ids: $ids) { ${userFields} } }`,
  modelMedia: `query GetAvatars($modelId: ID!) { modelMedia(modelType: "${modelType}", modelId: $modelId, collectionName: "${collectionName}") { ${avatarFields} } }`,
};

function bodyOf(query: string, variables: unknown): string {
  return JSON.stringify({ query, variables });
}

/** The fields of `userFields` and `avatarFields`, in their order. */
export function profileOf({ id, name, email }: User, media: Media): unknown {
  return { id, name, email, avatar: avatarOf(media) };
}

export function avatarOf({ id, uuid, file_name, mime_type, size }: Media): unknown {
  return { id, uuid, fileName: file_name, mimeType: mime_type, size };
}

function profile(id: string, versions: Versions): unknown {
  return profileOf(userOf(id), mediaOf(id, versions.get(id)));
}

/** One user with the avatar. */
export function userQuery(userId: string): Query {
  return { body: bodyOf(texts.user, { userId }), answer: (versions) => ({ data: { user: profile(userId, versions) } }) };
}

/** Several users with theirs. */
export function usersQuery(ids: readonly string[]): Query {
  return { body: bodyOf(texts.users, { ids }), answer: (versions) => ({ data: { users: ids.map((id) => profile(id, versions)) } }) };
}

/** The avatars of an owner, without the user. */
export function modelMediaQuery(modelId: string): Query {
  return { body: bodyOf(texts.modelMedia, { modelId }), answer: (versions) => ({ data: { modelMedia: [avatarOf(mediaOf(modelId, versions.get(modelId)))] } }) };
}
