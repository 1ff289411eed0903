/** A good request, or several in their order, for every method that the fuzzer calls. */
import { randomBytes } from 'node:crypto';
import { ExportStart } from '../../src/proto/interface.ts';

const database = 'shop';
const marker = Buffer.alloc(16, 7);
const position = { txId: 1n, term: 1n, hash: Buffer.alloc(32, 1) };
const statement = {
  sql: 'INSERT INTO t VALUES (?)',
  positional: [{ kind: { $case: 'integer', value: 5n } }],
  named: [],
  exactNumbers: false,
};
const named = {
  ...statement,
  positional: [],
  named: [{ name: ':a', value: { kind: { $case: 'blob', value: Buffer.from('x') } } }],
};
const replication = {
  enabled: false,
  primaryHost: '127.0.0.1',
  primaryPort: 1,
  primaryDatabase: 'shop',
  primaryUsername: 'ada',
  primaryPassword: 'a password',
  delayMs: 5n,
};
const acks = { level: 'quorum', acks: 1, members: ['a'], whenShort: 'block', degradeAfterMs: 5n, timeoutMs: 50n };
const create = { database: 'made', role: 'replica', replication, acks };
const user = { user: 'bob', password: 'long enough', sysadmin: false, permissions: [{ database, permission: 'read' }] };
const grant = { user: 'bob', database, permission: 'admin' };
const heartbeat = {
  tipTxId: 9n,
  commitTxId: 9n,
  term: 1n,
  clockMs: 5n,
  unsentBytes: 7n,
  awaited: { durable: true, applied: false },
};
const groupAcks = { level: 'sync', acks: 1, whenShort: 'block', degradeAfterMs: 0n, timeoutMs: 0n };
const member = {
  ...{ nodeId: '0123456789abcdef', name: 'one', host: '127.0.0.1', port: 1, httpUrl: '', zone: 'z', priority: -1 },
  ...{ nofailover: false, nosync: true, witness: false, learner: false },
};
const start = { message: { $case: 'start', value: { database: 'copy' } } };
const upstream = (message: object) => ({ message: { $case: 'upstream', value: { message } } });
const started = {
  protocol: 1,
  databaseId: Buffer.alloc(16, 3),
  from: { txId: 0n, term: 0n, hash: Buffer.alloc(32) },
  term: 1n,
};
const records = {
  records: Buffer.concat([Buffer.from('QREC'), randomBytes(200)]),
  more: false,
  commitTxId: 1n,
  traces: [],
};
const header = { snapshotId: 'a', sizeBytes: 4_096n, databaseId: Buffer.alloc(16, 3), position, format: 1, offset: 0n };

