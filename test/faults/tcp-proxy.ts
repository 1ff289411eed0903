import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import { RandomSource } from '../random-source.ts';

/** What happens to bytes that go in one direction. */
export interface LinkConditions {
  /** Nothing passes; what is sent waits, as behind a network that drops all packets, and passes when this ends. */
  readonly isBlocked: boolean;
  /** Milliseconds that every byte needs. */
  readonly delayMs: number;
  /** Milliseconds that it may need beyond that. Bytes keep their order. */
  readonly jitterMs: number;
  /** Infinite where nothing limits it. */
  readonly bytesPerSecond: number;
}

export type Direction = 'toTarget' | 'toClient';

export interface TcpProxyOptions {
  readonly host?: string;
  /** A free one when absent. */
  readonly port?: number;
  readonly targetHost?: string;
  readonly targetPort: number;
  /** Of the jitter. */
  readonly seed?: number;
}

const undisturbed: LinkConditions = {
  isBlocked: false,
  delayMs: 0,
  jitterMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
};

/** Bytes that one direction of one connection holds at most; then its sender has to wait. */
const bufferLimitBytes = 1 << 20;

/** Conditions of one direction, which tell when they change. */
class Way extends EventEmitter {
  conditions = undisturbed;
  readonly random: RandomSource;

  constructor(seed: number) {
    super();
    this.setMaxListeners(0);
    this.random = new RandomSource(seed);
  }

  set(conditions: Partial<LinkConditions>): void {
    this.conditions = { ...this.conditions, ...conditions };
    this.emit('change');
  }

  /** Resolves when nothing blocks it, or who waits on the other end is gone. */
  async opened(receiver: net.Socket): Promise<void> {
    while (this.conditions.isBlocked && !receiver.destroyed) {
      await new Promise((resolve) => {
        this.once('change', resolve);
        receiver.once('close', resolve);
      });
    }
  }
}

/**
 * One link between two processes: who connects to its port is connected to the target. Its conditions hold for connections
 * that are there and for those that come. In a link that is blocked connections are made and stay silent.
 */
export class TcpProxy implements AsyncDisposable {
  readonly #server: net.Server;
  readonly #options: TcpProxyOptions;
  readonly #connections = new Set<ProxiedConnection>();
  readonly #ways: Record<Direction, Way>;
  #isRefusing = false;

