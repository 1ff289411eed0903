import { isDeepStrictEqual } from 'node:util';
import { QuorateError } from '../errors/interface.ts';
import type { LogPosition, Term } from '../log/interface.ts';
import { checkAckSettings, defaultAckSettings } from './acks.ts';
import type { DatabaseContext } from './database-context.ts';
import { type DatabaseFiles, followingNobody } from './database-files.ts';
import { Lease } from './lease.ts';
import type { TermPromise } from './settings-file.ts';
import type { SharedPositions } from './shared-positions.ts';
import { staleTerm, type WriterPosition } from './terms.ts';
import type { DatabaseSettings, LeadRequest, MemberPosition, PauseUntil, SnapshotInbox } from './types.ts';
import type { WriterClient } from './writer-client.ts';

export interface LeadershipOptions {
  readonly context: Pick<DatabaseContext, 'name' | 'runtime'>;
  readonly client: () => WriterClient;
  readonly files: Pick<DatabaseFiles, 'settings' | 'promise' | 'saveSettings' | 'role'>;
  readonly positions: SharedPositions;
  readonly inbox: () => Pick<SnapshotInbox, 'discard'>;
  readonly databaseId: () => Uint8Array | undefined;
  /** Called before the writer takes another role. */
  readonly onRole: () => void;
  /** Called when the writer has another role, or has promised a term. */
  readonly onChanged: () => void;
}

export interface UpdateOptions {
  /** A replica that never met an upstream becomes the primary of a new database. Default: that is refused. */
  readonly startsDatabase?: boolean | undefined;
}

