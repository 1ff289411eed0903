/**
 * A client that shares no code with Quorate: it loads `proto/` at run time with another library, and reads records by
 * what docs/log-format.md says.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ClientDuplexStream, credentials, loadPackageDefinition, Metadata, status } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { adminPassword, ServerFixture } from './server-process.ts';

type Fields = Record<string, unknown>;

interface ForeignAdmin {
  Login(request: Fields, callback: (error: Error | null, response: { token: string }) => void): void;
  close(): void;
}

interface ForeignReplication {
  ExportTx(metadata: Metadata): ClientDuplexStream<Fields, ExportMessage>;
  close(): void;
}

interface ExportMessage {
  readonly message: 'started' | 'records' | 'heartbeat';
  readonly started?: { readonly database_id: Buffer; readonly from: { readonly tx_id: string } };
  readonly records?: { readonly records: Buffer; readonly more: boolean; readonly commit_tx_id: string };
}

type Constructor<T> = new (address: string, channel: ReturnType<typeof credentials.createInsecure>) => T;

/** The services as a library sees them that knows nothing but the `.proto` files. */
function loadServices() {
  const root = fileURLToPath(new URL('../proto', import.meta.url));
  const files = ['admin', 'replication'].map((name) => path.join(root, 'quorate', 'v1', `${name}.proto`));
  const definition = loadSync(files, {
    keepCase: true,
    longs: String,
    defaults: true,
    oneofs: true,
    includeDirs: [root],
  });
  const loaded = loadPackageDefinition(definition) as unknown as {
    quorate: { v1: { Admin: Constructor<ForeignAdmin>; Replication: Constructor<ForeignReplication> } };
  };
  return loaded.quorate.v1;
}

interface ForeignRecord {
  readonly txId: number;
  readonly term: number;
  readonly timeMs: number;
  readonly operations: Buffer;
}

/** Cuts bytes into records and follows their hash chain, as docs/log-format.md tells. */
function readRecords(bytes: Buffer, databaseId: Buffer): ForeignRecord[] {
  const records: ForeignRecord[] = [];
  let previous = createHash('sha256').update('quorate transaction log v1').update(databaseId).digest();
  for (let offset = 0; offset < bytes.length; ) {
    const size = bytes.readUInt32LE(offset);
    const record = bytes.subarray(offset, offset + size);
    const operationsLength = record.readUInt32LE(44);
    assert.equal(operationsLength, size - 80);
    const hash = record.subarray(size - 32);
    const expected = createHash('sha256')
      .update(previous)
      .update(record.subarray(0, size - 32))
      .digest();
    assert.deepEqual(hash, expected, `the chain breaks at transaction ${record.readBigUInt64LE(4)}`);
    records.push({
      txId: Number(record.readBigUInt64LE(4)),
      term: Number(record.readBigUInt64LE(12)),
      timeMs: record.readUIntLE(20, 6),
      operations: record.subarray(48, 48 + operationsLength),
    });
    previous = hash;
    offset += size;
  }
  return records;
}

/** What an ExportTx stream sends from the first transaction to `throughTxId`. */
async function exportRecords(stream: ClientDuplexStream<Fields, ExportMessage>, throughTxId: number) {
  const nothing = { tx_id: 0, term: 0, hash: Buffer.alloc(32) };
  const start = {
    ...{ protocol_min: 1, protocol_max: 1, database: 'defaultdb', database_id: Buffer.alloc(0) },
    ...{ durable: nothing, committed: nothing, replica_id: 'foreign', replica_name: 'foreign', promised_term: 0 },
  };
  stream.write({ start });
  const parts: Buffer[] = [];
  let databaseId: Buffer = Buffer.alloc(0);
  for await (const response of stream as AsyncIterable<ExportMessage>) {
    if (response.started !== undefined && response.message === 'started') {
      databaseId = response.started.database_id;
      assert.equal(Number(response.started.from.tx_id), 0);
    } else if (response.records !== undefined && response.message === 'records') {
      parts.push(response.records.records);
      if (!response.records.more && (readRecords(Buffer.concat(parts), databaseId).at(-1)?.txId ?? 0) >= throughTxId) {
        break;
      }
    }
  }
  stream.cancel();
  return readRecords(Buffer.concat(parts), databaseId);
}

test('a client made from the .proto files by another library reads ExportTx and verifies the hash chain', async (t) => {
  const fixture = new ServerFixture(t);
  const server = await fixture.start('server');
  await server.execute('defaultdb', 'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)');
  await server.execute('defaultdb', "INSERT INTO items (name) VALUES ('found by a stranger')");
  // Larger than one message, so that it comes in parts.
  await server.execute('defaultdb', 'INSERT INTO items (name) SELECT hex(zeroblob(1500000))');
  const last = await server.execute('defaultdb', "INSERT INTO items (name) VALUES ('the end')");
  const { Admin, Replication } = loadServices();
  const address = `127.0.0.1:${server.port}`;
  const admin = new Admin(address, credentials.createInsecure());
  const token = await new Promise<string>((resolve, reject) => {
    admin.Login({ user: 'admin', password: adminPassword }, (error, response) =>
      error === null ? resolve(response.token) : reject(error),
    );
  });
  const replication = new Replication(address, credentials.createInsecure());
  t.after(() => [admin, replication].map((client) => client.close()));
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  const records = await exportRecords(replication.ExportTx(metadata), last);

  assert.deepEqual(
    records.map(({ txId }) => txId),
    Array.from({ length: last }, (_, index) => index + 1),
  );
  assert.ok(records.every(({ term, timeMs }) => term >= 1 && Math.abs(timeMs - Date.now()) < 600_000));
  const found = (text: string) => records.filter(({ operations }) => operations.includes(text)).map(({ txId }) => txId);
  assert.deepEqual(found('CREATE TABLE items'), [last - 3]);
  assert.deepEqual(found('found by a stranger'), [last - 2]);
  assert.ok((records[last - 2]?.operations.length ?? 0) > 3_000_000);
  assert.deepEqual(found('the end'), [last]);
});

test('a foreign client without credentials reads nothing', async (t) => {
  const fixture = new ServerFixture(t);
  const server = await fixture.start('server');
  const { Replication } = loadServices();
  const replication = new Replication(`127.0.0.1:${server.port}`, credentials.createInsecure());
  t.after(() => replication.close());
  const stream = replication.ExportTx(new Metadata());
  await assert.rejects(exportRecords(stream, 1), { code: status.UNAUTHENTICATED });
});
