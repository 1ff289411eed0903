/** Clients whose histories the checkers of test/histories judge. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Statement } from '../../src/sqlite/interface.ts';
import { appendsOf, checkAcknowledged, elementNames } from '../histories/durability.ts';
import { checkLinearizability } from '../histories/linearizability.ts';
import { checkListAppend } from '../histories/list-append.ts';
import { type Call, type Key, operationsOf, type Step, type Value, type Violation } from '../histories/operation.ts';
import type { Answer, HistoryRecorder, RecordingClient } from '../histories/recorder.ts';
import { RandomSource } from '../random-source.ts';
import type { ServerProcess } from '../server-process.ts';
import { until } from '../until.ts';
import { database } from './group-fixture.ts';

const patienceMs = 45_000;
const keys = 3;
/** Milliseconds between two calls of a client, which bound the length of a history. */
const paceMs = 10;
const failedPaceMs = 50;

/** Counts in each transaction that reads, so that reads go where writes go. */
const countRead = { sql: 'UPDATE reads SET n = n + 1' };
const readRegister = 'SELECT value FROM registers WHERE key = ?';
const writeRegister = 'UPDATE registers SET value = ? WHERE key = ?';
const append = 'INSERT INTO lists (key, element) VALUES (?, ?)';
const readList = 'SELECT element FROM lists WHERE key = ? ORDER BY position';

/** Makes the tables. */
export async function prepareHistory(server: ServerProcess): Promise<void> {
  await server.execute(
    database,
    'CREATE TABLE registers (key INTEGER PRIMARY KEY, value INTEGER)',
    'CREATE TABLE lists (position INTEGER PRIMARY KEY, key INTEGER NOT NULL, element INTEGER NOT NULL)',
    'CREATE TABLE reads (n INTEGER NOT NULL)',
    'INSERT INTO reads VALUES (0)',
    ...Array.from({ length: keys }, (_, key) => `INSERT INTO registers VALUES (${key}, NULL)`),
  );
}

/** Clients of several members, each of which does one thing after the other until it is stopped. */
export class HistoryWorkload {
  readonly #recorder: HistoryRecorder;
  readonly #server: (name: string) => ServerProcess;
  readonly #random: RandomSource;
  readonly #running: Promise<void>[];
  /** Answers that clients of a member got. */
  readonly #answered = new Map<string, number>();
  #next = 0;
  #isStopped = false;

  /** @param server the present process of a member */
  constructor(
    recorder: HistoryRecorder,
    names: readonly string[],
    server: (name: string) => ServerProcess,
    clientsPerMember = 2,
  ) {
    this.#recorder = recorder;
    this.#server = server;
    this.#random = new RandomSource(1);
    const all = Array.from({ length: clientsPerMember }, () => names).flat();
    this.#running = all.map((name) => this.#run(name));
  }

  /** Waits until clients of each of these members have got so many more answers. */
  async more(count: number, names: readonly string[]): Promise<void> {
    const wanted = names.map((name) => [name, this.#count(name) + count] as const);
    await until(
      () => `clients get answers: ${JSON.stringify([...this.#answered])}`,
      () => wanted.every(([name, least]) => this.#count(name) >= least),
      patienceMs,
    );
  }

  #count(name: string): number {
    return this.#answered.get(name) ?? 0;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running);
  }

  async #run(name: string): Promise<void> {
    const client = this.#recorder.client({ node: name, ackLevel: 'quorum' });
    while (!this.#isStopped) {
      const answer = await this.#step(client, name);
      if (answer !== undefined) {
        this.#answered.set(name, this.#count(name) + 1);
      }
      await sleep(answer === undefined ? failedPaceMs : paceMs);
    }
  }

  #step(client: RecordingClient, name: string): Promise<Answer | undefined> {
    const key = this.#random.int(0, keys - 1);
    const kind = this.#random.int(0, 4);
    this.#next += 1;
    const value = this.#next;
    switch (kind) {
      case 0:
        return client.run({ f: 'write', key, value }, () => this.#write(name, key, value));
      case 1:
        return client.run({ f: 'read', key, value: null }, () => this.#read(name, key), { readLevel: 'linearizable' });
      case 2:
        return this.#local(client, name);
      default:
        return this.#transaction(client, name, key, value);
    }
  }

  async #write(name: string, key: number, value: number): Promise<Answer> {
    await this.#execute(name, [{ sql: writeRegister, parameters: [value, key] }]);
    return {};
  }

  async #read(name: string, key: number): Promise<Answer> {
    const [, values] = await this.#execute(name, [countRead, { sql: readRegister, parameters: [key] }]);
    const value = values?.[0]?.[0] ?? null;
    return { call: { f: 'read', key, value: value === null ? null : Number(value) } };
  }

  /** What this member shows, however old. */
  #local(client: RecordingClient, name: string): Promise<Answer | undefined> {
    const steps = Array.from({ length: keys }, (_, key): Step => ['r', key, null]);
    const work = async () => {
      const statements = steps.map(([, key]) => ({ sql: readList, parameters: [key] }));
      return { call: withReads(steps, await this.#execute(name, statements)) };
    };
    return client.run({ f: 'txn', steps }, work, { readLevel: 'any' });
  }

  #transaction(client: RecordingClient, name: string, key: number, element: number): Promise<Answer | undefined> {
    const steps: Step[] = [
      ['append', key, element],
      ['r', key, null],
      ['r', (key + 1) % keys, null],
    ];
    const work = async () => {
      const statements = steps.map(([f, of, value]) =>
        f === 'append' ? { sql: append, parameters: [of, value] } : { sql: readList, parameters: [of] },
      );
      return { call: withReads(steps, await this.#execute(name, statements)) };
    };
    return client.run({ f: 'txn', steps }, work);
  }

  /** Rows of each statement. */
  async #execute(name: string, statements: readonly Statement[]): Promise<readonly (readonly unknown[][])[]> {
    const client = await this.#server(name).client();
    const { results } = await client.execute(database, statements);
    return results.map(({ rows }) => rows.map((row) => [...row]));
  }
}

/** What is wrong with a history, with what a member shows in the end. */
export async function judgeHistory(recorder: HistoryRecorder, server: ServerProcess): Promise<Violation[]> {
  const operations = operationsOf(recorder.events);
  const rows = await server.query(database, 'SELECT key, element FROM lists ORDER BY position');
  const groups = Map.groupBy(rows, ([key]) => Number(key));
  const final = new Map<Key, Value[]>(
    [...groups].map(([key, own]) => [key, own.map(([, element]) => Number(element))]),
  );
  const mayBeLost = new Set<string>();
  return [
    ...checkLinearizability(operations),
    ...checkListAppend(operations, { final }),
    ...checkAcknowledged(appendsOf(operations), { present: elementNames(final), saved: new Set(), mayBeLost }),
  ];
}

function withReads(steps: readonly Step[], results: readonly (readonly unknown[][])[]): Call {
  const read = (step: Step, rows: readonly unknown[][] = []): Step =>
    step[0] === 'r' ? ['r', step[1], rows.map(([element]) => Number(element))] : step;
  return { f: 'txn', steps: steps.map((step, i) => read(step, results[i])) };
}
