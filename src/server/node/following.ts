import type { Database, Upstream } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import { Replicator, type ReplicatorStatus } from '../../replication/interface.ts';
import { type Feeder, FeedingSlot } from './feeding-slot.ts';
import type { ManagedDatabase } from './managed-database.ts';
import type { NodeServices } from './node-services.ts';
import { explainDivergence } from './parting.ts';
import type { Scrubber, ScrubStatus } from './scrubber.ts';
import { startScrubber } from './scrubbing.ts';

/** How one database gets what another has: by a replicator of its own, or from outside; and how it is compared with it. */
export class Following {
  readonly #managed: ManagedDatabase;
  readonly #services: NodeServices;
  readonly #feeding = new FeedingSlot();
  #replicator: Replicator | undefined;
  #scrubber: Scrubber | undefined;

  constructor(managed: ManagedDatabase, services: NodeServices) {
    this.#managed = managed;
    this.#services = services;
  }

  get status(): ReplicatorStatus | undefined {
    return this.#replicator?.status() ?? this.#feeding.status();
  }

  get scrubStatus(): ScrubStatus | undefined {
    return this.#scrubber?.status();
  }

  start(database: Database, upstream: Upstream): void {
    const { runtime, transport, upstreams, options } = this.#services;
    this.#replicator = new Replicator({
      sink: database.sink,
      feeds: database.feeds,
      upstream,
      transport,
      security: transport.security,
      runtime,
      limits: options.replicationLimits,
      snapshots: { inbox: database.inbox, transport },
      identity: this.#managed.identity,
      explainDivergence: (error) => explainDivergence(database, upstreams, error),
      onUpstreamPath: (path) => this.#managed.learnUpstreamPath(path),
    });
    this.#replicator.start();
    this.#scrubber = startScrubber(this.#managed, database, this.#replicator, this.#services);
  }

  async stop(reason: string): Promise<void> {
    await this.#feeding.stop(new QuorateError('CANCELLED', reason));
    const replicator = this.#replicator;
    this.#replicator = undefined;
    const scrubber = this.#scrubber;
    this.#scrubber = undefined;
    await Promise.all([replicator, scrubber].map((one) => one?.[Symbol.asyncDispose]()));
    this.#managed.learnUpstreamPath([]);
  }

  /** What was compared counts no more. */
  compareAgain(): void {
    this.#scrubber?.beginAgain();
  }

  /** Registers the one who may feed this replica, and returns what ends that. @throws QuorateError WRONG_ROLE */
  feed(feeder: Feeder): () => void {
    const { name } = this.#managed;
    return this.#feeding.take(name, this.#managed.require().settings, feeder);
  }

  /** Ends the stream of the one who feeds this replica. */
  endFeeding(reason: QuorateError): void {
    void this.#feeding.stop(reason);
  }
}
