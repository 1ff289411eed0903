import type { MemberView } from '../../following-client/interface.ts';

/** What a node knows of those who have the same database, for clients that follow the primary. */
export interface ClusterView {
  /** @throws QuorateError DATABASE_NOT_FOUND */
  report(database: string): Promise<ClusterReport>;
  /**
   * Resolves when this node was the primary of the database at a moment after the call.
   * @throws QuorateError LEASE_LOST when it is not, or cannot know it
   */
  confirmLeadership(database: string): Promise<void>;
}

export interface ClusterReport {
  readonly database: string;
  /** 32 hexadecimal digits; empty while it is not known. */
  readonly databaseId: string;
  /** Node that tells. */
  readonly nodeId: string;
  /** Highest term that it knows. */
  readonly term: number;
  /** Node id of the primary of that term, as far as known. */
  readonly primary: string | null;
  /** Milliseconds since 1970. */
  readonly asOfMs: number;
  readonly members: readonly ClusterMember[];
}

/** A node, as clients are told of it. */
export type ClusterMember = MemberView;
