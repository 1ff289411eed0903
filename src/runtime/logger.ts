/** Where a node writes what happens. Fields carry names, never secrets. The server gives pino, a library user anything. */
export interface Logger {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

const ignore = () => {};

/** A logger that says nothing. */
export const nullLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
