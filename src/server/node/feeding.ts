import type { DatabaseSettings } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';

/** The one stream that feeds a replica through ReplicateTx, if there is one. */
export class Feeding {
  readonly #database: string;
  /** Ends the stream. */
  #stop: ((reason: QuorateError) => void) | undefined;

  constructor(database: string) {
    this.#database = database;
  }

  /**
   * Registers the stream and returns what ends the registration.
   * @throws QuorateError WRONG_ROLE for a database that takes none, or has one already
   */
  start({ role, replication }: DatabaseSettings, stop: (reason: QuorateError) => void): () => void {
    const name = this.#database;
    if (role === 'primary' || replication.enabled) {
      const reason = role === 'primary' ? 'is a primary' : 'has a replicator of its own';
      throw new QuorateError('WRONG_ROLE', `database ${name} ${reason}`, {
        hint: `ReplicateTx feeds replicas with replication disabled: quorate database update ${name} --role replica --replication-enabled=false`,
      });
    }
    if (this.#stop !== undefined) {
      throw new QuorateError('WRONG_ROLE', `database ${name} is fed by another replicator already`, {
        hint: 'Stop the other one; two would only repeat each other.',
      });
    }
    this.#stop = stop;
    return () => {
      this.#stop = undefined;
    };
  }

  /** Ends the stream; its registration ends with it. */
  stop(reason: QuorateError): void {
    this.#stop?.(reason);
  }
}
