/** Clients that know one address, while the primary of their database is killed. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from '@libsql/client';
import { balancerMissing, startBalancer } from '../balancer.ts';
import { loginToken } from '../hrana-server.ts';
import { follow, type ServerProcess } from '../server-process.ts';
import { until } from '../until.ts';
import { createItems, database, formGroup, GroupFixture, untilEqual, untilLeader } from './group-fixture.ts';

/** Three members of a group, which share their users through another. */
async function startServers(t: TestContext): Promise<[ServerProcess, ServerProcess, ServerProcess]> {
  const fixture = new GroupFixture(t);
  const one = await fixture.start('one');
  const usersOfOne = [...follow(one), '--replication-include=systemdb'];
  const two = await fixture.start('two', ...usersOfOne);
  const three = await fixture.start('three', ...usersOfOne);
  await formGroup([one, two, three], 'systemdb');
  await createItems(one);
  await formGroup([one, two, three]);
  return [one, two, three];
}

/** Inserts one row after the other with a libSQL client, from a number on. */
class LibsqlWriter {
  readonly #client: Client;
  readonly acknowledged: number[] = [];
  lastError: unknown;
  #isStopped = false;
  readonly #running: Promise<void>;

  constructor(url: string, authToken: string, first: number) {
    this.#client = createClient({ url, authToken });
    this.#running = this.#run(first);
  }

  async #run(first: number): Promise<void> {
    for (let id = first; !this.#isStopped; id += 1) {
      try {
        await this.#client.execute({ sql: 'INSERT INTO items VALUES (?, ?)', args: [id, `item ${id}`] });
        this.acknowledged.push(id);
      } catch (error) {
        this.lastError = error;
        await sleep(20);
      }
    }
  }

  async more(count: number): Promise<void> {
    const wanted = this.acknowledged.length + count;
    await until(
      () => `writes are acknowledged: ${this.lastError}`,
      () => this.acknowledged.length >= wanted,
    );
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    this.#client.close();
  }
}

async function assertAllKept(server: ServerProcess, writers: readonly LibsqlWriter[]): Promise<void> {
  const present = new Set((await server.query(database, 'SELECT id FROM items')).map(([id]) => Number(id)));
  const lost = writers.flatMap(({ acknowledged }) => acknowledged).filter((id) => !present.has(id));
  assert.deepEqual(lost, []);
}

test('libSQL clients of one surviving node go on writing when the primary is killed', async (t) => {
  const [one, two, three] = await startServers(t);
  const token = await loginToken(one);
  const urls = [two.httpUrl, three.httpUrl.replace('http', 'ws')];
  const writers = urls.map((url, i) => new LibsqlWriter(`${url}/${database}/`, token, i * 1_000_000));
  await Promise.all(writers.map((writer) => writer.more(20)));
  await one.stop('SIGKILL');
  await Promise.all(writers.map((writer) => writer.more(20)));
  await Promise.all(writers.map((writer) => writer.stop()));
  await untilEqual([two, three]);
  await assertAllKept(two, writers);
});

test('libSQL clients behind HAProxy go on writing when the primary is killed', { skip: balancerMissing }, async (t) => {
  const servers = await startServers(t);
  const [one, two, three] = servers;
  const token = await loginToken(one);
  const directory = mkdtempSync(path.join(os.tmpdir(), 'quorate-balancer-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const { primaryPort } = await startBalancer(t, directory, servers, { service: 'http', database });
  const writers = ['http', 'ws'].map(
    (scheme, i) => new LibsqlWriter(`${scheme}://127.0.0.1:${primaryPort}/${database}/`, token, i * 1_000_000),
  );
  await Promise.all(writers.map((writer) => writer.more(20)));
  await one.stop('SIGKILL');
  await untilLeader([two, three], (leader) => leader !== one);
  await Promise.all(writers.map((writer) => writer.more(20)));
  await Promise.all(writers.map((writer) => writer.stop()));
  await untilEqual([two, three]);
  await assertAllKept(two, writers);
});
