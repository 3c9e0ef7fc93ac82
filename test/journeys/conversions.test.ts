/** Conversions of an uploaded image through the real programs, on a real Redis and RabbitMQ: from "not made yet" to the bytes, on every gateway. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { z } from 'zod';
import { codesOf, query, upload } from '../support/graphql.js';
import { startGateway, startMediaService, startUserService, type Program } from '../support/programs.js';
import { sharedRabbitMQ, sharedRedis, type SharedRabbitMQ } from '../support/servers/shared.js';
import { tempDir, waitFor, type TempDir } from '../support/wait.js';

const avatarQuery = `query ($id: ID!) {
  user(id: $id) { avatar { id generatedConversions url thumb: url(conversion: "thumb") preview: url(conversion: "preview") none: url(conversion: "none") } }
  thumbOnly: modelMediaURL(modelType: "User", modelId: $id, collectionName: "avatars", conversion: "thumb")
}`;

const avatarAnswer = z.object({
  user: z.object({
    avatar: z.object({ id: z.string(), generatedConversions: z.array(z.string()), url: z.string(), thumb: z.string().nullable(), preview: z.string().nullable(), none: z.null() }),
  }),
  thumbOnly: z.string().nullable(),
});
type Avatar = z.infer<typeof avatarAnswer>['user']['avatar'] & { thumbOnly: string | null };

/** Large enough that its conversions are not made before it has been read. */
const side = 6_000;

describe('the conversions of an avatar', () => {
  let data: TempDir;
  let broker: SharedRabbitMQ;
  let programs: Program[];
  let gateways: string[];

  beforeAll(async () => {
    [data, broker] = await Promise.all([tempDir('conversions'), sharedRabbitMQ()]);
    const { url, keyPrefix } = sharedRedis();
    const [media, users] = await Promise.all([startMediaService({ DATA_DIR: data.path, RABBITMQ_ADDR: broker.url }), startUserService()]);
    const services = { MEDIA_SERVICE_ADDR: media.grpcAddress, USER_SERVICE_ADDR: users.grpcAddress };
    const env = { ...services, RABBITMQ_ADDR: broker.url, REDIS_ADDR: url, CACHE_KEY_PREFIX: keyPrefix };
    const [first, second] = await Promise.all([startGateway(env), startGateway(env)]);
    gateways = [first.url, second.url];
    programs = [first, second, users, media];
  });
  afterAll(async () => {
    for (const program of programs) await program.stop();
    await broker.stop();
    await data.remove();
  });

  const avatarOf = async (url: string, id: string): Promise<Avatar> => {
    const { user, thumbOnly } = avatarAnswer.parse((await query(url, avatarQuery, { id })).data);
    return { ...user.avatar, thumbOnly };
  };
  const uploadTo = async (id: string, image: Buffer): Promise<void> => {
    const { errors } = await upload(gateways[0] ?? '', new Blob([new Uint8Array(image)]), 'face.png', { modelType: 'User', modelId: id, collectionName: 'avatars' });
    expect(errors).toBeUndefined();
  };

  it('are null first, and there on both gateways once they are made, which the cached file tells too', async () => {
    await uploadTo('1', await sharp({ create: { width: side, height: side, channels: 3, background: '#a0522d' } }).png().toBuffer());
    // At both at once: they are being made meanwhile.
    const first = await Promise.all(gateways.map((url) => waitFor(() => avatarOf(url, '1'), { what: 'the avatar' })));
    for (const avatar of first) expect(avatar).toMatchObject({ generatedConversions: [], thumb: null, preview: null, none: null, thumbOnly: null });
    for (const url of gateways) {
      const isComplete = async (): Promise<Avatar | false> => {
        const avatar = await avatarOf(url, '1');
        return avatar.generatedConversions.length === 2 && avatar;
      };
      const avatar = await waitFor(isComplete, { what: 'both conversions', timeoutMs: 30_000 });
      expect(avatar.generatedConversions.toSorted()).toEqual(['preview', 'thumb']);
      expect(avatar).toMatchObject({ thumb: expect.any(String), preview: expect.any(String), none: null, thumbOnly: expect.any(String) });
    }
  });

  it('are images of their own, in their own size', async () => {
    const { url, thumb, preview, thumbOnly } = await avatarOf(gateways[1] ?? '', '1');
    for (const [from, width] of [[url, side], [thumb, 96], [thumbOnly, 96], [preview, 512]] as const) {
      const response = await fetch(from ?? '');
      expect(response.status).toBe(200);
      const image = await sharp(Buffer.from(await response.arrayBuffer())).metadata();
      expect(image).toMatchObject({ width, height: width, format: from === url ? 'png' : 'webp' });
      expect(response.headers.get('content-type')).toBe(`image/${image.format}`);
    }
  });

  it('are asked for by the id of the file too, with NOT_FOUND for one that there is not', async () => {
    const { id } = await avatarOf(gateways[0] ?? '', '1');
    const source = 'query ($id: ID!, $conversion: String) { mediaURL(id: $id, conversion: $conversion, expirySeconds: 60) { url expiresAt } }';
    const { data: answer } = await query(gateways[0] ?? '', source, { id, conversion: 'thumb' });
    expect(answer).toMatchObject({ mediaURL: { url: expect.stringContaining('http') } });
    expect(codesOf(await query(gateways[0] ?? '', source, { id, conversion: 'none' }))).toEqual(['NOT_FOUND']);
  });
});
