import type { DatabaseLimits } from '../../src/database/interface.ts';
import type { ReplicationLimits } from '../../src/replication/interface.ts';
import type { Mutation } from './mutation.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { SimulatedTime } from './simulated-time.ts';
import type { Trace } from './trace.ts';

/** What all nodes of a simulation share. */
export interface NodeWorld {
  readonly seed: number;
  readonly time: SimulatedTime;
  readonly network: SimulatedNetwork;
  readonly trace: Trace;
  readonly databaseLimits: DatabaseLimits;
  readonly replicationLimits: ReplicationLimits;
  readonly mutation: Mutation;
  /** Whether primaries send records before they are fsynced. */
  readonly sendsEagerly: boolean;
  /** Something happened that must not happen. */
  readonly onDefect: (what: string) => void;
}
