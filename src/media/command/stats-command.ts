/** `media stats`: what is stored, and what was done by all instances together. */
import { statisticsDocument } from '../upkeep/statistics.js';
import { readWords, UsageError, type MediaCommand } from './command.js';

/** @throws UsageError */
export function readStats(words: readonly string[]): MediaCommand {
  const { values, positionals } = readWords(words, { json: { type: 'boolean' } });
  if (positionals.length > 0) throw new UsageError(`${positionals[0]} is not understood: stats are of everything.`);
  return async ({ core, print, printJson }) => {
    const document = statisticsDocument(await core.statistics.read());
    if (values.json) printJson(document);
    else for (const line of table(rowsOf(document))) print(line);
    return 0;
  };
}

type Row = readonly (string | number)[];

function rowsOf({ types, files, blobs, bytes: _bytes, bytes_human, provider_errors: errors, ...done }: ReturnType<typeof statisticsDocument>): Row[] {
  const perType = Object.entries(types).map(([type, amount]) => [`  ${type}`, amount.blobs, amount.bytes_human]);
  const perCode = Object.entries(errors).map(([code, count]) => [`  ${code}`, count]);
  return [['files', files], ['blobs', blobs, bytes_human], ...perType, ...Object.entries(done), ['provider_errors', perCode.length], ...perCode];
}

/** The first column to the left, the others to the right. */
function table(rows: readonly Row[]): string[] {
  const width = (column: number): number => Math.max(...rows.map((row) => String(row[column] ?? '').length));
  const [first, second, third] = [width(0), width(1), width(2)];
  return rows.map(([name = '', value = '', more = '']) => `${String(name).padEnd(first)}  ${String(value).padStart(second)}  ${String(more).padStart(third)}`.trimEnd());
}
