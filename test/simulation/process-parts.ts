import type { Database, DatabaseContext, ReplicationSink } from '../../src/database/interface.ts';
import { Replicator } from '../../src/replication/interface.ts';
import type { Runtime } from '../../src/runtime/interface.ts';
import type { Chance } from './chance.ts';
import type { InlineWriter } from './inline-writer.ts';
import type { Life } from './node-life.ts';
import type { NodeWatch } from './node-watch.ts';
import type { NodeWorld } from './node-world.ts';
import { simulatedFileWork } from './simulated-file-work.ts';
import type { SimulatedMachine } from './simulated-machine.ts';

export interface NodeProcessOptions {
  readonly name: string;
  readonly machine: SimulatedMachine;
  readonly chance: Chance;
  readonly watch: NodeWatch;
  readonly life: Life;
  /** The writer's thread. */
  readonly thread: Life;
  readonly writer: InlineWriter;
  readonly runtime: Runtime;
  /** Called when a snapshot is about to be installed. */
  readonly onInstall: () => void;
}

/** What a database is opened with on a simulated machine. */
export function databaseContext(options: NodeProcessOptions, nodeWorld: NodeWorld, database: string): DatabaseContext {
  const { runtime, writer, machine, name, chance, life } = options;
  const { time, databaseLimits } = nodeWorld;
  return {
    runtime,
    name: database,
    directory: machine.directory,
    origin: BigInt(name.codePointAt(0) ?? 0),
    limits: databaseLimits,
    startWriter: writer.start,
    fileWork: simulatedFileWork({ time, chance, life, machine, files: runtime.files }),
  };
}

export interface FollowOptions {
  readonly database: Database;
  readonly replicaId: string;
  /** Looks at what comes into the database. */
  readonly watched?: (sink: ReplicationSink) => ReplicationSink;
}

/** Follows the upstream that the settings of a database name; undefined when they name none. */
export function followUpstream(
  { name, runtime, life, watch, onInstall }: NodeProcessOptions,
  { replicationLimits, network, mutation }: NodeWorld,
  { database, replicaId, watched = (sink) => sink }: FollowOptions,
): Replicator | undefined {
  const { role, replication } = database.settings;
  if (role === 'primary' || !replication.enabled || replication.upstream === undefined) {
    return undefined;
  }
  const transport = network.transport(name, life);
  const replicator = new Replicator({
    sink: watched(watch.sink(mutation.sink(database.sink))),
    upstream: replication.upstream,
    transport: watch.transport(mutation.transport(transport), database),
    snapshots: { inbox: watch.inbox(database.inbox, onInstall), transport },
    runtime,
    limits: replicationLimits,
    identity: { replicaId, replicaName: name },
  });
  replicator.start();
  return replicator;
}
