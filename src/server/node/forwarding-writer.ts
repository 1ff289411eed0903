import type {
  BeginOptions,
  Database,
  InteractiveTransaction,
  Position,
  TransactOptions,
  TransactResult,
  Writer,
} from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { Statement } from '../../sqlite/interface.ts';
import type { UpstreamClients } from './upstream-clients.ts';

/** Sends the writes of a replica to its primary, and answers when this replica shows them: clients read their own writes here. */
export class ForwardingWriter implements Writer {
  readonly #database: Database;
  readonly #remote: Writer;
  readonly #waitMs: number;

  /**
   * @param waitMs milliseconds that a write which is committed may take to be shown here
   * @param gone aborted when the primary is another, or nobody
   */
  constructor(database: Database, upstreams: Pick<UpstreamClients, 'writer'>, waitMs: number, gone?: AbortSignal) {
    this.#database = database;
    this.#remote = upstreams.writer(database, gone);
    this.#waitMs = waitMs;
  }

  async transact(statements: readonly Statement[], options?: TransactOptions): Promise<TransactResult> {
    const result = await this.#remote.transact(statements, options);
    await this.#shown(result.position);
    return result;
  }

  async begin(options?: BeginOptions): Promise<InteractiveTransaction> {
    const transaction = await this.#remote.begin(options);
    return {
      run: (statement, runOptions) => transaction.run(statement, runOptions),
      describe: (sql) => transaction.describe(sql),
      commit: async (key) => {
        const position = await transaction.commit(key);
        await this.#shown(position);
        return position;
      },
      rollback: () => transaction.rollback(),
    };
  }

  async #shown({ txId }: Position): Promise<void> {
    try {
      await this.#database.waitFor(txId, this.#waitMs);
    } catch (cause) {
      const message = `transaction ${txId} is committed on the primary, but this replica did not show it within ${this.#waitMs} ms`;
      throw new QuorateError('COMMIT_IN_DOUBT', message, {
        cause,
        hint: 'Nothing is lost. Read from the primary, or wait for the position on this replica.',
        details: { txId, committed: true },
      });
    }
  }
}
