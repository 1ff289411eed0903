import type { Database } from '../../../src/database/interface.ts';
import { type ErrorCode, QuorateError } from '../../../src/errors/interface.ts';
import type { NodeWorld } from '../node-world.ts';
import type { Calls, Endpoint } from './calls.ts';
import type { CoordinatorServer } from './coordinator-server.ts';
import type { DataNode } from './data-node.ts';
import type { GroupPlan } from './group-plan.ts';
import { SimulatedCoordinator } from './simulated-coordinator.ts';
import type { Member } from './simulated-peers.ts';

/** What all members of a group share, beside what all nodes do. */
export interface GroupWorld {
  readonly nodes: NodeWorld;
  readonly plan: GroupPlan;
  readonly calls: Calls;
  readonly coordinator: CoordinatorServer;
  /** @throws Error for a name that nobody has */
  member(name: string): Member;
  dataNode(name: string): DataNode;
}

/** A change of a transaction that a member has saved, before it was taken back. */
export interface SavedChange {
  readonly txId: number;
  readonly term: number;
  /** The line of the file. */
  readonly text: string;
}

/** The coordinator as one life of a member reaches it. */
export function simulatedCoordinator({ nodes, calls, coordinator }: GroupWorld, node: Endpoint): SimulatedCoordinator {
  return new SimulatedCoordinator({
    ...{ server: coordinator, calls, time: nodes.time, node },
    onError: (error) => nodes.onDefect(`${node.name}: a watch of the coordinator threw ${String(error)}`),
  });
}

export function noAnswer(code: ErrorCode, name: string): () => QuorateError {
  return () => new QuorateError(code, `${name} did not say what became of it`);
}

/** Where the followed member of a database runs. @throws QuorateError WRONG_ROLE */
export function upstreamOf({ settings }: Database): string {
  const { role, replication } = settings;
  if (role !== 'replica' || replication.upstream === undefined) {
    throw new QuorateError('WRONG_ROLE', 'this database follows no upstream');
  }
  return replication.upstream.host;
}
