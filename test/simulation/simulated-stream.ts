import { QuorateError, type SerializedError } from '../../src/errors/interface.ts';
import { ExportTxRequest, ExportTxResponse } from '../../src/proto/interface.ts';
import type { ChannelListener, ExportStream, MessageChannel } from '../../src/replication/interface.ts';
import type { Chance } from './chance.ts';
import type { Owner, SimulatedTime } from './simulated-time.ts';

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

type Item = { readonly bytes: Uint8Array } | { readonly end: SerializedError | undefined };

/** What a direction of a stream runs over: how slow it is may change at any time. */
export interface Wire {
  readonly time: SimulatedTime;
  readonly chance: Chance;
  /** Highest delay of one message, in milliseconds. */
  readonly maxDelayMs: number;
  /** Bytes under way at which the sender is told to wait. */
  readonly windowBytes: number;
}

interface Ends<T> {
  readonly sender: Owner;
  readonly receiver: Owner;
  readonly codec: Codec<T>;
  readonly listener: () => Pick<ChannelListener<T>, 'onMessage' | 'onEnd'>;
  readonly onDrain: () => void;
}

/** One direction of a stream. Messages are encoded, keep their order, and wait while the receiver does not read. */
class Pipe<T> {
  readonly #wire: Wire;
  readonly #ends: Ends<T>;
  readonly #arrived: Item[] = [];
  #lastAtMs = 0;
  #bytesUnderWay = 0;
  #isFull = false;
  #reading = true;
  #closed = false;

  constructor(wire: Wire, ends: Ends<T>) {
    this.#wire = wire;
    this.#ends = ends;
  }

  send(message: T): boolean {
    const bytes = this.#ends.codec.encode(message).finish();
    this.#bytesUnderWay += bytes.length;
    this.#isFull = this.#bytesUnderWay > this.#wire.windowBytes;
    this.#carry({ bytes });
    return !this.#isFull;
  }

  end(error: QuorateError | undefined): void {
    this.#carry({ end: error?.serialize() });
  }

  /** Nothing arrives for a while; what was sent stays in order. */
  stall(durationMs: number): void {
    this.#lastAtMs = Math.max(this.#lastAtMs, this.#wire.time.nowMs + durationMs);
  }

  read(on: boolean): void {
    this.#reading = on;
    while (this.#reading && this.#arrived.length > 0) {
      this.#deliver(this.#arrived.shift() as Item);
    }
  }

  /** Loses what is under way and tells the receiver after `delayMs`. */
  cut(delayMs: number, error: QuorateError | undefined): void {
    if (!this.#closed) {
      const { time } = this.#wire;
      this.#closed = true;
      time.after(delayMs, this.#ends.receiver, () => this.#ends.listener().onEnd(error));
    }
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** The receiver wants nothing more. */
  close(): void {
    this.#closed = true;
  }

  #carry(item: Item): void {
    const { time, chance, maxDelayMs } = this.#wire;
    this.#lastAtMs = Math.max(this.#lastAtMs, time.nowMs + chance.between(0.05, maxDelayMs));
    time.after(this.#lastAtMs - time.nowMs, this.#ends.receiver, () => {
      this.#arrived.push(item);
      this.read(this.#reading);
    });
  }

  #deliver(item: Item): void {
    if (this.#closed) {
      return;
    }
    if ('end' in item) {
      this.#closed = true;
      this.#ends.listener().onEnd(item.end === undefined ? undefined : QuorateError.deserialize(item.end));
      return;
    }
    this.#taken(item.bytes.length);
    this.#ends.listener().onMessage(this.#ends.codec.decode(item.bytes));
  }

  #taken(sizeBytes: number): void {
    const { time, chance, maxDelayMs, windowBytes } = this.#wire;
    this.#bytesUnderWay -= sizeBytes;
    if (this.#isFull && this.#bytesUnderWay <= windowBytes / 2) {
      this.#isFull = false;
      time.after(chance.between(0.05, maxDelayMs), this.#ends.sender, () => {
        if (!this.#closed) {
          this.#ends.onDrain();
        }
      });
    }
  }
}

/** The two processes that a stream connects, and what they do with what arrives. */
export interface StreamEnds {
  readonly replica: Owner;
  readonly upstream: Owner;
  readonly replicaListener: ChannelListener<ExportTxResponse>;
  /** Called when the stream has reached the upstream. @throws QuorateError when it is refused */
  readonly accept: (peer: MessageChannel<ExportTxResponse>) => ChannelListener<ExportTxRequest>;
}

const refusesAll: ChannelListener<ExportTxRequest> = { onMessage: () => {}, onDrain: () => {}, onEnd: () => {} };

/** One ExportTx stream over the simulated network. */
export class SimulatedStream implements ExportStream {
  readonly #ends: StreamEnds;
  readonly #up: Pipe<ExportTxRequest>;
  readonly #down: Pipe<ExportTxResponse>;
  #upstreamListener: ChannelListener<ExportTxRequest> = refusesAll;
  #broken = false;

  constructor(wire: Wire, ends: StreamEnds) {
    this.#ends = ends;
    this.#up = new Pipe(wire, {
      sender: ends.replica,
      receiver: ends.upstream,
      codec: ExportTxRequest,
      listener: () => this.#upstreamListener,
      onDrain: () => ends.replicaListener.onDrain(),
    });
    this.#down = new Pipe(wire, {
      sender: ends.upstream,
      receiver: ends.replica,
      codec: ExportTxResponse,
      listener: () => ends.replicaListener,
      onDrain: () => this.#upstreamListener.onDrain(),
    });
  }

  get upstream(): Owner {
    return this.#ends.upstream;
  }

  get replica(): Owner {
    return this.#ends.replica;
  }

  /** Whether one side has ended it. */
  get isOver(): boolean {
    return this.#up.isClosed || this.#down.isClosed;
  }

  /** The stream reaches the upstream. */
  arrive(): void {
    if (this.#broken) {
      return;
    }
    const peer: MessageChannel<ExportTxResponse> = {
      send: (message) => this.#down.send(message),
      end: (error) => this.#endByUpstream(error),
    };
    try {
      this.#upstreamListener = this.#ends.accept(peer);
    } catch (error) {
      this.#endByUpstream(error as QuorateError);
    }
  }

  send(message: ExportTxRequest): boolean {
    return this.#broken || this.#up.send(message);
  }

  pause(): void {
    this.#down.read(false);
  }

  resume(): void {
    this.#down.read(true);
  }

  end(_error?: QuorateError): void {
    this.#down.close();
    this.#up.end(undefined);
  }

  #endByUpstream(error: QuorateError | undefined): void {
    this.#up.close();
    this.#down.end(error);
  }

  /** Nothing passes in one direction for a while. */
  stall(direction: 'up' | 'down', durationMs: number): void {
    (direction === 'up' ? this.#up : this.#down).stall(durationMs);
  }

  /** Breaks the connection; each side learns of it in its own time. */
  break(replicaLearnsAfterMs: number, upstreamLearnsAfterMs: number): void {
    this.#broken = true;
    this.#down.cut(replicaLearnsAfterMs, new QuorateError('UNAVAILABLE', 'the connection broke'));
    this.#up.cut(upstreamLearnsAfterMs, undefined);
  }
}
