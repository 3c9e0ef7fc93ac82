/**
 * Where the programs of a real server, and curl, are on this machine, and their installation when there are none.
 * Invariant: a test never goes on without its server; whoever lacks one learns what to install.
 */
import { execFile } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

export type PackageName = 'redis' | 'rabbitmq' | 'postgres' | 'curl';

interface Recipe {
  /** All of these must be in the directory. */
  programs: readonly string[];
  /** Looked at in this order. PATH stands for all its directories; a `*` matches within one folder name. */
  places: readonly string[];
  /** The Debian package, and the services it would leave enabled. */
  packageName: string;
  services: readonly string[];
  /** The setting that names a running server instead, for a server. */
  setting?: string;
}

const RECIPES: Record<PackageName, Recipe> = {
  redis: {
    programs: ['redis-server'],
    places: ['PATH', '/opt/homebrew/bin', '/usr/local/opt/redis/bin'],
    packageName: 'redis-server',
    services: ['redis-server'],
    setting: 'TEST_REDIS_URL',
  },
  rabbitmq: {
    programs: ['rabbitmq-server', 'rabbitmqctl'],
    // Debian's wrappers on PATH change the user and drop the environment, so the real scripts come first.
    places: ['/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin', '/opt/rabbitmq/sbin', '/opt/homebrew/opt/rabbitmq/sbin', 'PATH'],
    packageName: 'rabbitmq-server',
    services: ['rabbitmq-server', 'epmd.service', 'epmd.socket'],
    setting: 'TEST_RABBITMQ_URL',
  },
  postgres: {
    programs: ['initdb', 'postgres'],
    places: ['PATH', '/usr/lib/postgresql/*/bin', '/usr/pgsql-*/bin', '/opt/homebrew/opt/postgresql*/bin'],
    packageName: 'postgresql',
    services: ['postgresql'],
    setting: 'TEST_POSTGRES_URL',
  },
  curl: { programs: ['curl'], places: ['PATH'], packageName: 'curl', services: [] },
};

/**
 * The directory that holds the server's programs; installs the Debian package first when there is none and this is root.
 * Idempotent, also from several processes at once.
 *
 * @throws Error saying what to install or which setting names a running server.
 */
export async function findOrInstall(name: PackageName): Promise<string> {
  const recipe = RECIPES[name];
  const found = find(recipe);
  if (found !== undefined) return found;
  const { packageName, programs, setting } = recipe;
  const wanted = `${programs.join(' and ')} not found: install the package ${packageName}${setting ? `, or set ${setting} to a running server` : ''}`;
  if (process.getuid?.() !== 0) throw new Error(`${wanted} (as root the tests install it by themselves)`);
  if (!isExecutable('/usr/bin/apt-get')) throw new Error(wanted);
  process.stderr.write(`installing ${packageName} for the tests, once on this machine\n`);
  try {
    await promisify(execFile)('flock', [LOCK, 'sh', '-c', INSTALL, 'sh', packageName, ...recipe.services], { timeout: 600_000 });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error && error.stderr ? error.stderr : error;
    throw new Error(`${wanted}. Installing it failed: ${String(said).trim().slice(-1_000)}`, { cause: error });
  }
  const installed = find(recipe);
  if (installed === undefined) throw new Error(`${wanted}. Installing it succeeded, yet it is in none of ${recipe.places.join(', ')}`);
  return installed;
}

/** A program that comes with a server but may be elsewhere, such as Erlang's epmd. @throws Error naming the places. */
export function findProgram(program: string, places: readonly string[]): string {
  const directory = find({ programs: [program], places });
  if (directory === undefined) throw new Error(`${program} is in none of ${places.join(', ')}`);
  return join(directory, program);
}

const LOCK = '/run/graphql-media-gateway-tests.lock';

/**
 * The package must not start its own server, nor at the next boot: policy-rc.d forbids the first (an existing one is
 * left alone), and the services are disabled for the second. `flock` makes a second installer wait and find it done.
 */
const INSTALL = `
package=$1; shift
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\\nexit 101\\n' >$policy && chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
get() { apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"; }
install_package() { get -o Dpkg::Options::=--force-confold install --no-install-recommends "$package"; }
ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1 || get update
install_package || { get update && install_package; } || exit 1
for service in "$@"; do systemctl disable --now "$service"; done >/dev/null 2>&1
exit 0`;

function find({ programs, places }: Pick<Recipe, 'programs' | 'places'>): string | undefined {
  return places.flatMap(directories).find((directory) => programs.every((program) => isExecutable(join(directory, program))));
}

function directories(place: string): string[] {
  if (place === 'PATH') return (process.env['PATH'] ?? '').split(':').filter((directory) => directory !== '');
  const star = place.split('/').find((folder) => folder.includes('*'));
  if (star === undefined) return [place];
  const [before = '', after = ''] = place.split(star);
  const [start = '', end = ''] = star.split('*');
  return folders(before)
    .filter((folder) => folder.startsWith(start) && folder.endsWith(end))
    .toSorted((a, b) => b.localeCompare(a, undefined, { numeric: true }))
    .map((folder) => join(before, folder, after));
}

function folders(parent: string): string[] {
  try {
    return readdirSync(parent);
  } catch {
    return [];
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
