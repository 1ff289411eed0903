import * as v from 'valibot';
import { QuorateError } from '../errors/interface.ts';
import type { Coordinator, CoordinatorChange, CoordinatorCondition, CoordinatorEntry } from './coordinator.ts';
import { type Decision, withDecision } from './decision.ts';
import type { GroupConfig, LeaderSign, PlannedSwitch } from './types.ts';

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const text = v.pipe(v.string(), v.maxLength(1_000));

const memberSchema = v.object({
  nodeId: text,
  name: text,
  host: text,
  port: count,
  httpUrl: text,
  zone: text,
  priority: v.pipe(v.number(), v.safeInteger()),
  nofailover: v.boolean(),
  nosync: v.boolean(),
  witness: v.boolean(),
  learner: v.boolean(),
});

const levelSchema = v.variant('kind', [
  v.object({ kind: v.literal('async') }),
  v.object({ kind: v.literal('sync'), acks: count }),
  v.object({ kind: v.literal('quorum') }),
  v.object({ kind: v.literal('applied'), acks: count }),
]);

const configSchema = v.object({
  database: text,
  databaseId: text,
  termBase: count,
  members: v.pipe(v.array(memberSchema), v.maxLength(100)),
  acks: v.object({
    level: levelSchema,
    whenShort: v.picklist(['block', 'degrade']),
    degradeAfterMs: v.number(),
    timeoutMs: v.number(),
  }),
  failover: v.object({ automatic: v.boolean(), maxLag: v.optional(count), leaseMs: count }),
  pausedUntilMs: v.optional(v.number()),
  newDatabases: v.optional(v.boolean()),
});

const signSchema = v.object({
  nodeId: text,
  term: count,
  tipTxId: count,
  atMs: v.number(),
  count,
  resigned: v.boolean(),
});
const switchSchema = v.object({ from: text, to: text, txId: count, untilMs: v.number() });

/** Elections that are kept for `quorate explain failover`. */
const maxDecisions = 20;
/** Attempts to write one down while others do the same. */
const maxRecordAttempts = 5;

/** What the coordinator says of one group, at one revision. */
export interface GroupState {
  readonly config: GroupConfig | undefined;
  /** Absent until a primary that has taken its place first speaks. */
  readonly leader: LeaderSign | undefined;
  readonly planned: PlannedSwitch | undefined;
  readonly revisions: {
    readonly config: number;
    readonly leader: number;
    readonly term: number;
    readonly planned: number;
  };
}

/** Has a key for each group, whose values change all the time elsewhere. */
const indexPrefix = 'group-names/';

const names = ['config', 'leader', 'term', 'planned'] as const;
type Name = (typeof names)[number];

/**
 * The keys of one group in the coordinator. The term of a primary is the revision at which it took its place; a key `term`
 * that changes then and at no other time lets a primary change something on condition that it still is one.
 */
export class GroupStore {
  readonly #coordinator: Coordinator;
  readonly #prefix: string;
  readonly #indexKey: string;

  constructor(coordinator: Coordinator, database: string) {
    this.#coordinator = coordinator;
    this.#prefix = `groups/${database}/`;
    this.#indexKey = indexPrefix + database;
  }

