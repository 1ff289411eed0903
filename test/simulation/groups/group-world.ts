import type { Database } from '../../../src/database/interface.ts';
import { type ErrorCode, QuorateError } from '../../../src/errors/interface.ts';
import type { NodeWorld } from '../node-world.ts';
import type { Calls } from './calls.ts';
import type { CoordinatorServer } from './coordinator-server.ts';
import type { DataNode } from './data-node.ts';
import type { GroupPlan } from './group-plan.ts';
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
  /** A member goes back to a transaction in common with its primary: what it alone had was committed and is lost. */
  readonly onLost: (node: DataNode, lost: readonly LostTransaction[]) => void;
}

/** A transaction that was committed where nobody else had to hold it. */
export interface LostTransaction {
  readonly txId: number;
  readonly term: number;
  readonly hash: string;
  readonly operations: Uint8Array;
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
