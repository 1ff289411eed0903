import type { TransactResult } from '../../../src/database/interface.ts';
import { type ErrorCode, isQuorateError, QuorateError } from '../../../src/errors/interface.ts';
import { ReadConnection, type SqlValue, type Statement } from '../../../src/sqlite/interface.ts';
import type { Call, Position, ReadLevel, Step, Value } from '../../histories/operation.ts';
import { type Answer, HistoryRecorder, type RecordingClient } from '../../histories/recorder.ts';
import { includes } from '../../histories/sessions.ts';
import type { Chance } from '../chance.ts';
import { world } from '../simulated-time.ts';
import type { DataNode } from './data-node.ts';
import { type GroupWorld, noAnswer, upstreamOf } from './group-world.ts';

export const groupSchema: readonly string[] = [
  'CREATE TABLE IF NOT EXISTS register (key INTEGER PRIMARY KEY, value INTEGER)',
  'CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY, list INTEGER, element TEXT UNIQUE)',
];

const registers = 2;
const lists = 3;
/** Clients that only read: whoever writes waits long where no primary is, and would see little of it. */
const readers = 2;
/** Milliseconds after which a client gives a call up. */
const clientLimitMs = 4_000;
const readLimitMs = 400;

/** Errors that alarm whoever gets them. */
const alarming: ReadonlySet<ErrorCode> = new Set(['INTERNAL', 'LOG_CORRUPT', 'DATABASE_CORRUPT', 'PROTOCOL_ERROR']);

interface Shown {
  readonly call: Call;
  readonly position?: Position;
  readonly node: string;
}

/** Clients that write to, and read from, any member, as the server lets them, and note what they were told. */
export class GroupClients {
  readonly history = new HistoryRecorder({ capacity: 20_000 });
  readonly #world: GroupWorld;
  readonly #nodes: readonly DataNode[];
  readonly #chance: Chance;
  #next = 1;
  #isOver = false;
  #running = 0;

  constructor(groupWorld: GroupWorld, nodes: readonly DataNode[], chance: Chance) {
    this.#world = groupWorld;
    this.#nodes = nodes;
    this.#chance = chance;
  }

  start(clients: number): void {
    for (let client = 0; client < clients; client += 1) {
      this.#running += 1;
      void this.#run(this.history.client(), client >= clients - readers).finally(() => {
        this.#running -= 1;
      });
    }
  }

  /** No client begins anything more. */
  stop(): void {
    this.#isOver = true;
  }

  get isIdle(): boolean {
    return this.#running === 0;
  }

  async #run(client: RecordingClient, isReader: boolean): Promise<void> {
    const session: { seen: Position } = { seen: { term: 0, txId: 0 } };
    for (;;) {
      await this.#sleep(this.#chance.happens(0.1) ? this.#chance.between(100, 1_500) : this.#chance.between(0, 120));
      if (this.#isOver) {
        return;
      }
      const up = this.#nodes.filter(({ membership }) => membership !== undefined);
      if (up.length > 0 && isReader) {
        const call: Call = { f: 'read', key: this.#chance.integer(1, registers), value: null };
        await this.read(client, this.#chance.pick(up), call, 'linearizable', session);
      } else if (up.length > 0) {
        await this.#act(client, session, this.#chance.pick(up));
      }
    }
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#world.nodes.time.after(delayMs, world, resolve));
  }

  async #act(client: RecordingClient, session: { seen: Position }, node: DataNode): Promise<void> {
    const chance = this.#chance;
    const kind = chance.between(0, 1);
    const key = chance.integer(1, registers);
    if (kind < 0.22) {
      await this.write(client, node, { f: 'write', key, value: this.#newValue() }, session);
    } else if (kind < 0.3) {
      const expected = chance.integer(Math.max(1, this.#next - 20), this.#next);
      await this.write(client, node, { f: 'cas', key, expected, replacement: this.#newValue() }, session);
    } else if (kind < 0.55) {
      await this.write(client, node, { f: 'txn', steps: this.#steps() }, session);
    } else {
      const level = chance.pick(['any', 'session', 'linearizable', 'linearizable'] as const);
      const isList = chance.happens(0.4);
      const call: Call = isList
        ? { f: 'txn', steps: [['r', chance.integer(1, lists), null]] }
        : { f: 'read', key, value: null };
      await this.read(client, node, call, level, session);
    }
  }

  #newValue(): number {
    this.#next += 1;
    return this.#next;
  }

  #steps(): Step[] {
    const chance = this.#chance;
    const count = chance.integer(1, 3);
    return Array.from({ length: count }, (_, index): Step => {
      const list = chance.integer(1, lists);
      return index > 0 && chance.happens(0.5) ? ['r', list, null] : ['append', list, `e${this.#newValue()}`];
    });
  }

  async write(client: RecordingClient, node: DataNode, call: Call, session?: { seen: Position }): Promise<boolean> {
    const { calls } = this.#world;
    const options = {
      ...{ from: { name: 'client', process: world }, to: node, limitMs: clientLimitMs, isLossy: false },
      silence: noAnswer('COMMIT_IN_DOUBT', node.name),
    };
    const answer = await client.run(
      call,
      async (): Promise<Answer> => {
        const result = await this.#watched(calls.make(options, () => node.write(statementsOf(call))));
        return { ...answered(call, result), node: node.name, position: result.position };
      },
      { ackLevel: this.#world.plan.config.acks.level.kind },
    );
    noteSeen(session, answer?.position);
    this.#traceLast();
    return answer !== undefined;
  }

  #traceLast(): void {
    const { type, call, error = '', position, process } = this.history.events.at(-1) ?? {};
    const what = `${process} ${type} ${JSON.stringify(call)} ${error} ${position?.term ?? ''}:${position?.txId ?? ''}`;
    this.#world.nodes.trace.add('client', what);
  }

  async #watched<T>(promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      if (isQuorateError(error) && alarming.has(error.code)) {
        this.#world.nodes.onDefect(`a client was told ${error.code}: ${error.message}`);
      }
      throw error;
    }
  }

  async read(
    client: RecordingClient,
    node: DataNode,
    call: Call,
    level: ReadLevel,
    session: { seen: Position } = { seen: { term: 0, txId: 0 } },
  ): Promise<boolean> {
    const options = {
      ...{ from: { name: 'client', process: world }, to: node, limitMs: readLimitMs, isLossy: false },
      silence: noAnswer('UNAVAILABLE', node.name),
    };
    const after = level === 'session' ? session.seen : undefined;
    const run = () => this.#readAt(node, call, level, after);
    const answer = await client.run(call, () => this.#world.calls.make(options, run), {
      readLevel: level,
      ...(after !== undefined && after.txId > 0 && { after }),
    });
    noteSeen(session, answer?.position);
    this.#traceLast();
    return answer !== undefined;
  }

  /** As a server reads: at `linearizable` on the primary, which looks at its lease when it has read. */
  async #readAt(node: DataNode, call: Call, level: ReadLevel, after: Position | undefined): Promise<Shown> {
    const { database, membership } = node;
    if (database === undefined || membership === undefined) {
      throw new QuorateError('UNAVAILABLE', `${node.name} is not ready`);
    }
    if (level === 'linearizable' && database.settings.role === 'replica') {
      const to = this.#world.dataNode(upstreamOf(database));
      const from = { name: node.name, process: node.process };
      const options = { from, to, limitMs: readLimitMs, isLossy: false, silence: noAnswer('UNAVAILABLE', to.name) };
      return await this.#world.calls.make(options, () => this.#readOnPrimary(to, call));
    }
    if (level === 'linearizable') {
      return await this.#readOnPrimary(node, call);
    }
    const shown = await this.#shownBy(node, call);
    if (after !== undefined && after.txId > 0 && !(shown.position !== undefined && includes(shown.position, after))) {
      throw new QuorateError('WAIT_TIMEOUT', `${node.name} does not show what the session knows yet`);
    }
    return shown;
  }

  async #readOnPrimary(node: DataNode, call: Call): Promise<Shown> {
    const { database } = node;
    if (database === undefined || database.settings.role === 'replica') {
      throw new QuorateError('WRONG_ROLE', `${node.name} is no primary`);
    }
    const shown = await this.#shownBy(node, call);
    if (!database.leadership.isLeaseValid()) {
      throw new QuorateError('LEASE_LOST', `${node.name} may not answer now`);
    }
    return shown;
  }

  async #shownBy({ name, database }: DataNode, call: Call): Promise<Shown> {
    using connection = ReadConnection.open(database?.filePath ?? '');
    const { txId } = connection.readPosition();
    const shown = txId === 0 ? call : shownCall(connection, call);
    const term = (await database?.source.positionOf(txId))?.term;
    return { node: name, call: shown, ...(term !== undefined && { position: { term, txId } }) };
  }
}