  private constructor(options: TcpProxyOptions) {
    const { seed = 1 } = options;
    this.#options = options;
    this.#ways = { toTarget: new Way(seed), toClient: new Way(seed + 1) };
    this.#server = net.createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  static async listen(options: TcpProxyOptions): Promise<TcpProxy> {
    const proxy = new TcpProxy(options);
    proxy.#server.listen(options.port ?? 0, options.host ?? '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Changes the conditions of one direction, or of both. */
  set(conditions: Partial<LinkConditions>, ...directions: readonly Direction[]): void {
    for (const direction of directions.length === 0 ? (['toTarget', 'toClient'] as const) : directions) {
      this.#ways[direction].set(conditions);
    }
  }

  /** Nothing passes in either direction, without a word to either side. */
  cut(): void {
    this.set({ isBlocked: true });
  }

  /** Nothing passes in one direction. */
  block(direction: Direction): void {
    this.set({ isBlocked: true }, direction);
  }

  /** Ends all conditions. Connections that were lost stay so. */
  heal(): void {
    this.#isRefusing = false;
    this.set(undisturbed);
  }

  /** Both sides of all connections get a reset. */
  reset(): void {
    for (const connection of this.#connections) {
      connection.reset('client', 'target');
    }
  }

  /** New connections are reset, as where nobody listens; those that are there stay. */
  refuse(): void {
    this.#isRefusing = true;
  }

  /** One side of all connections gets a reset; the other learns nothing, and what it sends is lost. */
  halfOpen(lost: 'client' | 'target'): void {
    for (const connection of this.#connections) {
      connection.reset(lost);
    }
  }

  #accept(client: net.Socket): void {
    client.on('error', () => {});
    if (this.#isRefusing) {
      client.resetAndDestroy();
      return;
    }
    const { targetHost: host = '127.0.0.1', targetPort: port } = this.#options;
    const target = net.connect({ host, port, allowHalfOpen: true });
    const connection = new ProxiedConnection(client, target, this.#ways);
    this.#connections.add(connection);
    connection.closed.then(
      () => this.#connections.delete(connection),
      () => {},
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.reset();
    await closed;
  }
}

class ProxiedConnection {
  readonly #sides: Readonly<Record<'client' | 'target', net.Socket>>;
  readonly #flows: readonly Flow[];
  /** Resolves when both sides are gone. */
  readonly closed: Promise<unknown>;
  #isHalfOpen = false;

  constructor(client: net.Socket, target: net.Socket, ways: Readonly<Record<Direction, Way>>) {
    this.#sides = { client, target };
    this.#flows = [new Flow(client, target, ways.toTarget), new Flow(target, client, ways.toClient)];
    this.closed = Promise.all([this.#watch(client, target, ways.toTarget), this.#watch(target, client, ways.toClient)]);
  }

  /** Resolves when a side has closed. A reset is passed on once the way is open, but not where one side shall not know. */
  async #watch(side: net.Socket, other: net.Socket, way: Way): Promise<void> {
    side.setNoDelay(true);
    let isBroken = false;
    side.on('error', () => {
      isBroken = true;
    });
    await new Promise((resolve) => side.once('close', resolve));
    if (isBroken) {
      await way.opened(other);
    }
    if (isBroken && !this.#isHalfOpen) {
      other.resetAndDestroy();
    }
  }

  reset(...sides: readonly ('client' | 'target')[]): void {
    this.#isHalfOpen = sides.length === 1;
    for (const flow of this.#flows) {
      flow.discard();
    }
    for (const side of sides) {
      this.#sides[side].resetAndDestroy();
    }
  }
}

interface Chunk {
  /** `null` is the end. */
  readonly bytes: Buffer | null;
  readonly dueMs: number;
}

/** Bytes on their way from one socket to another. */
class Flow {
  readonly #from: net.Socket;
  readonly #to: net.Socket;
  readonly #way: Way;
  readonly #chunks: Chunk[] = [];
  #heldBytes = 0;
  #lastDueMs = 0;
  /** When the bytes before have passed, at the speed of the link. */
  #freeMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #isDiscarding = false;

  constructor(from: net.Socket, to: net.Socket, way: Way) {
    this.#from = from;
    this.#to = to;
    this.#way = way;
    const pump = () => this.#pump();
    from.on('data', (bytes: Buffer) => this.#take(bytes)).on('end', () => this.#take(null));
    to.on('drain', pump);
    way.on('change', pump);
    to.once('close', () => {
      way.off('change', pump);
      clearTimeout(this.#timer);
      this.#isDiscarding = true;
      from.resume();
    });
  }

  /** What is on the way and what still comes is lost. */
  discard(): void {
    this.#isDiscarding = true;
    this.#chunks.length = 0;
    this.#from.resume();
  }

  #take(bytes: Buffer | null): void {
    if (this.#isDiscarding) {
      return;
    }
    const { delayMs, jitterMs, bytesPerSecond } = this.#way.conditions;
    const length = bytes?.length ?? 0;
    const now = performance.now();
    this.#freeMs = Math.max(now, this.#freeMs) + (length / bytesPerSecond) * 1000;
    this.#lastDueMs = Math.max(this.#lastDueMs, this.#freeMs + delayMs + jitterMs * this.#way.random.next());
    this.#chunks.push({ bytes, dueMs: this.#lastDueMs });
    this.#heldBytes += length;
    if (this.#heldBytes >= bufferLimitBytes) {
      this.#from.pause();
    }
    this.#pump();
  }

  /** Passes on what is due. Called again when more is, and when the conditions or the receiver allow more. */
  #pump(): void {
    clearTimeout(this.#timer);
    while (!this.#way.conditions.isBlocked && !this.#isDiscarding && !this.#to.writableNeedDrain) {
      const [chunk] = this.#chunks;
      const waitMs = (chunk?.dueMs ?? 0) - performance.now();
      if (chunk === undefined) {
        break;
      }
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), waitMs);
        break;
      }
      this.#chunks.shift();
      this.#pass(chunk.bytes);
    }
    if (this.#heldBytes < bufferLimitBytes) {
      this.#from.resume();
    }
  }

  #pass(bytes: Buffer | null): void {
    if (bytes === null) {
      this.#to.end();
    } else {
      this.#heldBytes -= bytes.length;
      this.#to.write(bytes);
    }
  }
}
