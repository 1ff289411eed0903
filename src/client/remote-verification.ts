import type { Metadata } from '@grpc/grpc-js';
import type { RepairPhase, SnapshotCall, SnapshotCalls } from '../database/interface.ts';
import type {
  KeyRange,
  PinResponse,
  PositionsResponse,
  PrepareResponse,
  RangesResponse,
  RejoinResponse,
  RepairRequest,
  RepairResponse,
  RowsResponse,
  VerificationClient,
  WriteMarkerResponse,
} from '../proto/interface.ts';
import type * as stored from '../sqlite/interface.ts';
import { unary } from './call.ts';
import type { ComparedNode } from './compared-node.ts';

/** The Verification service of a node, for all of its databases. */
export class RemoteVerification {
  readonly #client: VerificationClient;
  readonly #metadata: Metadata;
  readonly #shortCall: () => { deadline: number };

  /** @param shortCall when a call that does next to nothing is given up */
  constructor(client: VerificationClient, metadata: Metadata, shortCall: () => { deadline: number }) {
    this.#client = client;
    this.#metadata = metadata;
    this.#shortCall = shortCall;
  }

  /** One database, to be compared with another one. */
  database(name: string): ComparedNode {
    return new RemoteDatabase(this.#client, this.#metadata, name);
  }

  repair(request: RepairRequest): Promise<RepairResponse> {
    return unary((callback) => this.#client.repair(request, this.#metadata, callback));
  }

  /** Says how far the repair of a replica is that has stopped; see SetRepairPhase. */
  async repairIs(database: string, phase: RepairPhase): Promise<void> {
    const request = { database, phase };
    await unary((callback) => this.#client.setRepairPhase(request, this.#metadata, callback));
  }

  positions(database: string, txIds: readonly number[]): Promise<PositionsResponse> {
    const request = { database, txIds: [...txIds] };
    return unary((callback) => this.#client.positions(request, this.#metadata, this.#shortCall(), callback));
  }

  rejoin(database: string, snapshot: boolean): Promise<RejoinResponse> {
    return unary((callback) => this.#client.rejoin({ database, snapshot }, this.#metadata, callback));
  }

  close(): void {
    this.#client.close();
  }
}

class RemoteDatabase implements ComparedNode {
  readonly #client: VerificationClient;
  readonly #metadata: Metadata;
  readonly #database: string;

  constructor(client: VerificationClient, metadata: Metadata, database: string) {
    this.#client = client;
    this.#metadata = metadata;
    this.#database = database;
  }

  #at(marker: string): { database: string; marker: Buffer } {
    return { database: this.#database, marker: Buffer.from(marker, 'hex') };
  }

  async prepare(marker: string): Promise<Uint8Array> {
    const { databaseId } = await unary<PrepareResponse>((callback) =>
      this.#client.prepare(this.#at(marker), this.#metadata, callback),
    );
    return databaseId;
  }

  async writeMarker(marker: string): Promise<number> {
    const { txId } = await unary<WriteMarkerResponse>((callback) =>
      this.#client.writeMarker(this.#at(marker), this.#metadata, callback),
    );
    return txId;
  }

  async pin(marker: string): Promise<number> {
    const { txId } = await unary<PinResponse>((callback) =>
      this.#client.pin(this.#at(marker), this.#metadata, callback),
    );
    return txId;
  }

  async end(marker: string): Promise<void> {
    await unary((callback) => this.#client.end(this.#at(marker), this.#metadata, callback));
  }

  async ask<K extends SnapshotCall>(
    marker: string,
    call: K,
    request: SnapshotCalls[K]['request'],
  ): Promise<SnapshotCalls[K]['answer']> {
    const ask = this.#calls[call] as (
      marker: string,
      request: SnapshotCalls[K]['request'],
    ) => Promise<SnapshotCalls[K]['answer']>;
    return await ask(marker, request);
  }

  readonly #calls: {
    [K in SnapshotCall]: (marker: string, request: SnapshotCalls[K]['request']) => Promise<SnapshotCalls[K]['answer']>;
  } = {
    overview: (marker) => unary((callback) => this.#client.overview(this.#at(marker), this.#metadata, callback)),
    ranges: async (marker, { table, after, limits }) => {
      const { answerBytes } = limits;
      const request = { ...this.#at(marker), table, after: Buffer.from(after), answerBytes };
      return rangesOf(await unary((callback) => this.#client.ranges(request, this.#metadata, callback)));
    },
    measure: async (marker, { table, ranges }) => {
      const request = { ...this.#at(marker), table, ranges: ranges.map(wireRange) };
      return rangesOf(await unary((callback) => this.#client.measure(request, this.#metadata, callback)));
    },
    rows: async (marker, { table, range, limits }) => {
      const request = { ...this.#at(marker), table, range: wireRange(range), content: limits.content };
      const { rows, done } = await unary<RowsResponse>((callback) =>
        this.#client.rows(request, this.#metadata, callback),
      );
      return { rows: rows.map((row) => ({ ...row, readableKey: JSON.parse(row.readableKey) })), done };
    },
  };
}

function wireRange({ after, through }: stored.KeyRange): KeyRange {
  return { after: Buffer.from(after), through: Buffer.from(through) };
}

function rangesOf({ ranges }: RangesResponse): stored.RangeDigest[] {
  return ranges.map(({ range, rows, sizeBytes, digest }) => ({
    after: range?.after ?? new Uint8Array(0),
    through: range?.through ?? new Uint8Array(0),
    rows,
    sizeBytes,
    digest,
  }));
}
