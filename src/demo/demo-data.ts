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

/** How often the group is asked whether it is whole, in milliseconds. */
const groupPollMs = 100;

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

/** Makes the database on a node, empty or from a file. @throws QuorateError which names the file */
export async function createDatabase(node: DemoNode, database: string, file: string | undefined): Promise<void> {
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

/** Makes a group of the database of the first node, and waits until the others have all of it. */
export async function formGroup(
  [first, ...others]: readonly [DemoNode, ...DemoNode[]],
  database: string,
  timers: Timers,
  signal: AbortSignal,
): Promise<void> {
  await first.client.groups.create({ database, leaseMs: 0 });
  for (const node of others) {
    await node.client.groups.join({ database, self: undefined });
  }
  const isWhole = async () =>
    (await first.client.groups.list(database)).every(
      ({ members }) => members.length === others.length + 1 && members.every(({ learner }) => !learner),
    );
  while (!(await isWhole())) {
    await timers.sleep(groupPollMs, signal);
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
