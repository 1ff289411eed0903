import { asQuorateError, type ErrorCode } from '../errors/interface.ts';
import type { DatabaseStatus, StatusResponse } from '../proto/interface.ts';
import type { Clock } from '../runtime/interface.ts';
import type { NodeRow } from './node-table.ts';
import { RateMeter } from './rate-meter.ts';

const rateWindowMs = 3_000;

const stateOfError: Partial<Record<ErrorCode, string>> = {
  UNAVAILABLE: 'not reachable',
  DATABASE_NOT_FOUND: 'no database',
};

/** What a monitor needs of a client. */
export interface StatusSource {
  login(user: string, password: string): Promise<unknown>;
  status(database: string): Promise<StatusResponse>;
}

export interface NodeMonitorOptions {
  readonly node: string;
  readonly database: string;
  readonly source: StatusSource;
  readonly user: string;
  readonly password: string;
  readonly clock: Clock;
}

/** Asks one node again and again how one of its databases is. A node that cannot be asked is a row too. */
export class NodeMonitor {
  readonly #options: NodeMonitorOptions;
  readonly #rate = new RateMeter(rateWindowMs);
  #loggedIn = false;

  constructor(options: NodeMonitorOptions) {
    this.#options = options;
  }

  /** The row of the node now; never rejects. */
  async poll(): Promise<NodeRow> {
    const { source, user, password, database } = this.#options;
    try {
      if (!this.#loggedIn) {
        await source.login(user, password);
        this.#loggedIn = true;
      }
      const status = (await source.status(database)).databases.find((entry) => entry.database === database);
      return status === undefined ? this.#emptyRow('no database') : this.#rowOf(status);
    } catch (error) {
      return this.#unreachableRow(error);
    }
  }

  #rowOf(status: DatabaseStatus): NodeRow {
    this.#rate.add(status.appliedTxId, this.#options.clock.monotonicMs());
    const { replicator } = status;
    return {
      node: this.#options.node,
      role: status.role === '' ? '-' : status.role,
      state: replicator?.state ?? status.state,
      position: status.appliedTxId,
      lagTransactions: replicator?.lagTransactions,
      lagMs: replicator?.lagMs,
      transactionsPerSecond: this.#rate.perSecond,
    };
  }

  /** A token is good for one run of a node: whoever cannot be asked is logged in to again. */
  #unreachableRow(error: unknown): NodeRow {
    this.#loggedIn = false;
    const { code } = asQuorateError(error);
    return this.#emptyRow(stateOfError[code] ?? code.toLowerCase());
  }

  #emptyRow(state: string): NodeRow {
    return {
      node: this.#options.node,
      role: '-',
      state,
      position: undefined,
      lagTransactions: undefined,
      lagMs: undefined,
      transactionsPerSecond: undefined,
    };
  }
}
