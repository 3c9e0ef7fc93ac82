/** The codes of file system errors. */

/** Not by class: an error of Node's own has another `Error` than code that runs in a context of its own, as tests do. */
export function hasErrno(error: unknown, code: 'ENOENT' | 'EEXIST'): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
