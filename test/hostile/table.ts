/** The table of the hostile inputs with the answer that each got, as docs/hostile-inputs.md has it. */
import type { HostileInput, Reply, Section } from './hostile-input.js';

export type Outcomes = ReadonlyMap<HostileInput, Reply>;

const longest = 240;

const head = `# Hostile inputs

What the product answers to those who mean it ill. Each row is sent to the real programs by \`test/hostile/hostile.test.ts\`, which waits for the answer,
then counts rows, blobs, files and open uploads: nothing of a refused input is stored, nothing stays open, and both doors still answer.
This page is written by that test (\`UPDATE_DOCS=1\`) and compared with every run.
`;

/** @throws Error when a row has no outcome. */
export function render(sections: readonly Section[], outcomes: Outcomes, notCovered: readonly string[]): string {
  const count = sections.reduce((sum, { inputs }) => sum + inputs.length, 0);
  const tables = sections.map((section) => renderSection(section, outcomes));
  const limits = notCovered.map((limit) => `- ${limit}`).join('\n');
  return `${head}\n${count} inputs.\n\n${tables.join('\n')}\n## What this does not cover\n\n${limits}\n`;
}

function renderSection({ title, intro, inputs }: Section, outcomes: Outcomes): string {
  const rows = inputs.map((row) => {
    const outcome = outcomes.get(row);
    if (!outcome) throw new Error(`"${row.input}" has no outcome`);
    return `| ${cell(row.input)} | ${cell(outcome.answer)} | ${cell(outcome.says)} | ${row.stored ? 'yes' : 'no'} |`;
  });
  return `## ${title}\n\n${intro}\n\n| Input | Answer | What it says | Stored |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}

function cell(text: string): string {
  const short = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return short
    .replace(/[\r\n]+/g, ' ')
    .replace(/[^\x20-\x7e…]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
    .replace(/\|/g, '\\|')
    .replace(/<(?=[a-z/!])/gi, '&lt;');
}

/** In JSON, without what a terminal, an editor or a table would act on, and not without end. */
export function shown(text: string): string {
  const ascii = JSON.stringify(text).replace(/[^\x20-\x7e]|[`|]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
  return ascii.length > 80 ? `${ascii.slice(0, 40)}… (${text.length} characters)` : ascii;
}
