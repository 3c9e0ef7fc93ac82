/**
 * jest's globalSetup: starts the shared servers once per run and names them in the environment, which the workers inherit.
 * jest loads this file as CommonJS with Node's own resolver, which does not know that `./x.js` is written in `./x.ts`;
 * so this file imports nothing of ours before it has taught it that.
 */
import Module from 'node:module';
import type { SharedServers } from './shared-servers.js';

declare global {
  var sharedServers: SharedServers | undefined;
}

// oxlint-disable-next-line import/no-default-export -- jest calls the default export
export default async function globalSetup(): Promise<void> {
  const { startSharedServers } = await resolvingTypeScript(() => import('./shared-servers.js'));
  globalThis.sharedServers = await startSharedServers(process.env);
  Object.assign(process.env, globalThis.sharedServers.environment);
}

/** Lets `load` find `./x.ts` where it asks for `./x.js`. */
async function resolvingTypeScript<T>(load: () => Promise<T>): Promise<T> {
  const resolve: unknown = Reflect.get(Module, '_resolveFilename');
  if (typeof resolve !== 'function') throw new Error('this version of Node has no Module._resolveFilename');
  Reflect.set(Module, '_resolveFilename', (request: string, ...rest: unknown[]): unknown => {
    try {
      return Reflect.apply(resolve, Module, [request, ...rest]);
    } catch (error) {
      if (!/^\.{1,2}\/.*\.js$/.test(request)) throw error;
      return Reflect.apply(resolve, Module, [request.replace(/\.js$/, '.ts'), ...rest]);
    }
  });
  try {
    return await load();
  } finally {
    Reflect.set(Module, '_resolveFilename', resolve);
  }
}
