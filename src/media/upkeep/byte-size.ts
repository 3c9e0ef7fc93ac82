/** Sizes as people read them. */

const units = ['kB', 'MB', 'GB', 'TB', 'PB'];

/** `0 B`, `999 B`, `1.5 MB`: decimal units, one digit after the point. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  let value = bytes / 1_000;
  let unit = 0;
  // What would be shown as 1000.0 is 1.0 of the next unit.
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}
