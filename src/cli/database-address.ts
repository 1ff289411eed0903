import { defaultPort } from '../config/interface.ts';
import { QuorateError } from '../errors/interface.ts';

/** A database on some server. */
export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
}

const pattern = /^(?:\[([0-9a-f:.]+)\]|([^/:[\]]+))(?::(\d{1,5}))?\/([^/]+)$/i;

/** Parses `host:port/database` or `host/database`. @throws QuorateError INVALID_ARGUMENT */
export function parseDatabaseAddress(flag: string, text: string): DatabaseAddress {
  const [, bracketed, plain, port = String(defaultPort), database = ''] = pattern.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new QuorateError('INVALID_ARGUMENT', `${flag}: ${JSON.stringify(text)} is no address of a database`, {
      hint: 'Write host:port/database, such as 127.0.0.1:3322/defaultdb.',
    });
  }
  return { host, port: Number(port), database };
}
