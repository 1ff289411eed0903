import type { Membership } from '../../../cluster/interface.ts';
import type {
  BeginOptions,
  Database,
  InteractiveTransaction,
  TransactOptions,
  TransactResult,
  Writer,
} from '../../../database/interface.ts';
import { type ErrorCode, isQuorateError, QuorateError } from '../../../errors/interface.ts';
import type { Runtime } from '../../../runtime/interface.ts';
import type { Statement } from '../../../sqlite/interface.ts';
import { ForwardingWriter } from '../forwarding-writer.ts';
import type { UpstreamClients } from '../upstream-clients.ts';

export interface GroupWriterOptions {
  readonly database: Database;
  readonly membership: Membership;
  readonly upstreams: Pick<UpstreamClients, 'writer'>;
  readonly runtime: Runtime;
  /** Milliseconds that a write waits for a primary. */
  readonly waitMs: number;
  /** Milliseconds that a forwarded write may take to be shown here. */
  readonly shownMs: number;
}

/** Milliseconds between two looks for a primary. */
const tickMs = 10;

/** Errors that say that nothing was begun, because who is primary has changed or is about to. */
const notBegun: ReadonlySet<ErrorCode> = new Set([
  'LEASE_LOST',
  'STEPPED_DOWN',
  'READ_ONLY_REPLICA',
  'STALE_TERM',
  'WRONG_ROLE',
  'UNAVAILABLE',
]);

/** The writer of a database of a group, wherever its primary is: while that changes, writes wait. */
export class GroupWriter implements Writer {
  readonly #options: GroupWriterOptions;

  constructor(options: GroupWriterOptions) {
    this.#options = options;
  }

  transact(statements: readonly Statement[], options?: TransactOptions): Promise<TransactResult> {
    return this.#retried((writer) => writer.transact(statements, options));
  }

  begin(options?: BeginOptions): Promise<InteractiveTransaction> {
    return this.#retried((writer) => writer.begin(options));
  }

  async #retried<T>(action: (writer: Writer) => Promise<T>): Promise<T> {
    const { clock, timers } = this.#options.runtime;
    const untilMs = clock.monotonicMs() + this.#options.waitMs;
    for (;;) {
      const writer = this.#writer();
      try {
        if (writer !== undefined) {
          return await action(writer);
        }
      } catch (error) {
        if (!isQuorateError(error) || !notBegun.has(error.code) || clock.monotonicMs() > untilMs) {
          throw error;
        }
      }
      if (writer === undefined && clock.monotonicMs() > untilMs) {
        throw this.#leaderless();
      }
      await timers.sleep(tickMs);
    }
  }

  /** Undefined while nobody is known to be primary. */
  #writer(): Writer | undefined {
    const { database, membership, upstreams, shownMs } = this.#options;
    const { leader } = membership;
    if (leader === undefined) {
      return undefined;
    }
    if (leader.isSelf) {
      return database.writer;
    }
    // What is sent on goes to whom this database follows, which may still be the primary before.
    const { upstream } = database.settings.replication;
    const isFollowed = upstream?.host === leader.member.host && upstream.port === leader.member.port;
    return isFollowed ? new ForwardingWriter(database, upstreams, shownMs, leader.gone) : undefined;
  }

  #leaderless(): QuorateError {
    const { database, waitMs } = this.#options;
    return new QuorateError('UNAVAILABLE', `the group of ${database.name} has had no primary for ${waitMs} ms`, {
      hint: `See why with: quorate explain failover ${database.name}`,
    });
  }
}