function shownCall(connection: ReadConnection, call: Call): Call {
  if (call.f === 'read') {
    const row = connection.get('SELECT value FROM register WHERE key = ?', [call.key]);
    return { ...call, value: (row?.['value'] as Value | undefined) ?? null };
  }
  const steps = call.f === 'txn' ? call.steps : [];
  const listOf = (list: SqlValue) =>
    connection
      .all('SELECT element FROM item WHERE list = ? ORDER BY id', [list])
      .map(({ element }) => element as Value);
  return { f: 'txn', steps: steps.map(([, list]): Step => ['r', list, listOf(list)]) };
}

function statementsOf(call: Call): Statement[] {
  switch (call.f) {
    case 'write':
      return [
        {
          sql: 'INSERT INTO register VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
          parameters: [call.key, call.value],
        },
      ];
    case 'cas':
      return [
        {
          sql: 'UPDATE register SET value = ? WHERE key = ? AND value = ?',
          parameters: [call.replacement, call.key, call.expected],
        },
      ];
    case 'txn':
      return call.steps.map(([f, list, element]) =>
        f === 'append'
          ? { sql: 'INSERT INTO item (list, element) VALUES (?, ?)', parameters: [list, element] }
          : { sql: 'SELECT element FROM item WHERE list = ? ORDER BY id', parameters: [list] },
      );
    case 'read':
      return [];
  }
}

/** What a write answers. @throws QuorateError CONSTRAINT_VIOLATION for a compare-and-set that found another value */
function answered(call: Call, { results }: TransactResult): { call: Call } {
  if (call.f === 'cas' && results[0]?.changes === 0) {
    throw new QuorateError('CONSTRAINT_VIOLATION', 'another value was found');
  }
  if (call.f !== 'txn') {
    return { call };
  }
  const steps = call.steps.map(
    (step, index): Step =>
      step[0] === 'append' ? step : ['r', step[1], (results[index]?.rows ?? []).map(([element]) => element as Value)],
  );
  return { call: { f: 'txn', steps } };
}

function noteSeen(session: { seen: Position } | undefined, position: Position | undefined): void {
  if (session !== undefined && position !== undefined && includes(position, session.seen)) {
    session.seen = position;
  }
}
