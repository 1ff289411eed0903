import { QuorateError } from '../errors/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import type { MeasuredSpan } from '../tracing/interface.ts';
import type { AckWish } from './acks.ts';
import type { HybridClock } from './hybrid-clock.ts';
import type { MarkerWatch } from './marker-watch.ts';
import type { SharedPositions } from './shared-positions.ts';
import type { AckStatus, Role } from './types.ts';
import type { RecordTrace } from './write-trace.ts';
import type { ClientRequest, WriterRequest, WriterStart } from './writer-messages.ts';

/** What a role shares with the core that plays it. */
export interface WriterServices {
  readonly runtime: Runtime;
  readonly start: WriterStart;
  /** The SQLite file. */
  readonly file: () => string;
  readonly positions: SharedPositions;
  readonly hybridClock: HybridClock;
  readonly markers: MarkerWatch;
  /** Makes the core call the role's `work` soon. */
  readonly wake: () => void;
  /** @throws QuorateError DISK_FULL while too little is free on the disk */
  readonly requireRoom: () => void;
  /** `wish`: what clients wait for who wait until replicas have the records. `traces`: of the traced ones among them. */
  readonly onAppended: (records: Uint8Array, wish?: AckWish, traces?: readonly RecordTrace[]) => void;
  /** A traced transaction has come further on this replica. */
  readonly onTraced: (span: MeasuredSpan) => void;
  /** Records of the upstream are durable, and somebody there waits for that. */
  readonly onDurable: () => void;
  /** Records were cut from the end of the log. */
  readonly onTruncated: () => void;
  readonly onFailure: (failure: QuorateError | undefined) => void;
  readonly onAckStatus: (status: AckStatus) => void;
  /** Something waits for acknowledgements: the node is to report when they are in. `again`: it may know. */
  readonly onAcksWanted: (wish: AckWish, again: boolean) => void;
}

/** One request with the way back to the one who made it. */
export interface Call<T extends WriterRequest = WriterRequest> {
  readonly request: T;
  succeed(value: unknown): void;
  fail(error: QuorateError): void;
}

/** What a database does for its writer's clients while it has a role. */
export interface WriterRole {
  /** Takes a client's request; whoever made it is answered now or later. */
  accept(call: Call<ClientRequest>): void;
  /** Does a bounded piece of the waiting work; returns whether more is waiting. */
  work(): boolean;
  /** Brings SQLite's file to disk, fsynced; returns up to which transaction, or undefined when that cannot be now. */
  checkpoint(): number | undefined;
  /** While held, commits leave SQLite's file as it is. */
  holdCheckpoints(held: boolean): void;
  /** Fails what waits, for that reason, and closes SQLite; the log stays open. */
  close(reason?: QuorateError): void;
}

/** What waits for a primary is told this when it ceases to be one. */
export function steppedDown(): QuorateError {
  return new QuorateError('STEPPED_DOWN', 'the database changed its role before the request was begun', {
    hint: 'Nothing of it was done. Send it to the primary, or again in a moment.',
  });
}

export function wrongRole(database: string, wanted: Role): QuorateError {
  return new QuorateError('WRONG_ROLE', `database ${database} is not a ${wanted}`, {
    hint: 'Its role was changed meanwhile; see its status.',
  });
}
