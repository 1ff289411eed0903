import { type ConnectOptions, connect, type FollowingClient } from 'quorate/client';
import { update } from '../replica-commands.ts';
import { adminPassword, follow, ServerFixture, type ServerProcess, type TestScope } from '../server-process.ts';

/** A primary and replicas that follow it, as people set them up by hand. */
export class HandmadeGroup {
  readonly #fixture: ServerFixture;
  readonly #t: TestScope;
  readonly primary: ServerProcess;
  readonly replicas: readonly ServerProcess[];

  private constructor(
    t: TestScope,
    fixture: ServerFixture,
    [primary, ...replicas]: readonly [ServerProcess, ...ServerProcess[]],
  ) {
    this.#t = t;
    this.#fixture = fixture;
    this.primary = primary;
    this.replicas = replicas;
  }

  /** @param flags of each replica */
  static async start(t: TestScope, ...flags: readonly (readonly string[])[]): Promise<HandmadeGroup> {
    const fixture = new ServerFixture(t);
    const primary = await fixture.start('primary');
    const replicas = await Promise.all(
      flags.map((more, i) => fixture.start(`replica-${i + 1}`, ...follow(primary, ...more))),
    );
    await Promise.all(
      replicas.map((replica) => replica.until('defaultdb', ({ replicator }) => replicator?.state === 'streaming')),
    );
    return new HandmadeGroup(t, fixture, [primary, ...replicas]);
  }

  get root(): string {
    return this.#fixture.root;
  }

  /** A client that knows the given nodes, or only the primary, and ends with the test. */
  async connect(
    options: Partial<ConnectOptions> = {},
    nodes: readonly ServerProcess[] = [this.primary],
  ): Promise<FollowingClient> {
    const db = await connect({
      nodes: nodes.map(({ httpUrl }) => httpUrl),
      database: 'defaultdb',
      user: 'admin',
      password: adminPassword,
      ...options,
    });
    this.#t.after(() => db.close());
    return db;
  }

  /** Waits for acknowledgements of that many replicas from now on. */
  async requireAcks(acks: number): Promise<void> {
    const level = { level: 'sync', acks, members: [], whenShort: '', degradeAfterMs: 0, timeoutMs: 0 };
    await (await this.primary.client()).updateDatabase(update({ acks: level }));
  }

  /** Waits until a replica shows all that the primary has. */
  async caughtUp(replica: ServerProcess): Promise<void> {
    const { tipTxId } = await this.primary.database('defaultdb');
    await replica.until('defaultdb', ({ appliedTxId }) => appliedTxId >= tipTxId);
  }

  /** Makes a replica the primary, and the others follow it. */
  async promote(replica: ServerProcess): Promise<void> {
    await (await replica.client()).updateDatabase(update({ role: 'primary' }));
    for (const other of this.replicas.filter((one) => one !== replica)) {
      await (await other.client()).updateDatabase(update({ primaryHost: '127.0.0.1', primaryPort: replica.port }));
    }
  }
}

export const createLog = 'CREATE TABLE log (id INTEGER PRIMARY KEY, entry TEXT UNIQUE)';
