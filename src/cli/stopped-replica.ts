import type { NodeClient } from '../client/interface.ts';
import type { CommandContext } from './command-context.ts';
import { untilStreaming } from './until-streaming.ts';

/** How often the replica is told that the repair goes on, in milliseconds: well before it takes the repair for dead. */
const renewalMs = 10_000;

/** A replica that has stopped at a wrong row and is being repaired. */
export class StoppedReplica {
  readonly #context: CommandContext;
  readonly #client: NodeClient;
  readonly #database: string;
  #renewedAtMs = 0;

  private constructor(context: CommandContext, client: NodeClient, database: string) {
    this.#context = context;
    this.#client = client;
    this.#database = database;
  }

  /**
   * Lets a replica that has stopped follow again, over the wrong rows; undefined for one that has not stopped.
   * @throws QuorateError why it stops again, when its rows are not the reason
   */
  static async find(
    context: CommandContext,
    client: NodeClient,
    database: string,
  ): Promise<StoppedReplica | undefined> {
    const { databases } = await client.status(database);
    if (databases[0]?.replicator?.state !== 'diverged') {
      return undefined;
    }
    const stopped = new StoppedReplica(context, client, database);
    await stopped.goOn();
    await untilStreaming({ context, client, database });
    return stopped;
  }

  /** Says that the repair goes on. */
  async goOn(): Promise<true> {
    const nowMs = this.#context.runtime.clock.monotonicMs();
    if (this.#renewedAtMs === 0 || nowMs - this.#renewedAtMs >= renewalMs) {
      this.#renewedAtMs = nowMs;
      await this.#client.verification.repairIs(this.#database, 'goes-on');
    }
    return true;
  }

  /** @param isEqual a comparison has found nothing that differs; otherwise the replica stops again */
  async end(isEqual: boolean): Promise<void> {
    await this.#client.verification.repairIs(this.#database, isEqual ? 'equal' : 'given-up');
  }
}
