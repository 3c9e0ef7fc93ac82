/** The summary as an SVG: one panel per question, one bar per contender, with the spread of its rounds. */
import { titleOf } from './table.js';
import { contenders } from '../contenders.js';
import type { Answer, Summary } from './summary.js';

const [width, labelWidth, valueWidth] = [980, 300, 90];
const [rowHeight, barHeight, panelGap, headHeight, margin] = [22, 14, 26, 24, 20];
const barWidth = width - labelWidth - valueWidth - 2 * margin;

const colours = { ours: '#0b6e4f', peer: '#8fa3b5', floor: '#d0a24c', bare: '#d0a24c' };

export function pictureOf(answers: readonly Answer[], { title, note }: { title: string; note: string }): string {
  let y = margin + 44;
  const panels = answers.map((answer) => {
    const panel = panelOf(answer, y);
    y += headHeight + answer.contenders.length * rowHeight + panelGap;
    return panel;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    text(margin, margin + 8, title, 'font-size="16" font-weight="600"'),
    text(margin, margin + 28, note, 'fill="#57606a"'),
    ...panels,
    '</svg>\n',
  ].join('\n');
}

function panelOf({ question, contenders: summaries }: Answer, top: number): string {
  const most = Math.max(...summaries.map(({ highest }) => highest));
  const rows = summaries.toSorted((a, b) => b.throughput - a.throughput).map((summary, index) => rowOf(summary, { most, top: top + headHeight + index * rowHeight }));
  return [text(margin, top + 12, `${question}, answers per second`, 'font-weight="600"'), ...rows].join('\n');
}

function rowOf({ contender, throughput, lowest, highest }: Summary, { most, top }: { most: number; top: number }): string {
  const at = (value: number): number => Math.round((value / most) * barWidth * 10) / 10;
  const left = margin + labelWidth;
  const middle = top + barHeight / 2;
  const kind = contenders.find(({ name }) => name === contender)?.kind ?? 'peer';
  return [
    text(left - 8, middle + 4, titleOf(contender), 'text-anchor="end"'),
    `<rect x="${left}" y="${top}" width="${at(throughput)}" height="${barHeight}" fill="${colours[kind]}"/>`,
    `<line x1="${left + at(lowest)}" x2="${left + at(highest)}" y1="${middle}" y2="${middle}" stroke="#24292f"/>`,
    text(left + at(highest) + 6, middle + 4, Math.round(throughput).toLocaleString('en'), ''),
  ].join('\n');
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}" fill="#24292f" ${attributes}>${escaped}</text>`.replace('fill="#24292f" fill=', 'fill=');
}
