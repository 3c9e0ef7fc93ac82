/** Where the project is, seen from the compiled file (bench/.build/bench/places.js). */
import { fileURLToPath } from 'node:url';

/** With a trailing slash. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Of a script of the benchmark, as it is run. */
export function compiled(script: string): string {
  return fileURLToPath(new URL(script.replace(/\.ts$/, '.js'), import.meta.url));
}
