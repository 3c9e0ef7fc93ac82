/** `media cleanup`: removes what nothing needs any more, as the service does once a day. */
import { formatBytes } from '../upkeep/byte-size.js';
import type { CleanupReport } from '../upkeep/cleanup.js';
import { readWords, UsageError, type MediaCommand } from './command.js';

/** @throws UsageError */
export function readCleanup(words: readonly string[]): MediaCommand {
  const { values, positionals } = readWords(words, { 'dry-run': { type: 'boolean' }, json: { type: 'boolean' } });
  if (positionals.length > 0) throw new UsageError(`${positionals[0]} is not understood: a cleanup is of everything.`);
  const { 'dry-run': dryRun = false, json = false } = values;
  return async ({ core, print, printJson }) => {
    const report = await core.cleanup.run({ dryRun });
    if (json) printJson({ dry_run: dryRun, ...report });
    else for (const line of inWords(report, dryRun)) print(line);
    return report.is_complete && report.unmatched_blobs === 0 ? 0 : 1;
  };
}

function inWords(report: CleanupReport, dryRun: boolean): string[] {
  const done = dryRun ? 'Would remove' : 'Removed';
  return [
    `${done} ${report.removed_blobs} blobs that nothing referred to (${formatBytes(report.removed_bytes)}).`,
    `${done} ${report.unrecorded_blobs} blobs without a record (${formatBytes(report.unrecorded_bytes)}).`,
    `${done} ${report.temporary_files} files of interrupted uploads (${formatBytes(report.temporary_bytes)}).`,
    ...(report.missing_blobs > 0 ? [`${report.missing_blobs} blobs are missing (${formatBytes(report.missing_bytes)}): media verify --all names them.`] : []),
    ...(report.unmatched_blobs > 0 ? [`${report.unmatched_blobs} blobs were left alone: database and byte store do not belong together. Are the settings right?`] : []),
    ...(report.is_complete ? [] : ['It was stopped half-way.']),
  ];
}
