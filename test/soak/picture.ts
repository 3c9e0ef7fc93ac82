/**
 * The picture of a soak, as SVG: latency, what answered, and how long the oldest event was waiting, second by second, with the faults marked.
 * Invariant: it needs nothing beside itself, and shows all seconds of the run.
 */
import type { LoggedFault } from './fault-log.js';
import { cachedShare, type Second } from './meter.js';

const width = 1_400;
const margin = { left: 70, right: 20, top: 40, gap: 40 } as const;
const panelHeight = 160;
const plotWidth = width - margin.left - margin.right;

interface Line {
  name: string;
  color: string;
  valueOf: (second: Second) => number;
}

interface Panel {
  title: string;
  lines: readonly Line[];
  /** Undefined: as high as the highest value. */
  max: number | undefined;
  unit: string;
}

const panels: readonly Panel[] = [
  {
    title: 'Latency of queries',
    unit: 'ms',
    max: undefined,
    lines: [
      { name: 'p99', color: '#c2410c', valueOf: ({ latency }) => latency.p99 },
      { name: 'p50', color: '#1d4ed8', valueOf: ({ latency }) => latency.p50 },
    ],
  },
  {
    title: 'Answered from the cache',
    unit: '%',
    max: 100,
    lines: [
      { name: 'cache', color: '#15803d', valueOf: ({ tiers }) => cachedShare(tiers) * 100 },
      { name: 'in process', color: '#7e22ce', valueOf: ({ tiers }) => cachedShare({ ...tiers, 'media-service': tiers['media-service'] + tiers.redis + tiers.stale, redis: 0, stale: 0 }) * 100 },
    ],
  },
  {
    title: 'An older version may be seen for: age of the oldest event that is not applied',
    unit: 'ms',
    max: undefined,
    lines: [{ name: 'oldest event', color: '#b91c1c', valueOf: ({ oldestEventMs }) => oldestEventMs }],
  },
];

const height = margin.top + panels.length * (panelHeight + margin.gap);

export function drawPicture(seconds: readonly Second[], faults: readonly LoggedFault[]): string {
  const endMs = Math.max(1, seconds.length) * 1_000;
  const body = panels.map((panel, index) => drawPanel(panel, { seconds, faults, endMs, top: margin.top + index * (panelHeight + margin.gap) }));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="white"/>
<text x="${margin.left}" y="16" fill="#555">grey: a fault, until it was mended (its name shows on hover); seconds since the start of the run</text>
${body.join('\n')}
</svg>
`;
}

interface Frame {
  seconds: readonly Second[];
  faults: readonly LoggedFault[];
  endMs: number;
  top: number;
}

function drawPanel({ title, lines, max, unit }: Panel, { seconds, faults, endMs, top }: Frame): string {
  const highest = max ?? niceMax(Math.max(1, ...seconds.flatMap((second) => lines.map(({ valueOf }) => valueOf(second)))));
  const x = (ms: number): string => (margin.left + (Math.min(ms, endMs) / endMs) * plotWidth).toFixed(1);
  const y = (value: number): string => (top + panelHeight * (1 - Math.min(1, value / highest))).toFixed(1);
  const bars = faults.map(({ kind, from, mended }) => {
    const wide = Math.max(1.5, ((mended - from) / endMs) * plotWidth).toFixed(1);
    return `<rect x="${x(from)}" y="${top}" width="${wide}" height="${panelHeight}" fill="#888" opacity="0.3"><title>${kind}, ${((mended - from) / 1_000).toFixed(1)} s</title></rect>`;
  });
  const rules = [0, 0.25, 0.5, 0.75, 1].map(
    (part) =>
      `<path d="M${margin.left} ${y(highest * part)}h${plotWidth}" stroke="#ddd"/><text x="${margin.left - 6}" y="${y(highest * part)}" dy="4" text-anchor="end">${label(highest * part)} ${unit}</text>`,
  );
  const times = [0, 0.25, 0.5, 0.75, 1].map((part) => `<text x="${x(endMs * part)}" y="${top + panelHeight + 16}" text-anchor="middle">${Math.round((endMs * part) / 1_000)} s</text>`);
  const curves = lines.map(({ color, valueOf }) => {
    const points = seconds.map((second, index) => `${x((index + 0.5) * 1_000)},${y(valueOf(second))}`);
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${color}" stroke-width="1.2"/>`;
  });
  const legend = lines.map(({ name, color }, index) => `<text x="${width - margin.right - 90 * (lines.length - index - 1)}" y="${top - 6}" text-anchor="end" fill="${color}">${name}</text>`);
  return [`<text x="${margin.left}" y="${top - 6}" font-weight="bold">${title}</text>`, ...bars, ...rules, ...times, ...curves, ...legend].join('\n');
}

/** 1, 2 or 5 times a power of ten. */
function niceMax(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

function label(value: number): string {
  return value >= 10 ? String(Math.round(value)) : String(Math.round(value * 100) / 100);
}
