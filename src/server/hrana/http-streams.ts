import type { ServerResponse } from 'node:http';
import { QuorateError } from '../../errors/interface.ts';
import type { Timer } from '../../runtime/interface.ts';
import type { DatabaseAccess } from './database-access.ts';
import type { HranaContext } from './hrana-context.ts';
import { SqlStore } from './sql-store.ts';
import { SqlStream } from './sql-stream.ts';

const batonBytes = 24;
const batonPattern = /^[A-Za-z0-9_-]{32}$/;

interface Kept {
  readonly stream: SqlStream;
  /** Of a stream that holds something. */
  readonly timer: Timer | undefined;
}

/**
 * HTTP streams between their requests. A baton is a random number that is good for one request on the database and for the
 * user of the one before, with a token that may there what the token may that opened the stream; nothing of it survives this
 * process. A stream that holds nothing needs no baton, and so never expires.
 */
export class HttpStreams {
  readonly #context: HranaContext;
  readonly #kept = new Map<string, Kept>();

  constructor(context: HranaContext) {
    this.#context = context;
  }

  /** Streams that are kept now. */
  get size(): number {
    return this.#kept.size;
  }

  /** What those store that store SQL. */
  get stored(): readonly SqlStore['usage'][] {
    return [...this.#kept.values()].map(({ stream }) => stream.store.usage);
  }

  /** @param ends whether the request closes it again, so that it never has to be kept. @throws QuorateError OVERLOADED */
  open(access: DatabaseAccess, ends: boolean): SqlStream {
    const { hranaMaxHttpStreams } = this.#context.limits;
    if (!ends && this.#kept.size >= hranaMaxHttpStreams && !this.#dropEmpty()) {
      throw new QuorateError('OVERLOADED', `${hranaMaxHttpStreams} streams are open over HTTP`, {
        hint: 'Close transactions that are not needed, or raise hrana-max-http-streams.',
        details: { limit: hranaMaxHttpStreams },
      });
    }
    return new SqlStream(this.#context, access, new SqlStore(this.#context.limits));
  }

  /** Takes a stream for one request; its baton is of no use any more. @throws QuorateError STREAM_EXPIRED, PROTOCOL_ERROR */
  take(baton: string, access: DatabaseAccess): SqlStream {
    if (!batonPattern.test(baton)) {
      throw new QuorateError('PROTOCOL_ERROR', 'this is no baton of this server');
    }
    const kept = this.#kept.get(baton);
    if (kept === undefined || !access.covers(kept.stream.session.access)) {
      throw new QuorateError('STREAM_EXPIRED', 'the stream of this baton is gone, and what it had not committed', {
        hint: 'A stream that holds something ends when it is idle for longer than hrana-stream-idle-timeout. Open another one.',
      });
    }
    this.#kept.delete(baton);
    kept.timer?.cancel();
    return kept.stream;
  }

  newBaton(): string {
    return Buffer.from(this.#context.node.runtime.random.bytes(batonBytes)).toString('base64url');
  }

  /** Keeps a stream for the next request. */
  keep(baton: string, stream: SqlStream): void {
    const holds = !isEmpty(stream);
    const expire = () => this.#expire(baton);
    const { timers } = this.#context.node.runtime;
    const timer = holds ? timers.after(this.#context.limits.hranaStreamIdleTimeoutMs, expire) : undefined;
    this.#kept.set(baton, { stream, timer });
  }

  #expire(baton: string): void {
    const kept = this.#kept.get(baton);
    this.#kept.delete(baton);
    kept?.stream.close().catch(() => {});
  }

  /** Makes room by a stream that holds nothing. */
  #dropEmpty(): boolean {
    for (const [baton, { timer }] of this.#kept) {
      if (timer === undefined) {
        this.#expire(baton);
        return true;
      }
    }
    return false;
  }

  /** Rolls back everything. */
  async closeAll(): Promise<void> {
    const kept = [...this.#kept.values()];
    this.#kept.clear();
    for (const { timer } of kept) {
      timer?.cancel();
    }
    await Promise.all(kept.map(({ stream }) => stream.close()));
  }
}

/** Whether the next request would find nothing on a stream that a new one has not. */
export function isEmpty({ session, store }: SqlStream): boolean {
  return !session.holdsState && store.isEmpty;
}

/** Ends a stream whose client goes away before its answer: nobody else can. Returns what ends this watch. */
export function closeWithClient(stream: SqlStream, response: ServerResponse): () => void {
  const onClose = () => {
    if (!response.writableEnded) {
      stream.close().catch(() => {});
    }
  };
  response.on('close', onClose);
  return () => response.off('close', onClose);
}
