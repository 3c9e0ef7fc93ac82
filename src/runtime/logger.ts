/** The process's structured log: JSON lines on standard output. Secrets never reach it: what could hold one is redacted here. */
import { pino, type Logger, type LoggerOptions } from 'pino';

export type { Logger };

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** `fields` are in every line. */
export function createLogger(program: string, level: LogLevel, fields: Readonly<Record<string, unknown>> = {}): Logger {
  const options: LoggerOptions = {
    name: program,
    level,
    base: { pid: process.pid, ...fields },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: ['req.headers.authorization', 'req.headers.cookie', 'url', '*.url'], censor: '[redacted]' },
    serializers: { err: describeError },
  };
  // Synchronous: an asynchronous one blocks the exit for ever when whoever read the output has gone.
  return pino(options, pino.destination({ dest: 1, sync: true }));
}

/**
 * An error as log fields: its name, code and message with those of its causes.
 * The stack is kept for errors that no one foresaw only; an error with a code explains itself.
 */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const code = 'code' in error && (typeof error.code === 'string' || typeof error.code === 'number') ? error.code : undefined;
  return {
    name: error.name,
    message: error.message,
    ...(code === undefined ? { stack: error.stack } : { code }),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}
