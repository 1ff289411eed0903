import { asQuorateError, isQuorateError, QuorateError } from '../errors/interface.ts';
import { createBackoff, inTime, type Runtime } from '../runtime/interface.ts';
import type { Credentials } from './credentials.ts';
import { HranaConnection } from './hrana-connection.ts';
import { StreamPool } from './stream-pool.ts';
import type { ClientLimits, NodeUse } from './types.ts';
import { AnswerLost } from './wire-error.ts';

export interface NodeLinkOptions {
  /** HTTP address. */
  readonly url: string;
  readonly database: string;
  readonly credentials: Credentials;
  readonly limits: ClientLimits;
  readonly ca: string | undefined;
  readonly runtime: Runtime;
}

/** How much the latest answer counts in the mean of all. */
const latencyWeight = 0.2;

interface Open {
  readonly connection: HranaConnection;
  readonly streams: StreamPool;
}

/** One use of a stream. */
export interface LinkedStream {
  /** Sends a request of Hrana. @throws AnswerLost; what the node answers */
  request<Response>(request: object, timeoutMs: number): Promise<Response>;
  /** Gives the stream back; one that may hold something is closed. */
  end(isClean: boolean): void;
}

/** One node: its connection, how fast it answers, and whether it has failed lately. */
export class NodeLink {
  readonly url: string;
  /** Known since it has told its view. */
  nodeId: string | undefined;
  readonly #options: NodeLinkOptions;
  readonly #exclusion;
  #opening: Promise<Open> | undefined;
  #open: Open | undefined;
  #latencyMs: number | undefined;
  #excludedUntilMs = -Infinity;
  #closed = false;

  constructor(options: NodeLinkOptions) {
    const { limits, runtime } = options;
    this.url = options.url;
    this.#options = options;
    this.#exclusion = createBackoff(runtime.random, limits.exclusionInitialMs, limits.exclusionMaxMs);
  }

  get latencyMs(): number | undefined {
    return this.#latencyMs;
  }

  /** Whether it has failed a short while ago. */
  get isExcluded(): boolean {
    return this.#options.runtime.clock.monotonicMs() < this.#excludedUntilMs;
  }

  use(): NodeUse {
    const { url, nodeId, latencyMs, isExcluded } = this;
    const streams = this.#open?.streams;
    return {
      ...{ url, nodeId, latencyMs, isExcluded, isConnected: this.#open?.connection.isOpen === true },
      ...{ streams: streams?.inUse ?? 0, waiting: streams?.waiting ?? 0 },
    };
  }

  /** It has answered. */
  succeeded(latencyMs: number): void {
    this.#latencyMs ??= latencyMs;
    this.#latencyMs += latencyWeight * (latencyMs - this.#latencyMs);
    this.#excludedUntilMs = -Infinity;
    this.#exclusion.reset();
  }

  /** It cannot be reached, or does not answer. */
  failed(): void {
    if (!this.isExcluded) {
      this.#excludedUntilMs = this.#options.runtime.clock.monotonicMs() + this.#exclusion.nextDelayMs();
    }
  }

  /** @throws QuorateError UNAVAILABLE, UNAUTHENTICATED, OVERLOADED when none is free in time; nothing was begun then */
  async stream(timeoutMs: number): Promise<LinkedStream> {
    const open = await this.#connect();
    const stream = await this.#take(open.streams, timeoutMs);
    return {
      request: (request, limitMs) => this.#request(open, { ...request, stream_id: stream }, limitMs),
      end: (isClean) => (isClean ? open.streams.give(stream) : open.streams.discard(stream)),
    };
  }

  async #take(streams: StreamPool, timeoutMs: number): Promise<number> {
    const taking = streams.take();
    const late = () => {
      // One that comes after all goes to the next.
      taking.then((stream) => streams.give(stream)).catch(() => {});
      return new QuorateError('OVERLOADED', `no stream to ${this.url} was free within ${Math.round(timeoutMs)} ms`);
    };
    try {
      return await inTime(this.#options.runtime.timers, timeoutMs, taking, late);
    } catch (thrown) {
      throw thrown instanceof AnswerLost ? thrown.reason : thrown;
    }
  }

  async #request<Response>({ connection }: Open, request: object, timeoutMs: number): Promise<Response> {
    const { timers, clock } = this.#options.runtime;
    const startMs = clock.monotonicMs();
    const late = () => {
      const message = `${this.url} has not answered within ${Math.round(timeoutMs)} ms`;
      return new AnswerLost(new QuorateError('UNAVAILABLE', message));
    };
    const response = await inTime(timers, timeoutMs, connection.request<Response>(request), late);
    this.succeeded(clock.monotonicMs() - startMs);
    return response;
  }

  async #connect(): Promise<Open> {
    if (this.#open?.connection.isOpen) {
      return this.#open;
    }
    this.#opening ??= this.#dial().finally(() => {
      this.#opening = undefined;
    });
    return await this.#opening;
  }

  async #dial(): Promise<Open> {
    if (this.#closed) {
      throw new QuorateError('CANCELLED', 'the client was closed');
    }
    const { url, database, credentials, limits, ca, runtime } = this.#options;
    const { connectTimeoutMs, pingIntervalMs, maxStreams, maxOperations } = limits;
    const token = await credentials.tokenFor(url);
    let open: Open | undefined;
    const onClose = (reason: QuorateError) => {
      open?.streams.close(reason);
      this.#open = this.#open === open ? undefined : this.#open;
    };
    const options = { url, database, token, ca, runtime, connectTimeoutMs, pingIntervalMs, onClose };
    const connection = await HranaConnection.open(options).catch((error: unknown) => {
      this.noteRefusal(error);
      throw error;
    });
    open = { connection, streams: new StreamPool(connection, maxStreams, maxOperations) };
    this.#open = open;
    if (this.#closed) {
      connection.close();
    }
    return open;
  }

  /** A token that is refused is not used again, and neither is the connection that has it. */
  noteRefusal(error: unknown): void {
    if (isQuorateError(error) && error.code === 'UNAUTHENTICATED') {
      this.#options.credentials.forget(this.url);
      this.#open?.connection.abandon(asQuorateError(error).message);
    }
  }

  /** Gives up its connection: what waits for an answer there waits no longer. */
  abandon(reason: string): void {
    this.#open?.connection.abandon(reason);
  }

  close(): void {
    this.#closed = true;
    this.#open?.connection.close();
  }
}
