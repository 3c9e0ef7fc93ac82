/** jest's globalTeardown: ends what global-setup.ts has started. */

// oxlint-disable-next-line import/no-default-export -- jest calls the default export
export default async function globalTeardown(): Promise<void> {
  await globalThis.sharedServers?.stop();
}
