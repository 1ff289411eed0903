import type { Clock, Logger } from '../runtime/interface.ts';
import { type AckRule, type AckState, defaultAckSettings, reachedBy, ruleOf } from './acks.ts';
import type { AckLevel, AckSettings, AckStatus } from './types.ts';

/**
 * A degraded database asks for acknowledgements again when enough replicas have the transaction that it had waited for and
 * are this close to the end of the log, in transactions: under load they are always some behind.
 */
const catchUpSlack = 1000;

export interface AckMonitorOptions {
  readonly database: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: AckSettings | undefined;
  readonly onStatus: (status: AckStatus) => void;
}

/**
 * Knows what the replicas have acknowledged and what the settings ask for, and decides whether a transaction is held by
 * enough of them. A database that may degrade stops asking after a time without enough replicas, and asks again by itself
 * when they are back.
 */
export class AckMonitor {
  readonly #options: AckMonitorOptions;
  #settings: AckSettings;
  #rule: AckRule;
  #state: AckState = { durable: [], applied: [] };
  #status: AckStatus = 'reached';
  #waitingSinceMs: number | undefined;
  /** The transaction whose acknowledgements did not come. */
  #missedTxId = 0;

  constructor(options: AckMonitorOptions) {
    this.#options = options;
    this.#settings = options.settings ?? defaultAckSettings;
    this.#rule = ruleOf(this.#settings.level, this.#settings.members);
  }

  get settings(): AckSettings {
    return this.#settings;
  }

  get status(): AckStatus {
    return this.#status;
  }

  /** What a transaction asks for: its own level, or that of the database. */
  rule(level: AckLevel | undefined): AckRule {
    return level === undefined ? this.#rule : ruleOf(level, this.#settings.members);
  }

  configure(settings: AckSettings | undefined): void {
    this.#settings = settings ?? defaultAckSettings;
    this.#rule = ruleOf(this.#settings.level, this.#settings.members);
    this.#enter('reached');
  }

  /** Takes what the replicas have now; `tipTxId` is the end of this log. */
  update(state: AckState, tipTxId: number): void {
    this.#state = state;
    const reached = reachedBy(state.durable, this.#rule.durable);
    if (this.#status === 'degraded' && reached >= this.#missedTxId && reached >= tipTxId - catchUpSlack) {
      this.#enter('reached');
    }
  }

  /** Replicas that hold the transaction durably. */
  holders(txId: number): number {
    return this.#state.durable.filter((position) => position >= txId).length;
  }

  isDurable(txId: number, count: number): boolean {
    return this.#status === 'degraded' || reachedBy(this.#state.durable, count) >= txId;
  }

  isApplied(txId: number, count: number): boolean {
    return this.#status === 'degraded' || reachedBy(this.#state.applied, count) >= txId;
  }

  /** Called when a transaction begins to wait. */
  waiting(): void {
    this.#waitingSinceMs ??= this.#options.clock.monotonicMs();
  }

  /**
   * Called from time to time while something waits: says so, and degrades when that is allowed and due. `tipTxId` is the
   * end of this log.
   */
  tick(tipTxId: number): void {
    if (this.#waitingSinceMs === undefined || this.#status === 'degraded') {
      return;
    }
    const { whenShort, degradeAfterMs } = this.#settings;
    const waitedMs = this.#options.clock.monotonicMs() - this.#waitingSinceMs;
    this.#missedTxId = tipTxId;
    this.#enter(whenShort === 'degrade' && waitedMs >= degradeAfterMs ? 'degraded' : 'waiting');
  }

  /** Called when nothing waits any more. */
  released(): void {
    this.#waitingSinceMs = undefined;
    if (this.#status === 'waiting') {
      this.#enter('reached');
    }
  }

  /** Waiting for an acknowledgement is ordinary; only a change from or to `degraded` is told. */
  #enter(status: AckStatus): void {
    const before = this.#status;
    this.#status = status;
    if (before === status) {
      return;
    }
    if (status === 'degraded' || before === 'degraded') {
      const { logger, database } = this.#options;
      const told =
        status === 'degraded'
          ? 'too few replicas acknowledge: writes are asynchronous now'
          : 'replicas acknowledge again';
      logger.warn({ database, needed: this.#rule.durable, acks: this.#state.durable.length }, told);
    }
    this.#options.onStatus(status);
  }
}
