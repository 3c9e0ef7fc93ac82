/** Writes the generated parts of README.md: the settings table, from the one that the programs read. Run after `npm run build`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { settingsMarkdown } from '../dist/runtime/settings-text.js';

const readme = new URL('../README.md', import.meta.url);
const begin = '<!-- settings: written by `npm run docs` -->\n';
const end = '\n<!-- end of settings -->';
const text = readFileSync(readme, 'utf8');
const [before, rest] = text.split(begin);
const [, after] = rest.split(end);
writeFileSync(readme, `${before}${begin}${settingsMarkdown()}${end}${after}`);
