import { createReadStream } from 'node:fs';
import path from 'node:path';
import { asQuorateError, QuorateError } from '../errors/interface.ts';
import type { Timers } from '../runtime/interface.ts';
import type { DemoNode } from './demo-node.ts';
import { defaultStoreSize, type StoreSize, storeBatches } from './store-data.ts';
import { schemaStatements } from './store-schema.ts';

export const storeSeed = 1;
export const storeSize: StoreSize = defaultStoreSize;

const storeDatabase = 'store';

/** How often a replica is asked whether it has found the database, in milliseconds. */
const discoveryPollMs = 100;

/** Name of the database that a file is imported into: the file's own, as far as it is one. */
export function databaseNameOf(file: string | undefined): string {
  if (file === undefined) {
    return storeDatabase;
  }
  const stem = path
    .parse(file)
    .name.toLowerCase()
    .replace(/[^a-z0-9_-]/g, '-')
    .slice(0, 63);
  return /^[a-z0-9]/.test(stem) && stem !== 'defaultdb' && stem !== 'systemdb' ? stem : 'imported';
}

/** Whether a node has the database, from an earlier run in the same folder. */
export async function hasDatabase(node: DemoNode, database: string): Promise<boolean> {
  const { databases } = await node.client.status('');
  return databases.some((entry) => entry.database === database);
}

/** Makes the database on the primary, empty or from a file. @throws QuorateError which names the file */
export async function createOnPrimary(node: DemoNode, database: string, file: string | undefined): Promise<void> {
  const request = { database, role: 'primary', replication: undefined };
  if (file === undefined) {
    await node.client.createDatabase(request);
    return;
  }
  try {
    await node.client.importDatabase(request, createReadStream(file));
  } catch (cause) {
    const { code, message } = asQuorateError(cause);
    throw new QuorateError(code, `cannot import ${file}: ${message}`, {
      cause,
      hint: 'It must be a sound SQLite file; "sqlite3 FILE \'PRAGMA integrity_check\'" tells.',
    });
  }
}

/** Waits until a replica, which follows the whole primary, has found the database there. */
export async function untilFollowed(
  node: DemoNode,
  database: string,
  timers: Timers,
  signal: AbortSignal,
): Promise<void> {
  while (!(await hasDatabase(node, database))) {
    await timers.sleep(discoveryPollMs, signal);
  }
}

/** Fills the store. @param onProgress told how many transactions are done */
export async function loadStore(
  node: DemoNode,
  signal: AbortSignal,
  onProgress: (done: number) => void,
): Promise<void> {
  const schema = schemaStatements().map((sql) => ({ sql }));
  await node.client.execute(storeDatabase, schema, { signal });
  let done = 1;
  for (const batch of storeBatches(storeSeed, storeSize)) {
    await node.client.execute(storeDatabase, batch, { signal });
    done += 1;
    onProgress(done);
  }
}
