import type { ListDatabasesResponse, ListedDatabase } from '../../proto/interface.ts';

/** A database of this node, as far as following a whole server needs it. */
export interface LocalDatabase {
  readonly name: string;
  /** Empty while unknown. */
  readonly databaseId: Uint8Array;
  /** Id of the node because of whose whole server the database is here; undefined when a person made it. */
  readonly followed: string | undefined;
  /** Whether it follows the database of its name at the address and as the user that the node was given. */
  readonly isCurrent: boolean;
}

/** What to do so that this node has the databases of the other one. */
export interface FollowPlan {
  readonly create: readonly string[];
  /** Followed databases whose address or credentials have changed. */
  readonly redirect: readonly string[];
  /** Followed databases that the other node does not have, or has another of the same name. */
  readonly missing: readonly string[];
  /** Names with the reason why they are not followed. */
  readonly leftAlone: ReadonlyMap<string, string>;
}

export interface FollowPlanInput {
  readonly nodeId: string;
  readonly upstream: ListDatabasesResponse;
  readonly local: readonly LocalDatabase[];
  readonly isWanted: (name: string) => boolean;
}

type Step = 'create' | 'redirect' | 'missing' | 'none' | { readonly leftAlone: string };

/**
 * Compares what the other node has with what is here. Only what was created by following that very node is ever missing:
 * another node at its address (a new disk, a wrong address) has deleted nothing.
 */
export function planFollowing({ nodeId, upstream, local, isWanted }: FollowPlanInput): FollowPlan {
  const listed = new Map(upstream.databases.filter(({ database }) => isWanted(database)).map((d) => [d.database, d]));
  const here = new Map(local.map((database) => [database.name, database]));
  const steps = new Map<string, Step>();
  for (const database of listed.values()) {
    steps.set(
      database.database,
      stepFor(database, here.get(database.database), { nodeId, upstreamId: upstream.nodeId }),
    );
  }
  for (const database of local) {
    if (!listed.has(database.name) && database.followed !== undefined) {
      steps.set(database.name, isWanted(database.name) ? goneStep(database, upstream.nodeId) : excluded);
    }
  }
  const names = (wanted: Step) => [...steps].filter(([, step]) => step === wanted).map(([name]) => name);
  const leftAlone = [...steps].flatMap(([name, step]) =>
    typeof step === 'object' ? [[name, step.leftAlone] as const] : [],
  );
  return {
    create: names('create'),
    redirect: names('redirect'),
    missing: names('missing'),
    leftAlone: new Map(leftAlone),
  };
}

const excluded: Step = { leftAlone: 'the patterns leave it out now; it stays as it is' };

function stepFor(
  { state, databaseId, path }: ListedDatabase,
  here: LocalDatabase | undefined,
  { nodeId, upstreamId }: { readonly nodeId: string; readonly upstreamId: string },
): Step {
  if (here === undefined && path.some((id) => id.startsWith(`${nodeId}/`))) {
    return { leftAlone: 'it follows a database of this server' };
  }
  if (here === undefined) {
    return state === 'open' ? 'create' : 'none';
  }
  const isOther =
    databaseId.length > 0 && here.databaseId.length > 0 && Buffer.compare(databaseId, here.databaseId) !== 0;
  if (here.followed === undefined) {
    // A person may have made by hand what following would have made.
    return here.isCurrent && !isOther
      ? 'none'
      : { leftAlone: 'a database of that name is here that does not belong to the followed server' };
  }
  if (isOther) {
    return goneStep(here, upstreamId);
  }
  return here.isCurrent && here.followed === upstreamId ? 'none' : 'redirect';
}

function goneStep({ followed }: LocalDatabase, upstreamId: string): Step {
  return followed === upstreamId
    ? 'missing'
    : { leftAlone: `it came from node ${followed}, and node ${upstreamId} does not have it` };
}
