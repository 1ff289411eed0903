import type { AckLevel, Database, InteractiveTransaction } from '../../src/database/interface.ts';
import { asQuorateError, type ErrorCode, isQuorateError } from '../../src/errors/interface.ts';
import type { Statement } from '../../src/sqlite/interface.ts';
import { RandomSql } from '../random-sql.ts';
import type { AckWatch } from './ack-watch.ts';
import type { Chance } from './chance.ts';
import type { History } from './history.ts';
import type { SimulatedNode } from './simulated-node.ts';
import type { SimulatedTime } from './simulated-time.ts';
import { world } from './simulated-time.ts';
import { StatementSource, schema } from './statements.ts';
import type { Trace } from './trace.ts';

export interface WorkloadOptions {
  readonly cluster: { readonly primary: SimulatedNode; readonly replicas: readonly SimulatedNode[] };
  readonly time: SimulatedTime;
  readonly chance: Chance;
  readonly trace: Trace;
  readonly history: History;
  readonly acks: AckWatch;
  /** Whether some transactions ask for an ack level of their own. */
  readonly mixesLevels: boolean;
  readonly maxBlobBytes: number;
  /** Part of the writes that are random SQL of every kind. */
  readonly randomShare: number;
  /** Writes that are sent in all. */
  readonly writes: number;
}

/** What SQLite may say of a random statement; its transaction goes on without it. */
const harmless: ReadonlySet<ErrorCode> = new Set(['SQL_ERROR', 'CONSTRAINT_VIOLATION', 'UNSUPPORTED_STATEMENT']);

/** Levels that transactions ask for themselves. */
const levels: readonly AckLevel[] = [{ kind: 'async' }, { kind: 'sync', acks: 1 }, { kind: 'applied', acks: 1 }];

interface Answer {
  readonly txId: number;
  /** Replicas that held it, where that is told. */
  readonly acks?: number;
}

/** Clients that write to the primary, and now and then, in error, to a replica. */
export class Workload {
  readonly #options: WorkloadOptions;
  readonly #statements: StatementSource;
  readonly #random: RandomSql;
  /** The life of the primary in which random SQL runs now; it has no end of its own when that life ends first. */
  #randomIn: Database | undefined;
  #sent = 0;

  constructor(options: WorkloadOptions) {
    this.#options = options;
    this.#statements = new StatementSource(options.chance);
    this.#random = new RandomSql(options.chance.integer(0, 1_000_000));
  }

  get isOver(): boolean {
    return this.#sent >= this.#options.writes;
  }

  start(): void {
    const { time, chance } = this.#options;
    time.after(this.#pauseMs(chance), world, () => {
      this.#burst();
      if (!this.isOver) {
        this.start();
      }
    });
  }

  #pauseMs(chance: Chance): number {
    return chance.happens(0.12) ? chance.between(300, 8_000) : chance.between(0, 40);
  }

  #burst(): void {
    const { chance } = this.#options;
    const { primary } = this.#options.cluster;
    const count = chance.happens(0.2) ? chance.integer(2, 20) : 1;
    for (let index = 0; index < count && primary.database !== undefined && !this.isOver; index += 1) {
      if (chance.happens(this.#options.randomShare) && this.#randomIn !== primary.database) {
        this.#track('s', (name) => this.#randomTransaction(name));
      } else if (chance.happens(0.06)) {
        this.#track('i', (name) => this.#interactive(name));
      } else if (chance.happens(0.03)) {
        this.#writeToReplica();
      } else {
        this.#sendTransaction();
      }
    }
  }

  #sendTransaction(): void {
    const { chance, cluster, mixesLevels } = this.#options;
    const level = mixesLevels && chance.happens(0.2) ? chance.pick(levels) : undefined;
    this.#track('t', (name) => this.#send(cluster.primary, this.#next(name), level), level);
  }

  /** The schema comes first, until all of it is known to be there. */
  #next(name: string): Statement[] {
    const statements = this.#statements.transaction(name, this.#options.maxBlobBytes);
    const creation = schema.map((sql) => ({
      sql: sql.replace(/^CREATE (TABLE|TRIGGER) /, 'CREATE $1 IF NOT EXISTS '),
    }));
    return this.#sent <= 20 ? [...creation, ...statements] : statements;
  }

  #track(kind: string, run: (name: string) => Promise<Answer>, level?: AckLevel): void {
    const { history, trace, acks } = this.#options;
    this.#sent += 1;
    const name = `write-${kind}-${String(this.#sent).padStart(6, '0')}`;
    history.begin(name);
    acks.asked(name, level);
    run(name).then(
      ({ txId, acks: told }) => {
        trace.add('client', `${name} is transaction ${txId}`);
        history.acknowledged(name, txId);
        acks.answered(name, txId, told);
      },
      (error: unknown) => {
        const { code, message } = asQuorateError(error);
        trace.add('client', `${name} fails with ${code}`);
        history.failed(name, code, message);
      },
    );
  }

  async #send(node: SimulatedNode, statements: readonly Statement[], level?: AckLevel): Promise<Answer> {
    const { database } = node;
    if (database === undefined) {
      throw asQuorateError(new Error('the node is down'), 'UNAVAILABLE');
    }
    const { position, acks } = await database.writer.transact(statements, level && { acks: level });
    return { txId: position.txId, acks };
  }

  #begin(): Promise<InteractiveTransaction> {
    const { database } = this.#options.cluster.primary;
    return database === undefined
      ? Promise.reject(asQuorateError(new Error('the node is down'), 'UNAVAILABLE'))
      : database.writer.begin();
  }

  /** BEGIN, statements, and COMMIT or ROLLBACK, with pauses that may be longer than the time limit. */
  async #interactive(name: string): Promise<Answer> {
    const { chance } = this.#options;
    const transaction = await this.#begin();
    for (const statement of this.#next(name)) {
      await transaction.run(statement);
      await this.#wait(chance.happens(0.02) ? 700 : chance.between(0, 3));
    }
    if (chance.happens(0.3)) {
      await transaction.rollback();
      throw asQuorateError(new Error('the client rolled back'), 'CANCELLED');
    }
    return await transaction.commit();
  }

  /** Random SQL, whose statements may fail one by one. */
  async #randomTransaction(name: string): Promise<Answer> {
    const { database } = this.#options.cluster.primary;
    this.#randomIn = database;
    const statements = this.#random.transaction();
    let committed = false;
    try {
      const transaction = await this.#begin();
      const [marker = { sql: 'SELECT 1' }] = this.#statements.transaction(name, 0);
      await transaction.run(marker);
      for (const { sql, succeeded } of statements) {
        if (await this.#tryRun(transaction, sql)) {
          succeeded();
        }
      }
      const position = await transaction.commit();
      committed = true;
      return position;
    } finally {
      if (this.#randomIn === database) {
        this.#random.settle(committed);
        this.#randomIn = undefined;
      }
    }
  }

  async #tryRun(transaction: InteractiveTransaction, sql: string): Promise<boolean> {
    try {
      await transaction.run({ sql });
      return true;
    } catch (error) {
      if (isQuorateError(error) && harmless.has(error.code)) {
        return false;
      }
      throw error;
    }
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#options.time.after(delayMs, world, resolve));
  }

  #writeToReplica(): void {
    const { chance, cluster } = this.#options;
    const node = chance.pick(cluster.replicas);
    if (node.database !== undefined) {
      this.#track('r', (name) => this.#send(node, this.#next(name)));
    }
  }
}
