import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { QuorateError } from '../../errors/interface.ts';
import { dumpStatements } from '../../sqlite/interface.ts';
import type { ShellSession } from './shell-session.ts';

/**
 * Prints SQL that rebuilds the database. It is made from an exported file, which has the content of one moment however long the
 * printing takes.
 */
export async function printDump({ client, database, streams }: ShellSession, signal: AbortSignal): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'quorate-dump-'));
  try {
    const file = path.join(folder, 'data.sqlite');
    await pipeline(client.exportDatabase(database), createWriteStream(file, { mode: 0o600 }), { signal });
    for (const statement of dumpStatements(file)) {
      if (signal.aborted) {
        break;
      }
      streams.out(`${statement}\n`);
      await streams.drained?.();
    }
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (signal.aborted) {
    throw new QuorateError('CANCELLED', 'the dump was cancelled and is not complete');
  }
}