  /** @throws QuorateError COORDINATOR_UNAVAILABLE, as every call; DATABASE_CORRUPT for a value that nobody here wrote */
  async read(): Promise<GroupState> {
    const { entries } = await this.#coordinator.list(this.#prefix);
    const found = new Map(entries.map((entry) => [entry.key.slice(this.#prefix.length), entry]));
    const revision = (name: Name) => found.get(name)?.changedRevision ?? 0;
    const config = parsed(configSchema, found.get('config'));
    return {
      config,
      leader: parsed(signSchema, found.get('leader')),
      planned: parsed(switchSchema, found.get('planned')),
      revisions: {
        config: revision('config'),
        leader: revision('leader'),
        term: revision('term'),
        planned: revision('planned'),
      },
    };
  }

  watch(changed: () => void): Disposable {
    return this.#coordinator.watch(this.#prefix, { changed });
  }

  /** Takes the place of the primary if it is still as it was seen. Returns the revision, or undefined when others were faster. */
  async take(seen: GroupState, nodeId: string): Promise<number | undefined> {
    const conditions = [
      this.#unchanged('leader', seen),
      this.#unchanged('term', seen),
      this.#unchanged('config', seen),
    ];
    const { done, revision } = await this.#coordinator.commit(conditions, [
      this.#change('term', { nodeId }),
      // Whoever watches sees at once that somebody is there; the sign follows when the term is known.
      this.#change('leader', undefined),
      this.#change('planned', undefined),
    ]);
    return done ? revision : undefined;
  }

  /** A sign of life of the primary that took its place at a revision. @throws QuorateError LEASE_LOST */
  async sign(takenAt: number, sign: LeaderSign): Promise<void> {
    await this.#asLeader(takenAt, [this.#change('leader', sign)]);
  }

  /** Gives the place up, in favour of one member or of any. @throws QuorateError LEASE_LOST */
  async resign(takenAt: number, last: LeaderSign, planned?: PlannedSwitch): Promise<void> {
    const sign: LeaderSign = { ...last, resigned: true };
    await this.#asLeader(takenAt, [this.#change('leader', sign), this.#change('planned', planned)]);
  }

  /** Changes the group as its primary. @throws QuorateError LEASE_LOST when it is not, or somebody else has changed it */
  async configure(takenAt: number, seen: GroupState, config: GroupConfig): Promise<void> {
    await this.#asLeader(takenAt, [this.#change('config', config)], [this.#unchanged('config', seen)]);
  }

  /** Changes what needs no primary: addresses, a pause. False when somebody else was faster. */
  async amend(seen: GroupState, config: GroupConfig): Promise<boolean> {
    const { done } = await this.#coordinator.commit(
      [this.#unchanged('config', seen), this.#unchanged('term', seen)],
      [this.#change('config', config)],
    );
    return done;
  }

  /** Makes the group with its first member as primary. Returns the revision; undefined when it is there already. */
  async create(config: GroupConfig, nodeId: string): Promise<number | undefined> {
    const { done, revision } = await this.#coordinator.commit(
      names.map((name) => ({ key: this.#prefix + name, changedRevision: 0 })),
      [this.#change('config', config), this.#change('term', { nodeId }), { key: this.#indexKey, value: '' }],
    );
    return done ? revision : undefined;
  }

  /** The last elections, the newest first. */
  async decisions(): Promise<readonly Decision[]> {
    const entry = await this.#coordinator.get(`${this.#prefix}journal`);
    return entry === undefined ? [] : (JSON.parse(entry.value) as Decision[]);
  }

  /** Adds an election to the journal, whose oldest go. */
  async record(decision: Decision): Promise<void> {
    const key = `${this.#prefix}journal`;
    for (let attempt = 0; attempt < maxRecordAttempts; attempt += 1) {
      const entry = await this.#coordinator.get(key);
      const before = entry === undefined ? [] : (JSON.parse(entry.value) as Decision[]);
      const value = JSON.stringify(withDecision(before, decision).slice(0, maxDecisions));
      const { done } = await this.#coordinator.commit(
        [{ key, changedRevision: entry?.changedRevision ?? 0 }],
        [{ key, value }],
      );
      if (done) {
        return;
      }
    }
  }

  /** Removes everything of the group. */
  async remove(takenAt: number): Promise<void> {
    const keys = [...[...names, 'journal'].map((name) => this.#prefix + name), this.#indexKey];
    await this.#asLeader(
      takenAt,
      keys.map((key) => ({ key, value: undefined })),
    );
  }

  async #asLeader(
    takenAt: number,
    changes: readonly CoordinatorChange[],
    conditions: readonly CoordinatorCondition[] = [],
  ): Promise<void> {
    const own = { key: `${this.#prefix}term`, changedRevision: takenAt };
    const { done } = await this.#coordinator.commit([own, ...conditions], changes);
    if (!done) {
      throw new QuorateError('LEASE_LOST', 'another node has become primary, or the group was changed meanwhile', {
        hint: 'Look at the group with: quorate group list',
      });
    }
  }

  #unchanged(name: Name, { revisions }: GroupState): CoordinatorCondition {
    return { key: this.#prefix + name, changedRevision: revisions[name] };
  }

  #change(name: Name, value: object | undefined): CoordinatorChange {
    return { key: this.#prefix + name, value: value && JSON.stringify(value) };
  }
}

function parsed<T extends v.GenericSchema>(
  schema: T,
  entry: CoordinatorEntry | undefined,
): v.InferOutput<T> | undefined {
  if (entry === undefined) {
    return undefined;
  }
  try {
    return v.parse(schema, JSON.parse(entry.value));
  } catch (cause) {
    throw new QuorateError(
      'DATABASE_CORRUPT',
      `${entry.key} in the coordinator cannot be read: ${(cause as Error).message}`,
      {
        cause,
        hint: 'A newer version may have written it; use one version of Quorate for all members.',
      },
    );
  }
}

/** The databases that have a group. At most as many as the coordinator lists at once. */
export async function groupNames(coordinator: Coordinator): Promise<string[]> {
  const { entries } = await coordinator.list(indexPrefix);
  return entries.map(({ key }) => key.slice(indexPrefix.length));
}

/** Calls when a group was made or removed, and now and then without a reason. */
export function watchGroupNames(coordinator: Coordinator, changed: () => void): Disposable {
  return coordinator.watch(indexPrefix, { changed });
}
