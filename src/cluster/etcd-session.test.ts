import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { createNodeRuntime, nullLogger } from '../runtime/interface.ts';
import { EtcdSession } from './etcd-session.ts';

/** Milliseconds that a request may take over all members. */
const timeoutMs = 2_000;

/** A session with three members, of which each does what the test says, by a clock that only waiting moves. */
class Members {
  /** The members that were asked, by their ports. */
  asked: number[] = [];
  silent: readonly number[] = [];
  refusing: readonly number[] = [];
  #nowMs = 0;
  readonly #session: EtcdSession;

  constructor() {
    const clock = { nowMs: () => this.#nowMs, monotonicMs: () => this.#nowMs };
    const { timers, ...runtime } = createNodeRuntime(nullLogger);
    const sleep = async (ms: number) => this.pass(ms);
    const security = { kind: 'plain', beyondLoopback: false } as const;
    const addresses = [1, 2, 3].map((port) => ({ host: '127.0.0.1', port, security }));
    this.#session = new EtcdSession({ addresses, timeoutMs }, { ...runtime, clock, timers: { ...timers, sleep } });
  }

  pass(ms: number): void {
    this.#nowMs += ms;
  }

  /** Makes a request. Returns the port of the member that answered. */
  request(): Promise<number> {
    return this.#session.repeat(async ({ member }) => {
      const port = Number(member.name.split(':')[1]);
      this.asked.push(port);
      if (this.silent.includes(port)) {
        this.pass(this.#session.shareMs);
        throw failure(status.DEADLINE_EXCEEDED, 'Deadline exceeded');
      }
      if (this.refusing.includes(port)) {
        throw failure(status.UNAVAILABLE, 'etcdserver: no leader');
      }
      return port;
    });
  }
}

function failure(code: status, details: string): ServiceError {
  return Object.assign(new Error(details), { code, details, metadata: new Metadata() });
}

test('a member that was silent is not asked again while the others have no leader', async () => {
  const members = new Members();
  members.silent = [1];
  members.refusing = [2, 3];
  await assert.rejects(members.request(), { code: 'COORDINATOR_UNAVAILABLE' });
  const every = /127.0.0.1:1: no answer in time; .*no leader; .*no leader/;
  await assert.rejects(members.request(), { code: 'COORDINATOR_UNAVAILABLE', message: every });
  assert.deepEqual(members.asked.slice(0, 5), [1, 2, 3, 2, 3]);
  assert.equal(members.asked.lastIndexOf(1), 0);
});

test('a member that was silent is asked when all are, and when its time is over', async () => {
  const members = new Members();
  members.silent = [1, 2, 3];
  await assert.rejects(members.request(), { code: 'COORDINATOR_UNAVAILABLE' });
  assert.deepEqual(members.asked, [1, 2, 3]);
  members.silent = [2, 3];
  members.asked = [];
  assert.equal(await members.request(), 1);
  members.silent = [1];
  assert.equal(await members.request(), 2);
  members.pass(10_000);
  members.silent = [2, 3];
  assert.equal(await members.request(), 1);
});
