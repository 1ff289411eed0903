import { asQuorateError, QuorateError } from '../../src/errors/interface.ts';
import { type ExportSnapshotRequest, ExportSnapshotResponse } from '../../src/proto/interface.ts';
import type { Wire } from './simulated-stream.ts';
import type { Owner } from './simulated-time.ts';

/** How an upstream sends a snapshot: `send` resolves when the receiver takes more. */
export type SnapshotSender = (
  request: ExportSnapshotRequest,
  send: (message: NonNullable<ExportSnapshotResponse['message']>) => Promise<void>,
  signal: AbortSignal,
) => Promise<void>;

export interface CopyEnds {
  readonly replica: Owner;
  readonly upstream: Owner;
  /** Told when the replica wants no more. */
  readonly signal: AbortSignal;
}

/** One ExportSnapshot call over the simulated network: one message is under way at a time. */
export class SimulatedCopy {
  readonly #wire: Wire;
  readonly #ends: CopyEnds;
  readonly #stop = new AbortController();
  #arrived: Uint8Array | undefined;
  #taken: () => void = () => {};
  #wake: () => void = () => {};
  #over: { readonly error: QuorateError | undefined } | undefined;
  #broken = false;
  #stalledUntilMs = 0;

  constructor(wire: Wire, ends: CopyEnds) {
    this.#wire = wire;
    this.#ends = ends;
    ends.signal.addEventListener('abort', () => this.#finish(new QuorateError('CANCELLED', 'the copy was ended')));
  }

  get upstream(): Owner {
    return this.#ends.upstream;
  }

  get replica(): Owner {
    return this.#ends.replica;
  }

  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /** The request goes out. */
  start(request: ExportSnapshotRequest, sender: SnapshotSender): void {
    this.#after(this.upstream, () => {
      sender(request, (message) => this.#send(message), this.#stop.signal).then(
        () => this.#after(this.replica, () => this.#finish(undefined)),
        (error: unknown) => this.#after(this.replica, () => this.#finish(asQuorateError(error))),
      );
    });
  }

  #after(owner: Owner, action: () => void): void {
    const { time, chance, maxDelayMs } = this.#wire;
    const atMs = Math.max(time.nowMs + chance.between(0.05, maxDelayMs), this.#stalledUntilMs);
    time.after(atMs - time.nowMs, owner, () => {
      if (!this.#broken) {
        action();
      }
    });
  }

  #send(message: NonNullable<ExportSnapshotResponse['message']>): Promise<void> {
    const bytes = ExportSnapshotResponse.encode({ message }).finish();
    return new Promise((resolve) => {
      this.#taken = () => this.#after(this.upstream, resolve);
      this.#after(this.replica, () => {
        this.#arrived = bytes;
        this.#wake();
      });
    });
  }

  /** What the replica receives. @throws QuorateError why it ended early */
  async *messages(): AsyncGenerator<ExportSnapshotResponse> {
    try {
      while (true) {
        const bytes = await this.#next();
        if (bytes === undefined) {
          return;
        }
        yield ExportSnapshotResponse.decode(bytes);
        this.#taken();
      }
    } finally {
      this.#finish(undefined);
      this.#after(this.upstream, () => this.#stop.abort());
    }
  }

  async #next(): Promise<Uint8Array | undefined> {
    while (this.#arrived === undefined) {
      if (this.#over?.error !== undefined) {
        throw this.#over.error;
      }
      if (this.#over !== undefined) {
        return undefined;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const bytes = this.#arrived;
    this.#arrived = undefined;
    return bytes;
  }

  #finish(error: QuorateError | undefined): void {
    this.#over ??= { error };
    this.#wake();
  }

  /** Nothing passes for a while. */
  stall(_direction: 'up' | 'down', durationMs: number): void {
    this.#stalledUntilMs = this.#wire.time.nowMs + durationMs;
  }

  /** Breaks the connection; each side learns of it in its own time. */
  break(replicaLearnsAfterMs: number, upstreamLearnsAfterMs: number): void {
    const { time } = this.#wire;
    this.#broken = true;
    const error = new QuorateError('UNAVAILABLE', 'the connection broke');
    time.after(replicaLearnsAfterMs, this.replica, () => this.#finish(error));
    time.after(upstreamLearnsAfterMs, this.upstream, () => this.#stop.abort());
  }
}
