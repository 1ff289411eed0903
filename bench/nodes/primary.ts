import { Quorate, type QuorateDatabase, type WriteOptions } from '../../src/library/interface.ts';
import { insertItem, itemTableStatements, itemValues, type KeyOrder } from './item-table.ts';

export const databaseName = 'items';
export const adminPassword = 'a password for benchmarks';

/** Rows in one transaction when a table is filled and nobody measures. */
const fillRows = 1000;

/** A primary inside this process, through the library, that replicas can follow. */
export class Primary implements AsyncDisposable {
  readonly #node: Quorate;
  readonly database: QuorateDatabase;
  readonly port: number;
  readonly #keys: KeyOrder;

  private constructor(node: Quorate, database: QuorateDatabase, port: number, keys: KeyOrder) {
    this.#keys = keys;
    this.#node = node;
    this.database = database;
    this.port = port;
  }

  static async start(directory: string, keys: KeyOrder = 'sequential'): Promise<Primary> {
    const node = await Quorate.open({ directory, listen: { port: 0 }, adminPassword });
    const database = await node.createDatabase(databaseName);
    return new Primary(node, database, node.address?.port ?? 0, keys);
  }

  /** Empties the table by making it anew. */
  async recreateTable(): Promise<void> {
    await this.database.batch(itemTableStatements);
  }

  /** Inserts row `index` in a transaction of its own and returns its position token. */
  async insert(index: number, options?: WriteOptions): Promise<string> {
    const { position } = await this.database.execute(insertItem, itemValues(index, this.#keys), options);
    return position;
  }

  /** Inserts rows 1 to `count`, many in each transaction. */
  async fill(count: number): Promise<void> {
    for (let first = 1; first <= count; first += fillRows) {
      const indexes = Array.from({ length: Math.min(fillRows, count - first + 1) }, (_, offset) => first + offset);
      await this.database.batch(indexes.map((index) => ({ sql: insertItem, parameters: itemValues(index) })));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node[Symbol.asyncDispose]();
  }
}
