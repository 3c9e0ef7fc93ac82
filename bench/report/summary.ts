/** Measurements of several rounds, told as medians and spread, per question and contender. */
import { isQuiet, type Measurement } from '../measure.js';

export type Figure = Exclude<keyof Measurement, 'question' | 'name' | 'contender' | 'round'>;

/** Medians over the rounds in which others left the gateway its core, if there was one, else over all; and the lowest and highest throughput of these. */
export interface Summary extends Readonly<Record<Figure, number>> {
  readonly contender: string;
  readonly lowest: number;
  readonly highest: number;
  /** Of its throughput with the first variant of the question: the median of the rounds' ratios, for machines that change their speed; NaN of the first one. */
  readonly ofFirst: number;
  /** That the medians are taken over, and that there were. */
  readonly counted: number;
  readonly rounds: number;
}

export interface Answer {
  readonly question: string;
  readonly contenders: readonly Summary[];
}

/** In the order in which questions and contenders were first measured. */
export function summarise(measurements: readonly Measurement[]): Answer[] {
  const titles = [...new Set(measurements.map(({ question }) => question))];
  return titles.map((question) => {
    const asked = measurements.filter((measurement) => measurement.question === question);
    const names = [...new Set(asked.toSorted((a, b) => a.round - b.round).map(({ contender }) => contender))];
    return { question, contenders: names.map((name) => summaryOf(name, question, measurements.filter(({ contender }) => contender === name))) };
  });
}

/** `ofContender`: with all questions. */
function summaryOf(contender: string, question: string, ofContender: readonly Measurement[]): Summary {
  const all = ofContender.filter((measurement) => measurement.question === question);
  const measurements = countedOf(all);
  const median = (figure: Figure): number => medianOf(measurements.map((measurement) => measurement[figure]));
  const throughputs = measurements.map(({ throughput }) => throughput);
  return {
    contender,
    counted: measurements.length,
    rounds: all.length,
    throughput: median('throughput'),
    lowest: Math.min(...throughputs),
    highest: Math.max(...throughputs),
    ofFirst: ofFirst(measurements, ofContender),
    p50: median('p50'),
    p99: median('p99'),
    cpuMicros: median('cpuMicros'),
    busy: median('busy'),
    disturbed: median('disturbed'),
    redisCommands: median('redisCommands'),
    redisTrips: median('redisTrips'),
    grpcCalls: median('grpcCalls'),
    peakMb: median('peakMb'),
    redisMb: median('redisMb'),
  };
}

/** Of measurements of one question. */
function ofFirst(measurements: readonly Measurement[], ofContender: readonly Measurement[]): number {
  const [{ name, question } = { name: '', question: '' }] = measurements;
  const title = ofContender.find((measurement) => measurement.name === name)?.question;
  const first = title === question ? [] : countedOf(ofContender.filter((measurement) => measurement.question === title));
  return medianOf(measurements.flatMap(({ round, throughput }) => first.filter((other) => other.round === round).map((other) => throughput / other.throughput)));
}

function countedOf(all: readonly Measurement[]): readonly Measurement[] {
  const quiet = all.filter(isQuiet);
  return quiet.length > 0 ? quiet : all;
}

/** Of an even number, the mean of the two in the middle. */
export function medianOf(values: readonly number[]): number {
  const ascending = values.toSorted((a, b) => a - b);
  const middle = ascending.length / 2;
  return ((ascending[Math.floor(middle - 0.5)] ?? NaN) + (ascending[Math.floor(middle)] ?? NaN)) / 2;
}
