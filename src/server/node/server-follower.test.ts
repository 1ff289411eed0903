import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DatabaseSettings } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { ListDatabasesResponse } from '../../proto/interface.ts';
import { createNodeRuntime } from '../../runtime/interface.ts';
import type { ManagedDatabase } from './managed-database.ts';
import { ServerFollower } from './server-follower.ts';

const address = { host: '10.0.0.1', port: 3322, username: 'admin', password: 'secret' };

function followed(name: string): ManagedDatabase {
  const upstream = { ...address, database: name };
  const settings: DatabaseSettings = {
    role: 'replica',
    term: 0,
    replication: { enabled: true, upstream, followed: 'up' },
  };
  return { name, settings } as ManagedDatabase;
}

type Answer = readonly string[] | QuorateError;

/** Lets a follower see some answers one after the other, and tells what it did after each. */
async function rounds(here: readonly string[], answers: readonly Answer[]) {
  const databases = new Map(here.map((name) => [name, followed(name)]));
  const done: string[][] = [];
  const waits: number[] = [];
  const finished = Promise.withResolvers<void>();
  const runtime = createNodeRuntime();
  let actions: string[] = [];
  const refuse = () => Promise.reject(new Error('not asked for'));
  const sleep = (delayMs: number) => {
    waits.push(delayMs);
    done.push(actions);
    actions = [];
    if (done.length < answers.length) {
      return Promise.resolve();
    }
    finished.resolve();
    return refuse();
  };
  const follower = new ServerFollower({
    runtime: { ...runtime, timers: { ...runtime.timers, sleep }, random: { ...runtime.random, next: () => 0.5 } },
    nodeId: 'me',
    upstream: () => ({ ...address, database: 'systemdb' }),
    isWanted: () => true,
    intervalMs: 1000,
    maxIntervalMs: 8000,
    directory: { listDatabases: () => answerOf(answers[done.length] as Answer) },
    databases: {
      list: () => [...databases.values()],
      change: refuse,
      create: async (name) => {
        actions.push(`create ${name}`);
        const database = followed(name);
        databases.set(name, database);
        return database;
      },
      delete: async (name, check) => {
        check?.(databases.get(name) as ManagedDatabase);
        actions.push(`delete ${name}`);
        databases.delete(name);
      },
    },
  });
  follower.start();
  await finished.promise;
  await follower[Symbol.asyncDispose]();
  return { done, waits, status: follower.status() };
}

async function answerOf(answer: Answer): Promise<ListDatabasesResponse> {
  if (answer instanceof QuorateError) {
    throw answer;
  }
  const listed = answer.map((database) => ({ database, state: 'open', databaseId: Buffer.alloc(0), path: [] }));
  return { nodeId: 'up', databases: listed };
}

const gone = new QuorateError('UNAVAILABLE', 'connection refused');

test('a database is deleted when the other server has answered twice without it, not because it was silent', async () => {
  const { done } = await rounds(['a'], [[], gone, gone, gone, [], []]);
  assert.deepEqual(done, [[], [], [], [], ['delete a'], []]);
});

test('a database that is back in time stays, and its absence is counted anew', async () => {
  const { done } = await rounds(['a'], [[], ['a'], [], ['a', 'b'], ['b'], ['b']]);
  assert.deepEqual(done, [[], [], [], ['create b'], [], ['delete a']]);
});

test('a server that cannot be reached is asked less and less often, and at once again when it is back', async () => {
  const { waits, status } = await rounds([], [gone, gone, gone, gone, gone, [], gone]);
  assert.deepEqual(waits, [750, 1500, 3000, 6000, 6000, 1000, 750]);
  assert.deepEqual([status.state, status.lastError?.code], ['unreachable', 'UNAVAILABLE']);
});
