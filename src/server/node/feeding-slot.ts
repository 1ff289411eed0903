import type { DatabaseSettings } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { LagReport, ReplicatorState, ReplicatorStatus, SnapshotProgress } from '../../replication/interface.ts';

/** What feeds a replica from outside: a stream of records, or one that brings a snapshot. */
export interface Feeder {
  /** Where it comes from, for people. */
  readonly address: string;
  readonly state: ReplicatorState;
  readonly lag: LagReport;
  readonly snapshot?: SnapshotProgress | undefined;
  /** Ends it, telling its caller why; resolves when it changes nothing any more. */
  stop(reason: QuorateError): Promise<void>;
}

/** The place of the one who may feed a replica that runs no replicator of its own. */
export class FeedingSlot {
  #feeder: Feeder | undefined;

  /**
   * Takes the place, and returns what gives it back.
   * @throws QuorateError WRONG_ROLE when the database is not fed from outside, or by somebody else
   */
  take(name: string, { role, replication }: DatabaseSettings, feeder: Feeder): () => void {
    if (role === 'primary' || replication.enabled) {
      const reason = role === 'primary' ? 'is a primary' : 'has a replicator of its own';
      throw new QuorateError('WRONG_ROLE', `database ${name} ${reason}`, {
        hint: `ReplicateTx feeds replicas with replication disabled: quorate database update ${name} --role replica --replication-enabled=false`,
      });
    }
    if (this.#feeder !== undefined) {
      throw new QuorateError('WRONG_ROLE', `database ${name} is fed by another replicator already`, {
        hint: 'Stop the other one; two would only repeat each other.',
      });
    }
    this.#feeder = feeder;
    return () => {
      this.#feeder = undefined;
    };
  }

  /** How far the replica is behind, as whoever feeds it says; undefined while nobody does. */
  status(): ReplicatorStatus | undefined {
    const feeder = this.#feeder;
    return (
      feeder && {
        state: feeder.state,
        reason: '',
        upstream: `fed by ${feeder.address}`,
        ...feeder.lag,
        retries: 0,
        snapshot: feeder.snapshot,
      }
    );
  }

  async stop(reason: QuorateError): Promise<void> {
    await this.#feeder?.stop(reason);
  }
}
