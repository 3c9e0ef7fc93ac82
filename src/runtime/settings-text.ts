/** The settings table as text: for --help, and for the README, which a test compares with it. */
import { settingsEntries } from './settings.js';
import type { Program } from './setting-types.js';

export function helpText(name: string, programs: readonly Program[]): string {
  const rows = settingsEntries()
    .filter(([, entry]) => entry.programs.some((program) => programs.includes(program)))
    .map(([setting, entry]) => [setting, entry.shownDefault, withAliases(entry.meaning, entry.aliases)]);
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const [nameWidth, defaultWidth] = [width(0), width(1)];
  const lines = rows.map(([setting = '', value = '', meaning = '']) => `  ${setting.padEnd(nameWidth)}  ${value.padEnd(defaultWidth)}  ${meaning}`);
  return `${name}: settings are environment variables (name, default, meaning)\n\n${lines.join('\n')}\n`;
}

export function settingsMarkdown(): string {
  const rows = settingsEntries().map(
    ([name, entry]) => `| \`${name}\` | ${entry.shownDefault} | ${entry.programs.join(', ')} | ${withAliases(entry.meaning, entry.aliases)} |`,
  );
  return ['| name | default | read by | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

function withAliases(meaning: string, aliases: readonly string[]): string {
  return aliases.length > 0 ? `${meaning}; also ${aliases.map((alias) => `\`${alias}\``).join(', ')}` : meaning;
}
