/** The command line `media …`: which verb is meant, and how it is to be used. */
import { readCleanup } from './cleanup-command.js';
import { UsageError, type MediaCommand } from './command.js';
import { readFind } from './find-command.js';
import { readImport } from './import-command.js';
import { readStats } from './stats-command.js';
import { readVerify } from './verify-command.js';

export const usage = `media import <url>… [--owner <type>/<id> --collection <name>]
    Fetches files, several at a time. With an owner they join its collection, in the order in which they arrive; without one each copy is
    kept for MEDIA_CACHE_DAYS days. Exits 1 when one failed. With --json: an object per line, as they end.
media stats
    What is stored, and what was done by all instances together.
media verify <hash> | --all
    Reads stored bytes again and compares them with their hash. Exits 1 when any are damaged or missing.
media cleanup [--dry-run]
    Removes what nothing needs any more, as the service does once a day; --dry-run only says what that is. Exits 1 when it was stopped, or
    when database and byte store do not belong together.
media find <hash | url | provider:id | media id | uuid>
    What is stored under it: size, type, where it came from, and the media that use it. A hash is a sha256 or an md5. Exits 1 when nothing is.
--json    the answer as JSON
--help    this text
As npm run media -- … too. Works on the stores of the settings (DATA_DIR, or MEDIA_DATABASE_URL and MEDIA_STORAGE_URL), also while services
run on them; these announce what an import has added. What a person follows is on standard error. Exits 2 when it is used in a wrong way.
`;

const verbs: ReadonlyMap<string, (words: readonly string[]) => MediaCommand> = new Map([
  ['import', readImport],
  ['stats', readStats],
  ['verify', readVerify],
  ['cleanup', readCleanup],
  ['find', readFind],
]);

/** @throws UsageError */
export function readMediaCommand([verb, ...words]: readonly string[]): MediaCommand {
  if (verb === undefined) throw new UsageError('What is to be done is missing.');
  const read = verbs.get(verb);
  if (!read) throw new UsageError(`There is no command ${verb}.`);
  return read(words);
}
