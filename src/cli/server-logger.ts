import process from 'node:process';
import { type Level, pino } from 'pino';
import type { Logger } from '../runtime/interface.ts';
import { tracing } from '../tracing/interface.ts';

const levelNames = new Map([
  [20, 'debug'],
  [30, 'info '],
  [40, 'WARN '],
  [50, 'ERROR'],
]);

/** A line for people: time, level, message and the fields. */
function readable(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as { level: number; time: number; msg: string };
  const details = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `${new Date(time).toISOString()} ${levelNames.get(level) ?? level} ${[msg, ...details].join('  ')}\n`;
}

/** Writes log lines to standard error: JSON for programs, text for people. */
export function createServerLogger(level: string, json: boolean): Logger {
  const write = (line: string) => process.stderr.write(json ? line : readable(line));
  // What is logged while a request is answered names its trace.
  const mixin = () => tracing()?.logFields() ?? {};
  return pino({ level: level as Level, base: null, mixin }, { write });
}
