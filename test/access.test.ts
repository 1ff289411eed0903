/** Who may do what, for every gRPC method and every HTTP path of a server; a new one has to be put into the tables. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { NodeClient } from '../src/client/interface.ts';
import { ExportStart } from '../src/proto/interface.ts';
import { errorFromGrpc } from '../src/replication/interface.ts';
import { emptyRequest, type GrpcMethod, grpcMethods } from './grpc-methods.ts';
import { ServerFixture, type ServerProcess } from './server-process.ts';

/** Nobody has made this database: whoever is let in is told so, and nothing is changed. */
const database = 'ghost';

const password = 'a password of this test';

/** Users with what they were granted. */
const users: Readonly<Record<string, readonly string[]>> = {
  reader: [`read:${database}`],
  writer: [`write:${database}`],
  owner: [`admin:${database}`],
  replica: [`replication:${database}`],
  stranger: ['admin:other', 'replication:systemdb'],
  everywhere: ['read:*'],
};

const callers = [...Object.keys(users), 'root', 'rootScoped'];

/** Those who are refused at every method that wants to know who calls. */
const invalid = ['none', 'wrong', 'expired', 'revoked', 'ended', 'inactive', 'deleted', 'oldPassword'] as const;

/** Who is let in, and what the request of this test is then answered. All others get PERMISSION_DENIED. */
interface Expected {
  readonly allowed: readonly string[];
  readonly answer: string;
  /** Fields of the request; the database is there already. */
  readonly request?: object;
}

const reads = ['reader', 'writer', 'owner', 'everywhere', 'root', 'rootScoped'];
const owners = ['owner', 'root'];
const missing = 'DATABASE_NOT_FOUND';
const noGroup = 'NOT_IN_GROUP';
const badRequest = 'INVALID_ARGUMENT';
const everybody = callers;

const onGhost = (allowed: readonly string[], request: object = {}): Expected => ({ allowed, answer: missing, request });
const forRoot = (answer: string, request: object = {}): Expected => ({ allowed: ['root'], answer, request });

const marker = Buffer.alloc(16);

const methods: Readonly<Record<string, Expected>> = {
  '/quorate.v1.Admin/Status': onGhost(reads),
  '/quorate.v1.Admin/ListDatabases': { allowed: ['everywhere', 'root'], answer: 'ok' },
  '/quorate.v1.Admin/CreateDatabase': { allowed: owners, answer: badRequest, request: { role: 'emperor' } },
  '/quorate.v1.Admin/UpdateDatabase': onGhost(owners),
  '/quorate.v1.Admin/LoadDatabase': onGhost(owners),
  '/quorate.v1.Admin/UnloadDatabase': onGhost(owners),
  '/quorate.v1.Admin/DeleteDatabase': onGhost(owners),
  '/quorate.v1.Admin/ImportDatabase': {
    allowed: owners,
    answer: badRequest,
    request: { message: { $case: 'create', value: { database, role: '' } } },
  },
  '/quorate.v1.Admin/ExportDatabase': onGhost(owners),
  '/quorate.v1.Admin/Digest': onGhost(reads),
  '/quorate.v1.Admin/Outcome': onGhost(reads),
  '/quorate.v1.Admin/Settings': forRoot('ok'),
  '/quorate.v1.Admin/ForgetReplica': onGhost(owners),
  '/quorate.v1.Query/Execute': onGhost(reads),
  '/quorate.v1.Query/Transaction': onGhost(['writer', ...owners], {
    request: { $case: 'begin', value: { database, foreignKeysOff: false } },
  }),
  '/quorate.v1.Replication/ExportTx': onGhost(['owner', 'replica', 'root'], {
    message: { $case: 'start', value: { ...ExportStart.decode(new Uint8Array(0)), database } },
  }),
  '/quorate.v1.Replication/ReplicateTx': onGhost(owners, { message: { $case: 'start', value: { database } } }),
  '/quorate.v1.Replication/ReplicateSnapshot': onGhost(owners, { message: { $case: 'start', value: { database } } }),
  '/quorate.v1.Replication/ExportSnapshot': onGhost(['owner', 'replica', 'root']),
  '/quorate.v1.Verification/Prepare': onGhost(owners, { marker }),
  '/quorate.v1.Verification/WriteMarker': onGhost(owners, { marker }),
  '/quorate.v1.Verification/Pin': onGhost(owners, { marker }),
  '/quorate.v1.Verification/Overview': onGhost(owners, { marker }),
  '/quorate.v1.Verification/Ranges': onGhost(owners, { marker }),
  '/quorate.v1.Verification/Measure': onGhost(owners, { marker }),
  '/quorate.v1.Verification/Rows': onGhost(owners, { marker }),
  '/quorate.v1.Verification/End': onGhost(owners, { marker }),
  '/quorate.v1.Verification/Repair': onGhost(owners),
  '/quorate.v1.Verification/SetRepairPhase': onGhost(owners, { phase: 'given-up' }),
  '/quorate.v1.Verification/Positions': onGhost(owners),
  '/quorate.v1.Verification/Rejoin': onGhost(owners),
  // This server has no coordinator.
  '/quorate.v1.Groups/Create': { allowed: owners, answer: noGroup },
  '/quorate.v1.Groups/Join': { allowed: owners, answer: noGroup },
  '/quorate.v1.Groups/Leave': { allowed: owners, answer: noGroup },
  '/quorate.v1.Groups/Update': { allowed: owners, answer: noGroup },
  '/quorate.v1.Groups/List': { allowed: reads, answer: noGroup },
  '/quorate.v1.Groups/Switchover': { allowed: owners, answer: noGroup },
  '/quorate.v1.Groups/Failover': { allowed: owners, answer: noGroup },
  '/quorate.v1.Groups/Explain': { allowed: reads, answer: noGroup },
  '/quorate.v1.Membership/Ask': forRoot(noGroup),
  '/quorate.v1.Membership/Promise': forRoot(noGroup),
  '/quorate.v1.Membership/Confirm': forRoot(noGroup),
  '/quorate.v1.Membership/TakeOver': forRoot(noGroup),
  '/quorate.v1.Membership/Change': forRoot(noGroup),
  '/quorate.v1.Users/CreateUser': forRoot(badRequest, { user: ' ' }),
  '/quorate.v1.Users/ListUsers': forRoot('ok'),
  '/quorate.v1.Users/SetPassword': forRoot('USER_NOT_FOUND', { user: 'nobody', password: 'long enough' }),
  '/quorate.v1.Users/SetActive': forRoot('USER_NOT_FOUND', { user: 'nobody' }),
  '/quorate.v1.Users/DeleteUser': forRoot('USER_NOT_FOUND', { user: 'nobody' }),
  '/quorate.v1.Users/Grant': forRoot('USER_NOT_FOUND', { user: 'nobody', permission: 'read' }),
  '/quorate.v1.Users/Revoke': forRoot('USER_NOT_FOUND', { user: 'nobody', permission: 'read' }),
  // One's own, whoever has a token that is not scoped; one that would be valid for too short a time is refused.
  '/quorate.v1.Users/CreateToken': {
    allowed: everybody.filter((name) => name !== 'rootScoped'),
    answer: badRequest,
    request: { user: '', ttlMs: 1 },
  },
  '/quorate.v1.Users/RevokeToken': forRoot(badRequest, { id: 'x' }),
  '/quorate.v1.Users/RevokeTokens': forRoot('USER_NOT_FOUND', { user: 'nobody' }),
  '/quorate.v1.Users/RotateKeys': forRoot('ok'),
};

