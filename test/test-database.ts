/** Databases in temporary folders, for tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type Database,
  type DatabaseContext,
  type DatabaseLimits,
  type DatabaseSettings,
  defaultDatabaseLimits,
  type SnapshotLease,
} from '../src/database/interface.ts';
import { QuorateError } from '../src/errors/interface.ts';
import { createNodeRuntime } from '../src/runtime/interface.ts';
import { ReadConnection } from '../src/sqlite/interface.ts';

export const primarySettings: DatabaseSettings = { role: 'primary', term: 1, replication: { enabled: false } };

export const replicaSettings: DatabaseSettings = {
  role: 'replica',
  term: 0,
  replication: {
    enabled: false,
    upstream: { host: '127.0.0.1', port: 3322, database: 'shop', username: 'admin', password: 'secret' },
  },
};

/** A folder that goes with the test. */
export class TestFolder implements Disposable {
  readonly path = mkdtempSync(path.join(tmpdir(), 'quorate-test-'));

  context(name: string, limits: Partial<DatabaseLimits> = {}): DatabaseContext {
    return {
      runtime: createNodeRuntime(),
      name,
      directory: path.join(this.path, name),
      origin: 7n,
      limits: { ...defaultDatabaseLimits, ...limits },
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** The value of the first column of the first row, read through the writer. */
export async function scalar(database: Database, sql: string): Promise<unknown> {
  const { results } = await database.writer.transact([{ sql }]);
  return results[0]?.rows[0]?.[0];
}

/** Rows of the table `t` that a reader outside of the writer sees. */
export function shown(database: Database): number {
  using reader = ReadConnection.open(database.filePath);
  return Number(reader.get('SELECT count(*) AS n FROM t')?.['n']);
}

export async function contentDigest(database: Database): Promise<string> {
  return Buffer.from((await database.digest()).digest).toString('hex');
}

/** For `assert.rejects`. */
export function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof QuorateError && error.code === code;
}

/** Carries a snapshot from `from` bytes on up to `end`. */
export async function carrySnapshot(lease: SnapshotLease, to: Database, from = 0, end = lease.header.sizeBytes) {
  await to.inbox.begin(lease.header, from, 0);
  for (let offset = from; offset < end; ) {
    const chunk = Buffer.alloc(Math.min(20_000, end - offset));
    const count = await lease.read(chunk, offset);
    await to.inbox.write(offset, chunk.subarray(0, count));
    offset += count;
  }
}

/** Carries everything from a primary to a replica in the same process, as a session would. */
export async function catchUp(from: Database, to: Database): Promise<void> {
  const { databaseId } = from.source;
  if (databaseId === undefined) {
    throw new Error('the source has no log');
  }
  await to.sink.initialize(databaseId);
  for (let next = to.positions().tip + 1; next <= from.source.exportableTxId(); ) {
    const batch = await from.source.read(next, 1024 * 1024);
    await to.sink.append(Uint8Array.from(batch.bytes), from.positions().commit, from.positions().term);
    next = batch.lastTxId + 1;
  }
  to.sink.commitTo(from.positions().commit, from.positions().term);
  await to.waitFor(from.positions().commit, 10_000);
}
