import type { Logger } from '../runtime/interface.ts';

export type LogLevel = keyof Logger;

/** A log entry on its way from a thread or a process to the logger of the node. */
export interface LogEntry {
  readonly level: LogLevel;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A logger that hands its entries to somebody else. */
export function forwardingLogger(forward: (entry: LogEntry) => void): Logger {
  const at = (level: LogLevel) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    forward({ level, fields, message });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export function writeLogEntry(logger: Logger, entry: LogEntry): void {
  logger[entry.level](entry.fields, entry.message);
}
