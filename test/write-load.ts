/** Clients that write numbered rows until their server is gone, and what they were told. */
import { randomBytes } from 'node:crypto';
import type { NodeClient } from '../src/client/interface.ts';
import { asQuorateError, type ErrorCode } from '../src/errors/interface.ts';

/** What a client may be told by a server that is being killed; anything else is a defect. */
const expected: ReadonlySet<ErrorCode> = new Set([
  'UNAVAILABLE',
  'CANCELLED',
  'COMMIT_IN_DOUBT',
  'PROTOCOL_ERROR',
  'DATABASE_UNLOADED',
]);

export const loadSchema = [
  'CREATE TABLE written (number INTEGER PRIMARY KEY, body BLOB)',
  'CREATE TABLE counter (count INTEGER NOT NULL)',
  'INSERT INTO counter VALUES (0)',
];

export class WriteLoad {
  readonly #database: string;
  #next = 1;
  #stopped = false;
  /** Numbers whose writes were acknowledged. */
  readonly acknowledged = new Set<number>();
  /** Codes that clients met, with how often. */
  readonly failures = new Map<string, number>();

  constructor(database: string) {
    this.#database = database;
  }

  /** Highest number that was sent. */
  get sent(): number {
    return this.#next - 1;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Writes from `clients` sides at once. Resolves when all of them have met an error or were stopped. */
  async run(client: NodeClient, clients: number): Promise<void> {
    await Promise.all(Array.from({ length: clients }, () => this.#writeOn(client)));
  }

  async #writeOn(client: NodeClient): Promise<void> {
    while (!this.#stopped) {
      const number = this.#next;
      this.#next += 1;
      const body = randomBytes(number % 97 === 0 ? 100_000 : number % 50);
      try {
        await client.execute(this.#database, [
          { sql: 'INSERT INTO written VALUES (?, ?)', parameters: [number, body] },
          { sql: 'UPDATE counter SET count = count + 1' },
        ]);
        this.acknowledged.add(number);
      } catch (error) {
        const { code, message } = asQuorateError(error);
        this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
        if (!expected.has(code)) {
          throw new Error(`a client was told ${code}: ${message}`, { cause: error });
        }
        return;
      }
    }
  }

  /** What is wrong with the content of a server; empty when nothing is. */
  defects(numbers: readonly number[], counter: number): string[] {
    const present = new Set(numbers);
    const lost = [...this.acknowledged].filter((number) => !present.has(number));
    const invented = numbers.filter((number) => number > this.sent);
    return [
      ...(lost.length > 0 ? [`${lost.length} acknowledged writes are lost: ${lost.slice(0, 10)}`] : []),
      ...(invented.length > 0 ? [`nobody wrote ${invented.slice(0, 10)}`] : []),
      ...(counter === numbers.length ? [] : [`${numbers.length} rows, but ${counter} transactions`]),
    ];
  }
}
