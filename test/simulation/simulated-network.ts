import { QuorateError } from '../../src/errors/interface.ts';
import type {
  ExportSnapshotRequest,
  ExportSnapshotResponse,
  ExportTxRequest,
  ExportTxResponse,
} from '../../src/proto/interface.ts';
import type {
  ChannelListener,
  ExportStream,
  MessageChannel,
  ReplicationTransport,
  SnapshotTransport,
} from '../../src/replication/interface.ts';
import type { Chance } from './chance.ts';
import { SimulatedCopy, type SnapshotSender } from './simulated-copy.ts';
import { SimulatedStream, type Wire } from './simulated-stream.ts';
import type { Owner, SimulatedTime } from './simulated-time.ts';
import type { Trace } from './trace.ts';

/** How long a host waits at most before it takes a silent peer for dead, in milliseconds: gRPC's keepalive. */
const keepaliveMs = 15_000;

/** How long an attempt to connect to a silent host takes, in milliseconds. */
const connectTimeoutMs = 5_000;

/** A process that others can connect to. */
export interface Host {
  readonly name: string;
  /** The present life of the process; undefined while it is down. */
  readonly process: Owner | undefined;
  accept(peer: MessageChannel<ExportTxResponse>, address: string): ChannelListener<ExportTxRequest>;
  /** Sends a snapshot of its database. */
  readonly sendSnapshot: SnapshotSender;
}

/** What can go wrong with a connection of any kind. */
type Connection = Pick<SimulatedStream, 'upstream' | 'replica' | 'isOver' | 'stall' | 'break'>;

export interface NetworkOptions {
  readonly time: SimulatedTime;
  readonly chance: Chance;
  readonly trace: Trace;
  /** Bytes of a stream under way at which its sender is told to wait. */
  readonly windowBytes: number;
  /** Called when a process has ended. */
  readonly onLost?: ((process: Owner) => void) | undefined;
}

/** How a process ended: the peers of a killed one are told by its operating system, those of a dead machine are not. */
export type Silence = 'told' | 'silent';

/** Streams between processes: they are slow, stall in one direction, and break, and the two ends learn of it at different times. */
export class SimulatedNetwork {
  readonly #options: NetworkOptions;
  readonly #hosts = new Map<string, Host>();
  readonly #streams = new Set<Connection>();
  readonly #partitions = new Map<string, number>();
  readonly #wire: Wire & { maxDelayMs: number };

  constructor(options: NetworkOptions) {
    this.#options = options;
    const { time, chance, windowBytes } = options;
    this.#wire = { time, chance, windowBytes, maxDelayMs: 2 };
  }

  add(host: Host): void {
    this.#hosts.set(host.name, host);
  }

  /** Highest delay of one message from now on, in milliseconds. */
  set maxDelayMs(delayMs: number) {
    this.#wire.maxDelayMs = delayMs;
  }

  /** The network as one process sees it. */
  transport(from: string, process: Owner): ReplicationTransport & SnapshotTransport {
    return {
      openExport: (upstream, listener) => this.#open({ from, to: upstream.host, process, listener }),
      openSnapshot: (upstream, request, signal) => this.#copy({ from, to: upstream.host, process, request, signal }),
    };
  }

