import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type ChannelCredentials, credentials, Server, ServerCredentials } from '@grpc/grpc-js';
import { ExportSnapshotRequest, ReplicationClient, type ReplicationServer } from '../../proto/interface.ts';
import { createAuthority, issueCertificate } from '../../tls/interface.ts';
import { sendMessage } from './export-snapshot-rpc.ts';
import { replicationDefinition } from './replication-service.ts';

const chunkBytes = 1024 * 1024;
const chunkCount = 20;

/** Sends chunks, each full of its own number. */
const exportSnapshot: ReplicationServer['exportSnapshot'] = async (call) => {
  for (let i = 0; i < chunkCount; i += 1) {
    const value = { offset: i * chunkBytes, content: Buffer.alloc(chunkBytes, i) };
    await sendMessage(call, { message: { $case: 'chunk', value } }, new AbortController().signal);
  }
  call.end();
};

async function startServer(t: TestContext, security: ServerCredentials): Promise<number> {
  const server = new Server();
  server.addService(replicationDefinition, { exportSnapshot });
  t.after(() => server.forceShutdown());
  return await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', security, (error, port) => (error === null ? resolve(port) : reject(error)));
  });
}

async function transportSecurity(): Promise<{ server: ServerCredentials; client: ChannelCredentials }> {
  const validity = { nowMs: Date.now(), ttlMs: 3_600_000 };
  const authority = await createAuthority({ commonName: 'authority', ...validity });
  const pair = await issueCertificate(authority, ['localhost'], { commonName: 'localhost', ...validity });
  const keyPair = { cert_chain: Buffer.from(pair.certificate), private_key: Buffer.from(pair.privateKey) };
  return {
    server: ServerCredentials.createSsl(null, [keyPair]),
    client: credentials.createSsl(Buffer.from(authority.certificate)),
  };
}

const securities = {
  'plain text': async () => ({ server: ServerCredentials.createInsecure(), client: credentials.createInsecure() }),
  TLS: transportSecurity,
};

for (const [name, make] of Object.entries(securities)) {
  test(`what gRPC makes to send a snapshot over ${name} is given back, and not before it has left`, async (t) => {
    const security = await make();
    const port = await startServer(t, security.server);
    const allocate = t.mock.method(Buffer, 'allocUnsafe');
    const client = new ReplicationClient(`localhost:${port}`, security.client);
    t.after(() => client.close());
    let count = 0;
    for await (const { message } of client.exportSnapshot(ExportSnapshotRequest.decode(new Uint8Array()))) {
      assert.ok(message?.$case === 'chunk');
      assert.deepEqual(message.value, { offset: count * chunkBytes, content: Buffer.alloc(chunkBytes, count) });
      count += 1;
    }
    assert.equal(count, chunkCount);
    const large = allocate.mock.calls.filter(({ arguments: [sizeBytes] }) => sizeBytes > chunkBytes);
    assert.equal(large.filter(({ result }) => result?.length === 0).length, chunkCount);
  });
}
