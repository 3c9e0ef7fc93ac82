import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { UserClient } from '../../src/gateway/user-client.js';
import { readSettings } from '../../src/runtime/settings.js';
import { startFakeOrigin, type FakeOrigin } from '../support/fake-origin.js';

describe('UserClient', () => {
  let origin: FakeOrigin;
  let users: UserClient;
  beforeAll(async () => {
    origin = await startFakeOrigin();
    users = await UserClient.connect(readSettings({ USER_SERVICE_ADDR: origin.address, USER_CACHE_TTL_SECONDS: '60' }, ['gateway']));
  });
  afterAll(async () => {
    users.stop();
    await origin.stop();
  });

  it('shares a load with who comes meanwhile, and its failure too', async () => {
    origin.calls.length = 0;
    const [first, second] = await Promise.all([users.getMany(['one', 'two']), users.getMany(['two', 'three'])]);
    expect([first[1], second[0]]).toMatchObject([{ id: 'two' }, { id: 'two' }]);
    expect(origin.calls).toHaveLength(2);
    origin.failure = status.UNAVAILABLE;
    const failed = await Promise.all([users.getMany(['four']), users.getMany(['one', 'four'])]);
    origin.failure = undefined;
    expect(failed[0]?.[0]).toBeInstanceOf(Error);
    expect(failed[1]?.[0]).toMatchObject({ id: 'one' });
    expect(failed[1]?.[1]).toBeInstanceOf(Error);
    expect(await users.getMany(['four'])).toMatchObject([{ id: 'four' }]);
  });

  it('gives what it keeps again until it is forgotten', async () => {
    await users.getMany(['five', 'six']);
    const kept = ['five', 'six'].flatMap((id) => users.peek(id) ?? []);
    expect(kept).toHaveLength(2);
    for (let time = 0; time < 40; time += 1) expect(users.again(kept)).toBe(true);
    users.forget('six');
    expect(users.again(kept)).toBe(false);
    await users.getMany(['six']);
    expect(users.again(kept)).toBe(false);
  });
});