/**
 * Who may write to a database, as its node decides it: its role, its term, what it has promised to others, and its lease.
 * Changes are made one after the other. What is promised or granted is on disk before it is in force.
 */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #lease: Lease;
  #tail: Promise<unknown> = Promise.resolve();
  /** What the log had when this node became primary: reads are linearizable when that is committed. */
  #leadsFrom = 0;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#lease = new Lease(options.positions, options.context.runtime.clock);
    options.positions.set('promised', options.files.promise?.term ?? 0);
  }

  get #settings(): DatabaseSettings {
    return this.#options.files.settings;
  }

  /** The highest term that this database has promised, or has a record of. */
  get #latestTerm(): Term {
    const { files, positions } = this.#options;
    return Math.max(files.promise?.term ?? 0, positions.get('term'));
  }

  /** The highest term that this database has promised; 0 when it has promised none. */
  get promisedTerm(): Term {
    return this.#options.positions.get('promised');
  }

  /** Id of the node to which that term was promised; undefined when none was. */
  get promisedTo(): string | undefined {
    return this.#options.files.promise?.candidate;
  }

  /** To be called when the database has been opened. */
  opened(client: Pick<WriterClient, 'answerOnlyWhile'>): void {
    client.answerOnlyWhile(() => this.#lease.isValid);
    this.#leadsFrom = this.#options.positions.get('tip');
  }

  /**
   * Takes new settings; a change of role is in force when this resolves. A replica that becomes primary keeps all records
   * of its log, starts a higher term, and needs no lease.
   * @throws QuorateError WRONG_ROLE when a member of a group is to become primary; INVALID_ARGUMENT, IO_ERROR, DISK_FULL
   */
  update(settings: DatabaseSettings, { startsDatabase = false }: UpdateOptions = {}): Promise<void> {
    return this.#exclusively(async () => {
      const before = this.#settings;
      const isPromoted = before.role === 'replica' && settings.role === 'primary';
      if (isPromoted) {
        this.#checkPromotion(before, startsDatabase);
        this.#lease.set(undefined);
      }
      const term = isPromoted ? Math.max(before.term, this.#latestTerm) + 1 : before.term;
      const others = { term: 0, acks: undefined, group: undefined };
      const isSameRole = !isPromoted && isDeepStrictEqual({ ...settings, ...others }, { ...before, ...others });
      checkAckSettings(settings.acks ?? defaultAckSettings);
      this.#options.files.saveSettings({ ...settings, term });
      if (settings.role === 'primary') {
        await this.#options.inbox().discard();
      }
      if (isSameRole && settings.role === 'primary') {
        return this.#options.client().request((id) => ['set-acks', id, settings.acks]);
      }
      await (isPromoted ? this.#promote(before) : this.#setRole(false));
    });
  }

  /** A promotion that fails, as when records of a later term have arrived meanwhile, leaves the replica of before. */
  async #promote(before: DatabaseSettings): Promise<void> {
    try {
      await this.#setRole(true);
    } catch (error) {
      this.#options.files.saveSettings(before);
      await this.#setRole(false);
      throw error;
    }
  }

  #checkPromotion({ group }: DatabaseSettings, startsDatabase: boolean): void {
    const { name } = this.#options.context;
    if (group !== undefined) {
      throw new QuorateError('WRONG_ROLE', `${name} belongs to group ${group.id}, whose members agree on the primary`, {
        hint: `Use: quorate switchover ${name}, or quorate failover ${name}`,
      });
    }
    this.#requireDatabase(startsDatabase);
  }

  #requireDatabase(startsDatabase: boolean): void {
    const { context, databaseId } = this.#options;
    const { name } = context;
    if (databaseId() === undefined && !startsDatabase) {
      throw new QuorateError('INVALID_ARGUMENT', `${name} has never met its upstream, so there is nothing to promote`, {
        hint: `As a primary it would be another, empty database. If that is wanted: delete ${name} and create it as a primary.`,
      });
    }
  }

  /**
   * Promises that nothing of a lower term is acknowledged from now on: a primary of a lower term steps down, and whoever
   * feeds this replica in one is cut off, before this resolves.
   * @param term higher than all that were promised or seen before, or the last one again for the same candidate
   * @param candidate id of the node that wants to be primary in that term
   * @returns what this database has
   * @throws QuorateError STALE_TERM, IO_ERROR, DISK_FULL
   */
  promise(term: Term, candidate: string): Promise<MemberPosition> {
    return this.#exclusively(async () => {
      this.#checkPromise({ term, candidate });
      const { files, client, databaseId, onChanged } = this.#options;
      const before = files.settings;
      const stepsDown = before.role === 'primary' && before.term < term;
      files.saveSettings(stepsDown ? followingNobody(before) : before, { term, candidate });
      if (stepsDown) {
        await this.#setRole();
      }
      const position = await client().request<WriterPosition>((id) => ['promise', id, term]);
      onChanged();
      return { ...position, promisedTerm: term, databaseId: databaseId() };
    });
  }

  #checkPromise({ term, candidate }: TermPromise): void {
    const { promise } = this.#options.files;
    const isSame = promise?.term === term && promise.candidate === candidate;
    if (term < this.#latestTerm || (term === this.#latestTerm && !isSame)) {
      throw staleTerm(term, this.#latestTerm);
    }
  }

  /**
   * Makes this database primary. It begins its term with a record of its own, and what is in front of that one counts as
   * committed when it has the acknowledgements that `acks` asks for. Until then writes wait. Resolves when the record is
   * durable here.
   * @throws QuorateError STALE_TERM when a later term was promised or seen, or this one to another node; INVALID_ARGUMENT,
   * IO_ERROR, DISK_FULL. The database is a replica then.
   */
  lead({ term, candidate, acks, leaseUntilMs, startsDatabase = false }: LeadRequest): Promise<void> {
    return this.#exclusively(async () => {
      const { files, positions } = this.#options;
      const { promise, settings } = files;
      const isOthers = promise?.term === term && promise.candidate !== candidate;
      if (term < this.#latestTerm || term <= positions.get('term') || isOthers) {
        throw staleTerm(term, this.#latestTerm);
      }
      this.#requireDatabase(startsDatabase);
      checkAckSettings(acks ?? defaultAckSettings);
      files.saveSettings(
        { ...settings, role: 'primary', term, acks, replication: { enabled: false } },
        { term, candidate },
      );
      positions.set('promised', term);
      this.#lease.set(leaseUntilMs);
      try {
        await this.#setRole(true);
      } catch (error) {
        await this.#stepDown();
        throw error;
      }
      await this.#options.inbox().discard();
    });
  }

  /** Makes this database a replica that follows nobody. Requests that were not begun get STEPPED_DOWN. */
  stepDown(): Promise<void> {
    return this.#exclusively(() => this.#stepDown());
  }

  async #stepDown(): Promise<void> {
    const { files } = this.#options;
    if (files.settings.role === 'primary') {
      files.saveSettings(followingNobody(files.settings));
      await this.#setRole();
    }
  }

  /**
   * Until when this primary may act, by the monotonic clock of the runtime; undefined when nothing limits it. After that
   * nothing is begun (LEASE_LOST), nothing is committed, and nobody is told that anything was (COMMIT_IN_DOUBT), until a
   * longer lease is set or the database steps down.
   */
  setLease(untilMs: number | undefined): void {
    this.#lease.set(untilMs);
  }

  /** Whether what this database shows now is all that any primary has committed. */
  isLeaseValid(): boolean {
    const { positions } = this.#options;
    return this.#settings.role === 'primary' && positions.get('commit') >= this.#leadsFrom && this.#lease.isValid;
  }

  /**
   * Lets new writes wait, each no longer than the time limit of acknowledgements. A transaction over several requests that
   * is open may end within the time limit and is rolled back then (STEPPED_DOWN).
   * @returns the end of the log when all of it is committed; with `logged` when all of it is durable here
   * @throws QuorateError QUORUM_UNAVAILABLE when it is not within the time limit; writes go on then. OVERLOADED during an import
   */
  pauseWrites(timeLimitMs: number, until: PauseUntil = 'committed'): Promise<LogPosition> {
    return this.#options.client().request((id) => ['pause-writes', id, timeLimitMs, until]);
  }

  /** Lets writes go on. @throws QuorateError WRONG_ROLE */
  resumeWrites(): Promise<void> {
    return this.#options.client().request((id) => ['resume-writes', id]);
  }

  async #setRole(beginsTerm = false): Promise<void> {
    const { client, files, positions, onRole, onChanged } = this.#options;
    onRole();
    // Until the writer has said what its log ends with, nothing is known to be all.
    this.#leadsFrom = Number.POSITIVE_INFINITY;
    await client().request((id) => ['set-role', id, { ...files.role, beginsTerm }]);
    this.#leadsFrom = positions.get('tip');
    onChanged();
  }

  #exclusively<T>(action: () => Promise<T>): Promise<T> {
    const run = this.#tail.then(action);
    this.#tail = run.catch(() => {});
    return run;
  }
}
