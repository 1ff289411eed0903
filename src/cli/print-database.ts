import type { DatabaseStatus } from '../proto/interface.ts';
import { databaseStatusJson } from '../server/interface.ts';
import type { CommandContext } from './command-context.ts';
import { databasesText } from './status-text.ts';

/** Prints what a database is now. */
export function printDatabase(context: CommandContext, json: boolean, status: DatabaseStatus): void {
  context.print(json, databaseStatusJson(status), () => databasesText([status]));
}
