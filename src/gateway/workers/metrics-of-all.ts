/** `/metrics` of one worker for all of them: counters are added up, gauges as each says. A worker that does not answer in time is left out. */
import { AggregatorRegistry, type Registry } from 'prom-client';
import { z } from 'zod';
import type { WorkerLink } from '../../runtime/workers/worker-link.js';
import type { MetricsPage } from '../metrics.js';

const answerMs = 1_000;

/** NaN is null on its way. */
const value = z.looseObject({ value: z.number().nullable().transform((number) => number ?? Number.NaN) });
const metrics = z.array(z.looseObject({ name: z.string(), aggregator: z.string(), values: z.array(value) }));

/** Before the worker joins. */
export function metricsOfAll(own: Registry, link: Pick<WorkerLink, 'ask' | 'answer'>): MetricsPage {
  link.answer('metrics', () => own.getMetricsAsJSON());
  return {
    contentType: own.contentType,
    metrics: async () => {
      const [mine, { bodies }] = await Promise.all([own.getMetricsAsJSON(), link.ask('metrics', undefined, answerMs)]);
      return AggregatorRegistry.aggregate([mine, ...bodies.map((body) => metrics.parse(body))]).metrics();
    },
  };
}
