/** Clients that write numbered rows without end, and what each of them was told. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeClient } from '../../src/client/interface.ts';
import { asQuorateError, type ErrorCode } from '../../src/errors/interface.ts';
import { matrixDatabase } from './matrix-node.ts';

/** Answers after which the write may be there or not. */
const inDoubt: ReadonlySet<ErrorCode> = new Set(['UNAVAILABLE', 'CANCELLED', 'COMMIT_IN_DOUBT', 'DATABASE_UNLOADED']);

/** Answers that promise that the write was not begun. */
const refused: ReadonlySet<ErrorCode> = new Set(['QUORUM_UNAVAILABLE', 'READ_ONLY_REPLICA']);

/** Milliseconds between two writes of one client, at most; and after an answer that was none. */
const longestPauseMs = 12;
const retryMs = 20;

export const ledgerSchema = [
  'CREATE TABLE written (number INTEGER PRIMARY KEY, body BLOB)',
  'CREATE TABLE counter (count INTEGER NOT NULL)',
  'INSERT INTO counter VALUES (0)',
];

/** What the answer to a write said. */
export interface Held {
  readonly txId: number;
  readonly term: number;
  /** Replicas that held it durably. */
  readonly acks: number;
}

/** Remembers what clients were told of their writes, to be compared with what the nodes have. */
export class WriteLedger {
  #next: number;
  readonly #first: number;
  readonly #committed = new Map<number, Held>();
  readonly #inDoubt = new Set<number>();
  readonly #refused = new Set<number>();

  /** @param first number of the first row */
  constructor(first = 1) {
    this.#first = first;
    this.#next = first;
  }

  /** Number of the next row. */
  get next(): number {
    return this.#next;
  }

  get committed(): number {
    return this.#committed.size;
  }

  get inDoubt(): number {
    return this.#inDoubt.size;
  }

  get refused(): number {
    return this.#refused.size;
  }

  /** Writes one row and notes the answer. Returns whether it was committed. */
  async write(client: NodeClient, bodyBytes: number): Promise<boolean> {
    const number = this.#next;
    this.#next += 1;
    try {
      const { txId, term, acks } = await client.execute(matrixDatabase, [
        { sql: 'INSERT INTO written VALUES (?, ?)', parameters: [number, randomBytes(bodyBytes)] },
        { sql: 'UPDATE counter SET count = count + 1' },
      ]);
      this.#committed.set(number, { txId, term, acks });
      return true;
    } catch (error) {
      this.#fail(number, error);
      return false;
    }
  }

  #fail(number: number, error: unknown): void {
    const { code, message } = asQuorateError(error);
    if (refused.has(code)) {
      this.#refused.add(number);
    } else if (inDoubt.has(code)) {
      this.#inDoubt.add(number);
    } else {
      throw new Error(`a client was told ${code}: ${message}`, { cause: error });
    }
  }

  /** The newest transaction, from number `since` on, that at least so many replicas hold according to its answer. */
  newestHeldBy(acks: number, since: number): Held | undefined {
    let newest: Held | undefined;
    for (const [number, held] of this.#committed) {
      if (number >= since && held.acks >= acks && held.txId > (newest?.txId ?? 0)) {
        newest = held;
      }
    }
    return newest;
  }

  /** Rows whose clients were told that they are committed, and that are not among these. */
  missing(numbers: ReadonlySet<number>, since = this.#first): number[] {
    return [...this.#committed.keys()].filter((number) => number >= since && !numbers.has(number));
  }

  /** What is wrong with the rows that a node has from number `since` on; empty when nothing is. */
  defects(numbers: ReadonlySet<number>, since: number): string[] {
    const lost = this.missing(numbers, since);
    const never = [...numbers].filter((number) => this.#refused.has(number));
    const invented = [...numbers].filter((number) => !this.#committed.has(number) && !this.#inDoubt.has(number));
    return [
      ...(lost.length > 0 ? [`${lost.length} acknowledged writes are lost: ${lost.slice(0, 10)}`] : []),
      ...(never.length > 0 ? [`${never.length} refused writes are there: ${never.slice(0, 10)}`] : []),
      ...(invented.length > 0 ? [`rows are there that nobody was promised: ${invented.slice(0, 10)}`] : []),
    ];
  }
}

/** Clients that write until they are told to stop, also while their server is away. */
export class WriteLoad {
  readonly #ledger: WriteLedger;
  readonly #client: () => Promise<NodeClient>;
  readonly #running: Promise<unknown>;
  #stopped = false;

  /** @param client of whoever is to be written to now */
  constructor(ledger: WriteLedger, client: () => Promise<NodeClient>, clients: number) {
    this.#ledger = ledger;
    this.#client = client;
    this.#running = Promise.all(Array.from({ length: clients }, () => this.#run()));
    // Whoever stops the load learns of it.
    this.#running.catch(() => {});
  }

  /** Resolves when every client has its last answer. @throws Error when one of them was told what nobody may be told */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /** For a test that has failed: whoever waits for a dead server is not waited for. */
  abandon(): void {
    this.#stopped = true;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const client = await this.#client();
      const isCommitted = await this.#ledger.write(client, Math.floor(Math.random() * 200));
      await sleep(isCommitted ? Math.random() * longestPauseMs : retryMs);
    }
  }
}
