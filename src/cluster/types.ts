import type { AckSettings, PauseUntil, Position } from '../database/interface.ts';

/** A node of a group. */
export interface GroupMember {
  /** Unique in the group. */
  readonly nodeId: string;
  /** What people call the node; unique in the group. */
  readonly name: string;
  /** Where its gRPC endpoint can be reached. */
  readonly host: string;
  readonly port: number;
  /** Where clients reach it by HTTP. */
  readonly httpUrl: string;
  /** Where the node is, for clients that prefer near ones; may be empty. */
  readonly zone: string;
  /** Of two members that have the same, the one with the higher priority becomes primary. */
  readonly priority: number;
  /** Never becomes primary by itself. */
  readonly nofailover: boolean;
  /** Its acknowledgements do not count, and it never becomes primary. */
  readonly nosync: boolean;
  /** Holds no data: it only votes. */
  readonly witness: boolean;
  /** Is still fetching what the group has; counts as soon as it has it. */
  readonly learner: boolean;
}

/** How many members must hold a transaction before its client is told "committed"; who counts follows from the group. */
export type GroupAcks = Omit<AckSettings, 'members'>;

export interface FailoverSettings {
  /** Whether members elect another primary by themselves. */
  readonly automatic: boolean;
  /**
   * Transactions that may be lost where no answer can show that none is: what the last word of the old primary said that the
   * new one lacks. Absent: none may.
   */
  readonly maxLag?: number | undefined;
  /** Milliseconds that a primary is trusted without a sign of life. */
  readonly leaseMs: number;
}

/** What the members of a group have agreed on. */
export interface GroupConfig {
  readonly database: string;
  /** Identity of the database, 32 hexadecimal digits. */
  readonly databaseId: string;
  /** What is added to a revision of the coordinator to make a term: terms grow also where the database had some before. */
  readonly termBase: number;
  readonly members: readonly GroupMember[];
  readonly acks: GroupAcks;
  readonly failover: FailoverSettings;
  /** Until when nobody is elected automatically, in milliseconds since 1970. */
  readonly pausedUntilMs?: number | undefined;
  /** In the group of `systemdb`: each database that is made on a member gets a group of the same members and rules. */
  readonly newDatabases?: boolean | undefined;
}

/** What a primary says of itself in the coordinator, again and again. */
export interface LeaderSign {
  readonly nodeId: string;
  readonly term: number;
  /** Last transaction of its log. */
  readonly tipTxId: number;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** Grows with every sign. */
  readonly count: number;
  /** It has given its place up: nobody need wait for the end of its lease. */
  readonly resigned: boolean;
}

/** A planned change of the primary that is under way. */
export interface PlannedSwitch {
  readonly from: string;
  readonly to: string;
  /** What the new primary must have. */
  readonly txId: number;
  /** Milliseconds since 1970 until which others leave it to the new primary. */
  readonly untilMs: number;
}

/** What a member has, as it answers a candidate. */
export interface MemberPosition {
  readonly promisedTerm: number;
  /** Last record of its log; number 0 when it has none. */
  readonly durable: Position;
  readonly committedTxId: number;
  readonly appliedTxId: number;
}

/** What a member tells of itself. */
export interface MemberView {
  readonly nodeId: string;
  readonly role: 'primary' | 'replica' | 'witness';
  /** Not there on a witness, and while its database is not open. */
  readonly position: MemberPosition | undefined;
  /** Term of the primary that it hears, and milliseconds since it last did; absent when it has not for long. */
  readonly hears?: { readonly term: number; readonly ageMs: number } | undefined;
  /** Of a primary: whether it may still answer for its term. */
  readonly leads?: { readonly term: number } | undefined;
}

/** How members speak to each other. Every call has a time limit, and throws UNAVAILABLE when nobody answers. */
export interface GroupPeers {
  /** What a member has and hears. */
  ask(member: GroupMember, database: string): Promise<MemberView>;
  /** Makes a member keep to the term: from then on it confirms nothing of a lower one. @throws QuorateError STALE_TERM */
  promise(member: GroupMember, database: string, term: number, candidate: string): Promise<MemberPosition>;
  /** Asks a member to stand by the primary of a term for so long although the coordinator is silent. @throws STALE_TERM */
  confirm(member: GroupMember, database: string, term: number, forMs: number): Promise<void>;
  /** Asks a member to become primary now. Resolves when it is. */
  takeOver(member: GroupMember, database: string): Promise<void>;
}

/** The database of this node, as the group sees it. */
export interface MemberDatabase {
  /** Undefined while it is not open. */
  position(): MemberPosition | undefined;
  readonly role: 'primary' | 'replica';
  /** Milliseconds since the primary of a term was heard over the stream of records, while there is a stream. */
  heard(): { readonly term: number; readonly ageMs: number } | undefined;
  /** Milliseconds for which what writes has not moved although it should; 0 when all is well. */
  silentMs(): number;
  /** Durable before it resolves. @throws QuorateError STALE_TERM */
  promise(term: number, candidate: string): Promise<MemberPosition>;
  /** Becomes primary of a term. @throws QuorateError STALE_TERM … */
  lead(term: number, acks: AckSettings): Promise<void>;
  /** Until when it may commit, in milliseconds of the monotonic clock. */
  setLease(untilMs: number): void;
  /** How many must confirm. */
  configureAcks(acks: AckSettings): Promise<void>;
  /** Becomes a replica that follows nobody. */
  stepDown(): Promise<void>;
  /** Ends the streams of those who follow, at once and whatever the writer does. */
  endStreams(): void;
  /** Follows a member; nothing happens when it does already. */
  follow(member: GroupMember): Promise<void>;
  /** Follows nobody any more. */
  unfollow(): Promise<void>;
  /**
   * New writes wait; resolves with the last transaction when everything up to it is committed, or with `logged` when it is
   * durable here, though it may wait for members.
   * @throws QuorateError QUORUM_UNAVAILABLE
   */
  pauseWrites(limitMs: number, until: PauseUntil): Promise<number>;
  resumeWrites(): Promise<void>;
  /** Last transaction that a replica is known to hold durably; 0 when it is not attached. */
  heldBy(nodeId: string): number;
  /** Whether this replica has parted from its upstream; such a one saves what only it has, and follows again. */
  readonly hasDiverged: boolean;
  rejoin(): Promise<{ readonly transactions: number; readonly file: string | undefined }>;
}