  async *#copy(request: CopyRequest): AsyncGenerator<ExportSnapshotResponse> {
    const { from, to, process, signal } = request;
    const host = this.#hosts.get(to);
    const upstream = host?.process;
    if (host === undefined || upstream === undefined || this.#isParted(from, to)) {
      await new Promise<void>((resolve) => this.#options.time.after(connectTimeoutMs, process, resolve));
      throw new QuorateError('UNAVAILABLE', 'no connection');
    }
    const copy = new SimulatedCopy(this.#wire, { replica: process, upstream, signal });
    this.#streams.add(copy);
    this.#options.trace.add(from, `copies from ${to}`);
    copy.start(request.request, host.sendSnapshot);
    yield* copy.messages();
  }

  #open(request: OpenRequest): ExportStream {
    const { time, chance, trace } = this.#options;
    const host = this.#hosts.get(request.to);
    const target = host?.process;
    if (host === undefined || target === undefined || this.#isParted(request.from, request.to)) {
      return this.#refuse(
        request,
        host !== undefined && target === undefined ? chance.between(0.1, 5) : connectTimeoutMs,
      );
    }
    const stream = new SimulatedStream(this.#wire, {
      replica: request.process,
      upstream: target,
      replicaListener: request.listener,
      accept: (peer) => host.accept(peer, request.from),
    });
    this.#streams.add(stream);
    // It arrives no later than the first message that is sent over it.
    time.after(0, target, () => stream.arrive());
    trace.add(request.from, `connects to ${request.to}`);
    return stream;
  }

  #refuse({ process, listener }: OpenRequest, delayMs: number): ExportStream {
    this.#options.time.after(delayMs, process, () => listener.onEnd(new QuorateError('UNAVAILABLE', 'no connection')));
    return { send: () => true, end: () => {}, pause: () => {}, resume: () => {} };
  }

  #isParted(one: string, other: string): boolean {
    return (this.#partitions.get(pairOf(one, other)) ?? 0) > this.#options.time.nowMs;
  }

  /** Breaks all connections between two hosts and lets none be made for a while. */
  part(one: Host, other: Host, durationMs: number): void {
    this.#partitions.set(pairOf(one.name, other.name), this.#options.time.nowMs + durationMs);
    const between = (stream: Connection) =>
      (stream.upstream === one.process && stream.replica === other.process) ||
      (stream.upstream === other.process && stream.replica === one.process);
    for (const stream of [...this.#streams].filter(between)) {
      this.#break(stream);
    }
  }

  /** Nothing gets from one host to another for a while, and no connection is made between them. */
  partOneWay(from: Host, to: Host, durationMs: number): void {
    this.#partitions.set(pairOf(from.name, to.name), this.#options.time.nowMs + durationMs);
    for (const stream of this.#streams) {
      if (stream.upstream === from.process && stream.replica === to.process) {
        stream.stall('down', durationMs);
      } else if (stream.replica === from.process && stream.upstream === to.process) {
        stream.stall('up', durationMs);
      }
    }
  }

  /** Connections can be made again. */
  heal(): void {
    this.#partitions.clear();
    this.maxDelayMs = 2;
  }

  /** Does something unpleasant to one connection. */
  disturb(): string {
    const { chance } = this.#options;
    this.#forgetDead();
    if (this.#streams.size === 0) {
      return 'nothing';
    }
    const stream = chance.pick([...this.#streams]);
    if (chance.happens(0.5)) {
      this.#break(stream);
      return 'break';
    }
    const direction = chance.pick(['up', 'down'] as const);
    stream.stall(direction, chance.between(10, 12_000));
    return `stall ${direction}`;
  }

  /** A process has ended. */
  lose(process: Owner, silence: Silence): void {
    const { chance, onLost } = this.#options;
    onLost?.(process);
    for (const stream of [...this.#streams]) {
      if (stream.upstream === process || stream.replica === process) {
        const delayMs = silence === 'told' ? chance.between(0.1, 5) : chance.between(1_000, keepaliveMs);
        stream.break(delayMs, delayMs);
        this.#streams.delete(stream);
      }
    }
  }

  #break(stream: Connection): void {
    const { chance } = this.#options;
    const delay = () => (chance.happens(0.5) ? chance.between(0.1, 50) : chance.between(50, keepaliveMs));
    stream.break(delay(), delay());
    this.#streams.delete(stream);
  }

  #forgetDead(): void {
    for (const stream of this.#streams) {
      if (!stream.upstream.alive || !stream.replica.alive || stream.isOver) {
        this.#streams.delete(stream);
      }
    }
  }
}

interface CopyRequest {
  readonly from: string;
  readonly to: string;
  readonly process: Owner;
  readonly request: ExportSnapshotRequest;
  readonly signal: AbortSignal;
}

interface OpenRequest {
  readonly from: string;
  readonly to: string;
  readonly process: Owner;
  readonly listener: ChannelListener<ExportTxResponse>;
}

function pairOf(one: string, other: string): string {
  return [one, other].sort().join(' ');
}
