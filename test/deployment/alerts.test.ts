/** The alert rules: each is about figures that the media service has. */
import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { createMediaMetrics } from '../../src/media/metrics.js';
import { createLogger } from '../../src/runtime/logger.js';

const alert = z.strictObject({
  alert: z.string().regex(/^[A-Z]\w+$/),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
  annotations: z.strictObject({ summary: z.string().min(1), description: z.string().min(1) }),
});
const rules = z.strictObject({ groups: z.array(z.strictObject({ name: z.string(), rules: z.array(alert) })) });

const path = fileURLToPath(new URL('../../ops/alerts.yml', import.meta.url));
const alerts = rules.parse(parse(readFileSync(path, 'utf8'))).groups.flatMap((group) => group.rules);

describe('the alert rules', () => {
  it.each(alerts.map((one) => [one.alert, one.expr]))('%s looks at what is measured', async (_name, expr) => {
    const { registry } = createMediaMetrics({ backlog: () => Promise.resolve({ events: 0, oldestMs: 0 }) }, createLogger('test', 'silent'));
    const measured = await registry.metrics();
    const selectors = [...expr.matchAll(/\b(?<metric>media_\w+)(?:\{operation=(?<match>~?)"(?<operation>[^"]+)"\})?/g)];
    expect(selectors.length).toBeGreaterThan(0);
    for (const { groups: { metric = '', match, operation } = {} } of selectors) {
      const operations = operation === undefined ? [undefined] : match === '~' ? alternatives(operation) : [operation];
      for (const one of operations) expect(measured).toContain(one === undefined ? `\n${metric} ` : `${metric}{operation="${one}"}`);
    }
  });

  it('have names of their own', () => {
    expect(new Set(alerts.map((one) => one.alert)).size).toBe(alerts.length);
  });
});

/** `a_(1|2)` as `a_1` and `a_2`. */
function alternatives(pattern: string): string[] {
  const { begin = '', choices = '' } = /^(?<begin>\w+)\((?<choices>[\w|]+)\)$/.exec(pattern)?.groups ?? {};
  return choices.split('|').map((choice) => begin + choice);
}
