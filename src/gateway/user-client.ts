/**
 * The gateway's way to the user service, with a short in-process cache: a user is at most `USER_CACHE_TTL_SECONDS` old,
 * and dropped at once on an event. Users asked for while their load is under way share it.
 */
import { LRUCache } from 'lru-cache';
import type { User } from '../contract/generated/user/v1/User.js';
import type { UserServiceClient } from '../contract/generated/user/v1/UserService.js';
import { fromGrpcError } from '../contract/grpc-errors.js';
import { UserService } from '../contract/services.js';
import { asError } from '../runtime/as-error.js';
import { Coalescer } from '../runtime/coalescer.js';
import { channelOptions, clientCredentials, taken, unary } from '../runtime/grpc.js';
import { formatHostPort } from '../runtime/setting-types.js';
import type { Settings } from '../runtime/settings.js';
import { batching, stateOf, type ServiceState } from './media-client.js';

const readDeadlineMs = 2_000;
const maxUsers = 10_000;
/** After so many uses of what was kept elsewhere the cache is asked, so that it knows what is in use. */
const usesPerLook = 16;
const unavailable = { code: 'USER_SERVICE_UNAVAILABLE', message: 'The user service cannot be reached.' } as const;

const nobody: Promise<ReadonlyMap<string, User>> = Promise.resolve(new Map());

export interface KeptUser {
  readonly id: string;
  /** With others of the same call; what it has loaded is not held longer than needed. */
  loading: Promise<ReadonlyMap<string, User>>;
  /** Once it is loaded. */
  user?: User;
  /** Milliseconds of the process's clock. */
  readonly expires: number;
  /** False once it was dropped or replaced. */
  isKept: boolean;
}

export class UserClient {
  readonly #client: UserServiceClient;
  readonly #ttlMs: number;
  readonly #cache: LRUCache<string, KeptUser> | undefined;
  readonly #users: Coalescer<string, User | undefined>;
  #uses = 0;

  private constructor(client: UserServiceClient, ttlSeconds: number) {
    this.#client = client;
    this.#users = new Coalescer({
      call: (ids) => this.#call(ids),
      ...batching,
    });
    this.#ttlMs = ttlSeconds * 1_000;
    this.#cache = ttlSeconds > 0 ? new LRUCache({ max: maxUsers, ttl: this.#ttlMs, dispose: (kept) => (kept.isKept = false) }) : undefined;
  }

  /** Returns without waiting for the service: it connects, and reconnects for ever, by itself. */
  static async connect(settings: Settings): Promise<UserClient> {
    const options = channelOptions(['user.v1.UserService/GetUsers']);
    const client = new UserService(formatHostPort(settings.USER_SERVICE_ADDR), await clientCredentials(settings), options);
    client.getChannel().getConnectivityState(true);
    return new UserClient(client, settings.USER_CACHE_TTL_SECONDS);
  }

  get state(): ServiceState {
    return stateOf(this.#client);
  }

  /** In the order of `ids`, at most 500, one call for those that are not cached; undefined for an unknown one, an Error for one that failed. Never rejects. */
  async getMany(ids: readonly string[]): Promise<(User | undefined | Error)[]> {
    const kept = ids.map((id) => this.#cache?.get(id));
    const missing = ids.filter((_, index) => !kept[index]);
    const loading = missing.length > 0 ? this.#load(missing) : nobody;
    this.#keep(missing, loading);
    // As they are now: what has ended is forgotten.
    const loads = kept.map((one) => one?.loading ?? loading);
    const underWay = new Set(loads.filter((_, index) => !kept[index]?.user));
    const loaded = new Map(await Promise.all([...underWay].map(async (load) => [load, await load.catch(asError)] as const)));
    return ids.map((id, index) => {
      const { user } = kept[index] ?? {};
      if (user) return user;
      const found = loaded.get(loads[index] ?? loading);
      return found instanceof Error ? found : found?.get(id);
    });
  }

  /** Its `user` is what `getMany` would answer now, as long as it is kept and not expired. */
  peek(id: string): KeptUser | undefined {
    return this.#cache?.get(id);
  }

  /** Whether `peek` would give all of these, which it gave before. */
  again(users: readonly KeptUser[]): boolean {
    const now = performance.now();
    for (const { isKept, expires } of users) if (!isKept || expires <= now) return false;
    this.#uses += 1;
    if (this.#uses % usesPerLook === 0) for (const { id } of users) this.peek(id);
    return true;
  }

  /** The next read asks the service. */
  forget(id: string): void {
    this.#cache?.delete(id);
  }

  stop(): void {
    this.#client.close();
  }

  /** Kept from the start, so that concurrent reads share the load; what failed or is unknown is not kept. */
  #keep(ids: readonly string[], loading: KeptUser['loading']): void {
    const cache = this.#cache;
    if (!cache || ids.length === 0) return;
    const expires = performance.now() + this.#ttlMs;
    const all = ids.map((id): KeptUser => ({ id, loading, expires, isKept: true }));
    for (const kept of all) cache.set(kept.id, kept);
    const settle = (found: ReadonlyMap<string, User> | undefined): void => {
      for (const kept of all) {
        const user = found?.get(kept.id);
        kept.loading = nobody;
        if (user) kept.user = user;
        else if (cache.peek(kept.id) === kept) cache.delete(kept.id);
      }
    };
    loading.then(settle, () => settle(undefined));
  }

  async #call(ids: readonly string[]): Promise<(User | undefined)[]> {
    try {
      const { results } = await unary(this.#client, UserService.service.GetUsers, { ids: [...ids] }, readDeadlineMs);
      return taken(results).map(({ user }) => user ?? undefined);
    } catch (error) {
      throw fromGrpcError(error, unavailable);
    }
  }

  async #load(ids: readonly string[]): Promise<Map<string, User>> {
    const found = await this.#users.ask(ids);
    const users = new Map<string, User>();
    for (const [index, id] of ids.entries()) {
      const user = found[index];
      if (user) users.set(id, user);
    }
    return users;
  }
}