/** By the path of the method, without its package; requests lack no field that their method looks at. */
export const grpcCorpus: Readonly<Record<string, readonly object[]>> = {
  'Admin/Status': [{ database }],
  'Admin/ListDatabases': [{}],
  'Admin/CreateDatabase': [create],
  'Admin/UpdateDatabase': [{ database, role: 'replica', replicationEnabled: false, primaryHost: 'x', acks }],
  'Admin/LoadDatabase': [{ database }],
  'Admin/UnloadDatabase': [{ database: 'made' }],
  'Admin/DeleteDatabase': [{ database: 'made' }],
  'Admin/ImportDatabase': [
    { message: { $case: 'create', value: { database: 'made', role: '' } } },
    { message: { $case: 'chunk', value: { content: Buffer.from('SQLite format 3\0') } } },
  ],
  'Admin/ExportDatabase': [{ database }],
  'Admin/Digest': [{ database }],
  'Admin/Outcome': [{ database, txId: 1n, term: 1n }],
  'Admin/Settings': [{}],
  'Admin/ForgetReplica': [{ database, replica: 'a' }],
  'Query/Execute': [
    {
      database,
      statements: [statement, named],
      waitForTxId: 0n,
      timeoutMs: 200,
      acks: { level: 'async', acks: 0 },
      idempotencyKey: 'key',
    },
  ],
  'Query/Transaction': [
    { request: { $case: 'begin', value: { database, foreignKeysOff: false } } },
    { request: { $case: 'run', value: statement } },
    { request: { $case: 'describe', value: 'SELECT * FROM t' } },
    { request: { $case: 'rollback', value: true } },
    { request: { $case: 'commit', value: true } },
  ],
  'Replication/ExportTx': [
    {
      message: {
        $case: 'start',
        value: {
          ...ExportStart.decode(new Uint8Array()),
          ...{ protocolMin: 1, protocolMax: 99, database, databaseId: Buffer.alloc(16, 3) },
          ...{ durable: position, committed: position, between: [position], replicaId: 'r', replicaName: 'r' },
        },
      },
    },
    { message: { $case: 'acknowledgement', value: { durableTxId: 1n, appliedTxId: 1n } } },
  ],
  'Replication/ReplicateTx': [
    start,
    upstream({ $case: 'started', value: { ...started, heartbeat } }),
    upstream({ $case: 'records', value: records }),
    upstream({ $case: 'heartbeat', value: heartbeat }),
    upstream({ $case: 'path', value: { replicaIds: ['a', 'b'] } }),
  ],
  'Replication/ReplicateSnapshot': [
    start,
    upstream({ $case: 'header', value: header }),
    upstream({ $case: 'chunk', value: { offset: 0n, content: randomBytes(4_096) } }),
    upstream({ $case: 'end', value: { sha256: Buffer.alloc(32) } }),
  ],
  'Replication/ExportSnapshot': [
    {
      ...{ protocolMin: 1, protocolMax: 99, database, databaseId: Buffer.alloc(0), replicaId: 'r' },
      ...{ replicaName: 'r', snapshotId: '', offset: 0n },
    },
  ],
  'Groups/Create': [{ database, self: member, acks: groupAcks, leaseMs: 1_500n }],
  'Groups/Join': [{ database, self: member }],
  'Groups/Leave': [{ database, member: 'one' }],
  'Groups/Update': [{ database, member, remove: '', acks: groupAcks, clearMaxLag: false, leaseMs: 0n, pauseMs: 5n }],
  'Groups/List': [{ database, everywhere: false }],
  'Groups/Switchover': [{ database, to: 'two', dryRun: true }],
  'Groups/Failover': [{ database, to: 'two', force: true, dryRun: false }],
  'Groups/Explain': [{ database }],
  'Membership/Ask': [{ database }],
  'Membership/Promise': [{ database, term: 7n, candidate: '0123456789abcdef' }],
  'Membership/Confirm': [{ database, term: 7n, forMs: 1_000n }],
  'Membership/TakeOver': [{ database }],
  'Membership/Change': [{ database, member, remove: 'two', acks: groupAcks, clearMaxLag: true, leaseMs: 1_000n }],
  'Verification/Prepare': [{ database, marker }],
  'Verification/WriteMarker': [{ database, marker }],
  'Verification/Pin': [{ database, marker }],
  'Verification/Overview': [{ database, marker }],
  'Verification/Ranges': [{ database, marker, table: 't', after: Buffer.alloc(0), answerBytes: 1_000 }],
  'Verification/Measure': [
    { database, marker, table: 't', ranges: [{ after: Buffer.alloc(3), through: Buffer.alloc(0) }] },
  ],
  'Verification/Rows': [
    { database, marker, table: 't', range: { after: Buffer.alloc(3), through: Buffer.alloc(0) }, content: true },
  ],
  'Verification/End': [{ database, marker }],
  'Verification/Repair': [
    {
      database: 'copy',
      txId: 1,
      table: 't',
      rows: [{ key: Buffer.alloc(9), found: Buffer.alloc(32), row: Buffer.alloc(9) }],
    },
  ],
  'Verification/SetRepairPhase': [{ database: 'copy', phase: 'given-up' }],
  'Verification/Positions': [{ database, txIds: [1, 2, 3] }],
  'Verification/Rejoin': [{ database: 'copy', snapshot: false }],
  'Users/CreateUser': [user],
  'Users/ListUsers': [{}],
  'Users/SetPassword': [{ user: 'bob', password: 'another password', currentPassword: 'long enough' }],
  'Users/SetActive': [{ user: 'bob', active: true }],
  'Users/DeleteUser': [{ user: 'bob' }],
  'Users/Grant': [grant],
  'Users/Revoke': [grant],
  'Users/CreateToken': [{ user: 'bob', scope: [{ database, permission: 'read' }], ttlMs: 60_000n }],
  'Users/RevokeToken': [{ id: '1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed' }],
  'Users/RevokeTokens': [{ user: 'bob' }],
};
