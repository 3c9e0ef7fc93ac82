/** The seam of authorisation: one policy, asked before a mutation's body is read, and again when the owner is known. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '../../src/contract/errors.js';
import { createGateway, type Gateway } from '../../src/gateway/gateway.js';
import type { Action, Policy } from '../../src/gateway/policy.js';
import { createLogger } from '../../src/runtime/logger.js';
import { readSettings } from '../../src/runtime/settings.js';
import { startFakeOrigin, type FakeOrigin } from '../support/fake-origin.js';
import { codesOf, onePixelPng, query, readAnswer, upload } from '../support/graphql.js';

const avatar = { modelType: 'User', modelId: '1', collectionName: 'avatars' };

describe('the policy', () => {
  let origin: FakeOrigin;
  let gateway: Gateway;
  let asked: Action[];
  let refused: Action['kind'] | undefined;

  const policy: Policy = {
    authorize: (_viewer, action) => {
      asked.push(action);
      return action.kind === refused ? Promise.reject(new AppError('FORBIDDEN', 'You may not do this.')) : Promise.resolve();
    },
  };

  beforeEach(async () => {
    [asked, refused] = [[], undefined];
    origin = await startFakeOrigin();
    const settings = readSettings({ PORT: '0', MEDIA_SERVICE_ADDR: origin.address, USER_SERVICE_ADDR: origin.address }, ['gateway']);
    gateway = await createGateway({ settings, log: createLogger('test', 'silent'), store: undefined, bus: undefined, policy });
  });
  afterEach(async () => {
    await gateway.stop();
    await origin.stop();
  });

  it('refuses an upload before anything of its body is read', async () => {
    refused = 'mutate';
    const never = new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('--x\r\n')) });
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=x', 'apollo-require-preflight': 'true' },
      body: never,
      duplex: 'half',
    });
    expect(response.status).toBe(403);
    expect(codesOf(await readAnswer(response))).toEqual(['FORBIDDEN']);
  });

  it('is asked about the owner before the file is passed on', async () => {
    refused = 'upload';
    expect(codesOf(await upload(gateway.url, onePixelPng(), 'a.png', avatar))).toEqual(['FORBIDDEN']);
    expect(asked).toEqual([{ kind: 'mutate' }, { kind: 'upload', ...avatar }]);
    expect(origin.calls).not.toContain('UploadFile');
  });

  it('is asked about the owner of what is to be deleted', async () => {
    refused = 'delete';
    origin.put([{ id: '42', model_id: '1' }]);
    expect(codesOf(await query(gateway.url, 'mutation { deleteMedia(id: "42") { success } }'))).toEqual(['FORBIDDEN']);
    expect(asked).toContainEqual({ kind: 'delete', ...avatar });
    expect(origin.calls).not.toContain('DeleteFile');
  });

  it('is asked before a message is sent', async () => {
    refused = 'send';
    const send = 'mutation { sendTemplate(input: { to: "+15550100001", template: "welcome", language: "en" }) { sent } }';
    expect(codesOf(await query(gateway.url, send))).toEqual(['FORBIDDEN']);
    expect(asked).toEqual([{ kind: 'send', template: 'welcome' }]);
    expect(origin.calls).not.toContain('SendTemplate');
  });
});
