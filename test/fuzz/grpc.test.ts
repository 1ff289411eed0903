import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GrpcMethod, grpcMethods } from '../grpc-methods.ts';
import type { RandomSource } from '../random-source.ts';
import { fuzz } from './fuzz-loop.ts';
import { encoded, type Outcome, RawCalls } from './grpc-calls.ts';
import { grpcCorpus } from './grpc-corpus.ts';
import { mutatedBytes, mutatedMessage, randomBytes } from './mutations.ts';
import { WatchedServer } from './watched-server.ts';

const watched = await WatchedServer.start(
  '--query-timeout=500ms',
  '--transaction-idle-timeout=300ms',
  '--max-databases=10',
  '--max-message-bytes=1MiB',
  '--max-result-bytes=1MiB',
);
await watched.create('shop', 'CREATE TABLE t (a)', 'INSERT INTO t VALUES (1)');
const replication = { enabled: false, primaryHost: '127.0.0.1', primaryPort: 1, primaryDatabase: 'shop' };
await watched.admin.createDatabase({
  ...{ database: 'copy', role: 'replica', acks: undefined },
  replication: { ...replication, primaryUsername: 'ada', primaryPassword: 'a password' },
});

/** Texts that mean something to the server. The user admin is not among them: the test itself needs it. */
const words = ['shop', 'copy', 'made', 't', 'bob', 'read', 'write', 'primary', 'replica', 'sync', 'SELECT * FROM t'];

interface Caller {
  readonly user: string;
  token: string;
  readonly words: readonly string[];
}

const callers: readonly Caller[] = [
  { user: 'owner', token: await watched.tokenOf('owner', 'admin:shop', 'admin:copy', 'admin:made'), words },
  { user: 'root', token: await watched.tokenOf('root'), words },
  {
    user: 'stranger',
    token: await watched.tokenOf('stranger', 'read:shop'),
    words: [...words, 'bystander', 'systemdb'],
  },
];

/** What a server may not answer, whatever is sent. */
const defects = /^(INTERNAL|IO_ERROR|LOG_CORRUPT|status .*)$/;

// The keys of all tokens would change; who may do it is told in the test of access.
const fuzzed = grpcMethods.filter(({ path }) => !/\/(RotateKeys|Login)$/.test(path));

function corpusOf({ path }: GrpcMethod): readonly object[] {
  return grpcCorpus[path.replace('/quorate.v1.', '')] ?? assert.fail(`${path} has no corpus`);
}

/** Bytes of one message: random ones, or a good message that is spoiled in its fields or in its bytes. */
function spoiled(random: RandomSource, method: GrpcMethod, message: object, texts: readonly string[]): Buffer {
  const good = encoded(method, message) ?? assert.fail(`the corpus of ${method.path} cannot be written`);
  switch (random.int(0, 9)) {
    case 0:
      return randomBytes(random, random.int(0, 300));
    case 1:
    case 2:
      return mutatedBytes(random, good);
    case 3:
      return good;
    default:
      return encoded(method, mutatedMessage(random, message, texts)) ?? mutatedBytes(random, good);
  }
}

/** The messages of a stream: some of them twice, in another order, or not at all. */
function spoiledStream(random: RandomSource, method: GrpcMethod, texts: readonly string[]): Buffer[] {
  const corpus = corpusOf(method);
  const inOrder = corpus.slice(0, random.int(1, corpus.length));
  const messages = random.chance(0.6) ? inOrder : Array.from({ length: random.int(1, 6) }, () => random.pick(corpus));
  return messages.map((message) =>
    random.chance(0.4) ? (encoded(method, message) as Buffer) : spoiled(random, method, message, texts),
  );
}

async function tryCall(raw: RawCalls, random: RandomSource): Promise<void> {
  const method = random.pick(fuzzed);
  const caller = random.pick(callers);
  const messages = spoiledStream(random, method, caller.words);
  const outcome = await raw.call(method, caller.token, messages, random.chance(0.8));
  assertNoDefect(method, messages, outcome);
  if (outcome.code === 'UNAUTHENTICATED') {
    caller.token = await watched.newToken(caller.user);
  }
}

function assertNoDefect({ path }: GrpcMethod, messages: readonly Buffer[], { code, told }: Outcome): void {
  const found = [code, ...told].find((each) => defects.test(each));
  const sent = messages.map((message) => message.toString('hex').slice(0, 2_000)).join(' ');
  assert.equal(found, undefined, `${path} answered ${code} ${told.join(' ')} to ${sent}\n${watched.server.log}`);
}

test('every method has a corpus that is written and read', () => {
  for (const method of fuzzed) {
    for (const message of corpusOf(method)) {
      assert.ok(encoded(method, message) !== undefined, method.path);
    }
  }
});

test('whatever a message of gRPC holds is answered, and nothing is left of it', async () => {
  {
    using raw = new RawCalls(watched.server.port);
    await watched.checkGrowth(() => fuzz('gRPC messages', (random) => tryCall(raw, random), { atOnce: 12 }));
  }
  await watched.check();
});