/** The HTTP status for those who may and those who may not; the paths that everybody may ask for answer all with one. */
const paths: Readonly<Record<string, number | readonly string[]>> = {
  '/health': 200,
  '/ready': 200,
  '/version': 200,
  '/liveness': 200,
  '/readiness': 200,
  // Of a primary.
  '/primary': 200,
  '/read-only': 200,
  '/replica': 503,
  '/sync': 503,
  '/metrics': ['everywhere', 'root'],
  // Whoever may read one of the databases that there are.
  '/status': ['everywhere', 'root', 'rootScoped'],
  '/v1/cluster/defaultdb': ['everywhere', 'root', 'rootScoped'],
  // Takes a POST.
  '/v1/login': 405,
};

const login = '/quorate.v1.Admin/Login';

describe('every method and path', () => {
  const fixture = new ServerFixture({ after });
  const tokens = new Map<string, string | undefined>([
    ['none', undefined],
    ['wrong', 'x.y.z'],
  ]);
  let server: ServerProcess;
  let raw: Client;

  before(async () => {
    server = await fixture.start('server', '--metrics-access=token');
    raw = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
    await makeTokens();
  });

  after(() => raw.close());

  async function makeUser(user: string, grants: readonly string[]): Promise<string> {
    const permissions = grants.map((grant) => {
      const [permission = '', on = ''] = grant.split(':');
      return { permission, database: on };
    });
    await (await server.client()).users.create({ user, password, sysadmin: user === 'root', permissions });
    using client = new NodeClient({ host: '127.0.0.1', port: server.port });
    return (await client.login(user, password)).token;
  }

  async function makeTokens(): Promise<void> {
    const { users: admin } = await server.client();
    for (const [user, grants] of Object.entries(users)) {
      tokens.set(user, await makeUser(user, grants));
    }
    tokens.set('root', await makeUser('root', []));
    const scope = [
      { permission: 'read', database },
      { permission: 'read', database: 'defaultdb' },
    ];
    tokens.set('rootScoped', (await admin.createToken({ user: 'root', scope, ttlMs: 0 })).token);
    const revoked = await admin.createToken({ user: 'root', scope: [], ttlMs: 0 });
    await admin.revokeToken(revoked.id);
    tokens.set('revoked', revoked.token);
    tokens.set('inactive', await makeUser('inactive', ['admin:*']));
    await admin.setActive('inactive', false);
    tokens.set('ended', await makeUser('ended', ['admin:*']));
    await admin.revokeTokens('ended');
    tokens.set('oldPassword', await makeUser('oldPassword', ['admin:*']));
    await admin.setPassword({ user: 'oldPassword', password: 'another password', currentPassword: '' });
    tokens.set('deleted', await makeUser('deleted', ['admin:*']));
    await admin.delete('deleted');
    await makeUser('deleted', ['admin:*']);
    const expired = await admin.createToken({ user: 'root', scope: [], ttlMs: 1_000 });
    tokens.set('expired', expired.token);
    while (Date.now() <= expired.expiresAtMs) {
      await sleep(20);
    }
  }

  /** Calls a method of any kind and returns the code of its error, or "ok". */
  function call(definition: GrpcMethod, token: string | undefined, fields: object): Promise<string> {
    const { path, requestStream, responseStream, responseDeserialize } = definition;
    const serialize = definition.requestSerialize as (value: unknown) => Buffer;
    const deserialize = responseDeserialize as (bytes: Buffer) => unknown;
    const empty = emptyRequest(definition);
    const request = { ...empty, ...('database' in empty ? { database } : {}), ...fields };
    const metadata = new Metadata();
    if (token !== undefined) {
      metadata.set('authorization', `Bearer ${token}`);
    }
    return new Promise((resolve) => {
      const done = (error: ServiceError | null) => resolve(error === null ? 'ok' : errorFromGrpc(error).code);
      if (!requestStream && !responseStream) {
        raw.makeUnaryRequest(path, serialize, deserialize, request, metadata, done);
        return;
      }
      if (!responseStream) {
        raw.makeClientStreamRequest(path, serialize, deserialize, metadata, done).end(request);
        return;
      }
      const both = requestStream ? raw.makeBidiStreamRequest(path, serialize, deserialize, metadata) : undefined;
      both?.write(request);
      const stream = both ?? raw.makeServerStreamRequest(path, serialize, deserialize, request, metadata);
      stream.on('error', done).on('end', () => done(null));
      // A transaction answers its requests one by one, errors too.
      stream.on('data', ({ response }: { response?: { $case: string; value: string } }) => {
        if (response?.$case === 'errorJson') {
          resolve(String(JSON.parse(response.value).code));
          stream.cancel();
        }
      });
    });
  }

  test('no method is missing in the table, and none is there that is not', () => {
    const found = grpcMethods.map(({ path }) => path).filter((path) => path !== login);
    assert.deepEqual(Object.keys(methods).sort(), found.sort());
  });

  for (const definition of grpcMethods.filter(({ path }) => path !== login)) {
    test(`${definition.path} answers those whom it should`, async () => {
      const { allowed, answer, request = {} } = methods[definition.path] as Expected;
      const outcomes: Record<string, string> = {};
      const expected: Record<string, string> = {};
      for (const name of [...invalid, ...callers]) {
        outcomes[name] = await call(definition, tokens.get(name), request);
        const isInvalid = (invalid as readonly string[]).includes(name);
        expected[name] = isInvalid ? 'UNAUTHENTICATED' : allowed.includes(name) ? answer : 'PERMISSION_DENIED';
      }
      assert.deepEqual(outcomes, expected);
    });
  }

  test('every path answers those whom it should, and none is missing in the table', async () => {
    const ask = async (path: string, token?: string) =>
      await fetch(server.httpUrl + path, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });
    const { error } = (await (await ask('/nothing')).json()) as { error: { message: string } };
    assert.deepEqual(Object.keys(paths).sort(), error.message.match(/\/[a-z0-9/-]+/g)?.sort());
    for (const [path, allowed] of Object.entries(paths)) {
      const outcomes: Record<string, number> = {};
      const expected: Record<string, number> = {};
      for (const name of [...invalid, ...callers]) {
        outcomes[name] = (await ask(path, tokens.get(name))).status;
        const isInvalid = (invalid as readonly string[]).includes(name);
        expected[name] = typeof allowed === 'number' ? allowed : allowed.includes(name) ? 200 : isInvalid ? 401 : 403;
      }
      assert.deepEqual(outcomes, expected, path);
    }
  });

  test('who has a database is told to those who may read it', async () => {
    for (const name of [...invalid, ...callers]) {
      const token = tokens.get(name);
      const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
      const { status } = await fetch(`${server.httpUrl}/v1/cluster/${database}`, headers && { headers });
      const isInvalid = (invalid as readonly string[]).includes(name);
      assert.equal(status, reads.includes(name) ? 404 : isInvalid ? 401 : 403, name);
    }
  });

  test('a login by HTTP wants a user and a password that are right', async () => {
    const post = async (body: object) =>
      (await fetch(`${server.httpUrl}/v1/login`, { method: 'POST', body: JSON.stringify(body) })).status;
    assert.equal(await post({ user: 'reader', password: 'a wrong password' }), 401);
    assert.equal(await post({}), 400);
    assert.equal(await post({ user: 'reader', password }), 200);
  });
});
