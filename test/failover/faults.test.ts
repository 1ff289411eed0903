/** Groups of real processes whose primary is killed, stopped and cut off, or whose network is slow, and what their clients saw of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { etcdMissing } from '../coordinators/etcd-cluster.ts';
import { NetworkNamespaces } from '../faults/namespaces.ts';
import { assertNoViolations, type HistoryRecorder, withHistory } from '../histories/recorder.ts';
import type { ServerProcess } from '../server-process.ts';
import { GroupFixture, untilEqual, untilLeader } from './group-fixture.ts';
import { startGroupNetwork } from './group-network.ts';
import { HistoryWorkload, judgeHistory, prepareHistory } from './history-workload.ts';
import { LateLinks } from './late-links.ts';

const names = ['one', 'two', 'three'] as const;
type Name = (typeof names)[number];

const capacity = 20_000;
/** Writes at a member without a primary end soon, so that its clients try again. */
const shortWait = '--group-write-wait=1s';

/** A group, the history of its clients, and the faults that are common to all networks. */
class Trial {
  readonly #fixture: GroupFixture;
  readonly #servers: Map<string, ServerProcess>;
  readonly #recorder: HistoryRecorder;
  readonly workload: HistoryWorkload;

  private constructor(fixture: GroupFixture, servers: readonly ServerProcess[], recorder: HistoryRecorder) {
    this.#fixture = fixture;
    this.#servers = new Map(names.map((name, i) => [name, servers[i] as ServerProcess]));
    this.#recorder = recorder;
    this.workload = new HistoryWorkload(recorder, names, (name) => this.server(name));
  }

  static async start(fixture: GroupFixture, recorder: HistoryRecorder): Promise<Trial> {
    const servers = await fixture.group(names);
    await prepareHistory(servers[0] as ServerProcess);
    const trial = new Trial(fixture, servers, recorder);
    await trial.workload.more(30, names);
    return trial;
  }

  server(name: string): ServerProcess {
    return this.#servers.get(name) as ServerProcess;
  }

  /** The primary, and those whose clients notice its loss. */
  async roles(): Promise<{ primary: Name; others: Name[] }> {
    const leader = await untilLeader([...this.#servers.values()]);
    const primary = names.find((name) => this.server(name) === leader) as Name;
    return { primary, others: names.filter((name) => name !== primary) };
  }

  /** Clients of the others go on, under another primary. */
  async replaced(primary: Name, others: readonly Name[], answers = 30): Promise<void> {
    const gone = this.server(primary).ready.nodeId;
    await untilLeader(
      others.map((name) => this.server(name)),
      ({ ready }) => ready.nodeId !== gone,
    );
    await this.workload.more(answers, others);
  }

  async kill(answers = 30): Promise<void> {
    const { primary, others } = await this.roles();
    await this.server(primary).stop('SIGKILL');
    await this.replaced(primary, others, answers);
    this.#servers.set(primary, await this.#fixture.start(primary));
    await this.workload.more(answers, names);
  }

  async stop(): Promise<void> {
    const { primary, others } = await this.roles();
    process.kill(this.server(primary).processId, 'SIGSTOP');
    await this.replaced(primary, others);
    process.kill(this.server(primary).processId, 'SIGCONT');
    await this.workload.more(30, names);
  }

  async judge(): Promise<void> {
    await this.workload.stop();
    await untilEqual([...this.#servers.values()]);
    const outcomes = Object.groupBy(this.#recorder.events, ({ type }) => type);
    assert.ok((outcomes.ok?.length ?? 0) > 200, 'there is too little to judge');
    assertNoViolations(await judgeHistory(this.#recorder, this.server('one')));
  }
}

test('what clients saw while a primary was killed and stopped is explained by one order', (t) =>
  withHistory({ capacity }, async (recorder) => {
    const trial = await Trial.start(new GroupFixture(t, undefined, () => ({ args: [shortWait] })), recorder);
    await trial.kill();
    await trial.stop();
    await trial.judge();
  }));

const noAddresses = process.platform === 'linux' ? false : 'only on Linux all of 127.0.0.0/8 is there';

test(
  'what clients saw while all was late that nodes say to each other is explained by one order',
  {
    skip: noAddresses,
  },
  (t) =>
    withHistory({ capacity }, async (recorder) => {
      const links = await LateLinks.open(t, names);
      const place = (name: string) => ({ args: [...links.flags(name), shortWait] });
      const trial = await Trial.start(new GroupFixture(t, undefined, place), recorder);
      links.delay(20, 30);
      await trial.workload.more(10, names);
      await trial.kill(10);
      assert.ok(links.connections > 0, 'the members do not speak through the links');
      await trial.judge();
    }),
);

const missing = NetworkNamespaces.unavailable() ?? etcdMissing;
const skip = missing === false ? false : `${missing}; a primary is killed and stopped, but not cut off`;

test('what clients saw while a primary was cut off and packets were lost is explained by one order', { skip }, (t) =>
  withHistory({ capacity }, async (recorder) => {
    const { network, fixture } = await startGroupNetwork(t, names, [shortWait]);
    const trial = await Trial.start(fixture, recorder);

    const { primary, others } = await trial.roles();
    network.isolate(primary);
    await trial.replaced(primary, others);
    network.heal();
    await trial.workload.more(30, names);

    for (const name of names) {
      network.set(name, { loss: 0.2 });
    }
    await trial.workload.more(10, names);
    network.heal();
    await trial.kill();
    await trial.judge();
  }),
);
