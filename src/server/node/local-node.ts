import type { ComparedNode } from '../../client/interface.ts';
import type { Database, SnapshotCall, SnapshotCalls } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { ManagedDatabase } from './managed-database.ts';
import type { UpstreamClients } from './upstream-clients.ts';

/** A database of this node, as a comparison uses it. */
export class LocalNode implements ComparedNode {
  readonly #managed: ManagedDatabase;
  readonly #upstreams: UpstreamClients;

  constructor(managed: ManagedDatabase, upstreams: UpstreamClients) {
    this.#managed = managed;
    this.#upstreams = upstreams;
  }

  get #database(): Database {
    return this.#managed.require();
  }

  async prepare(marker: string): Promise<Uint8Array> {
    const { databaseId, name } = this.#database;
    if (databaseId === undefined) {
      throw new QuorateError('UNAVAILABLE', `the replica ${name} has not met its upstream yet`);
    }
    const { state, reason } = this.#managed.replicatorStatus ?? { state: 'streaming', reason: '' };
    if (state === 'diverged' || state === 'refused') {
      throw new QuorateError(
        state === 'diverged' ? 'DIVERGED' : 'UNAVAILABLE',
        `the replica ${name} is ${state}: ${reason}`,
        {
          hint: `It cannot get to the transaction of the other node. ${this.#managed.replicatorStatus?.lastError?.hint ?? 'See its status.'}`,
        },
      );
    }
    await this.#database.verifications.prepare(marker);
    return databaseId;
  }

  /** A replica hands the request on, until it arrives at the primary. */
  writeMarker(marker: string): Promise<number> {
    return this.#database.settings.role === 'primary'
      ? this.#database.verifications.write(marker)
      : this.#upstreams.use(this.#database, (client, name) => client.verification.database(name).writeMarker(marker));
  }

  pin(marker: string): Promise<number> {
    return this.#database.verifications.pin(marker);
  }

  ask<K extends SnapshotCall>(
    marker: string,
    call: K,
    request: SnapshotCalls[K]['request'],
  ): Promise<SnapshotCalls[K]['answer']> {
    return this.#database.verifications.ask(marker, call, request);
  }

  end(marker: string): Promise<void> {
    return this.#database.verifications.end(marker);
  }
}
