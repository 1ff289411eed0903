import { QuorateError } from '../../errors/interface.ts';
import type { Identity } from '../auth/authenticator.ts';
import { CursorEntries } from './cursor-entries.ts';
import { DatabaseAccess } from './database-access.ts';
import type { HranaContext } from './hrana-context.ts';
import { SqlStore } from './sql-store.ts';
import { SqlStream } from './sql-stream.ts';
import type { ConnectionRequest, StreamRequest, WireBatch } from './wire-types.ts';

interface OpenStream {
  readonly stream: SqlStream;
  /** Ends when everything that was asked of the stream is answered. */
  tail: Promise<unknown>;
  /** While it is open, nothing else may be asked of the stream. */
  cursorId: number | undefined;
}

interface OpenCursor {
  readonly owner: OpenStream;
  readonly entries: CursorEntries;
}

/** The streams, the cursors and the stored texts of one WebSocket connection, by the numbers that its client has given them. */
export class SocketStreams {
  readonly #context: HranaContext;
  readonly #database: string;
  readonly #store: SqlStore;
  readonly #streams = new Map<number, OpenStream>();
  readonly #cursors = new Map<number, OpenCursor>();

  constructor(context: HranaContext, database: string) {
    this.#context = context;
    this.#database = database;
    this.#store = new SqlStore(context.limits);
  }

  get size(): number {
    return this.#streams.size;
  }

  get cursorCount(): number {
    return this.#cursors.size;
  }

  get stored(): SqlStore['usage'] {
    return this.#store.usage;
  }

  /** Runs a request and gives the response as JSON text. @throws QuorateError */
  async run(request: ConnectionRequest, identity: Identity): Promise<string> {
    switch (request.type) {
      case 'stream':
        return await this.#onStream(this.#unlocked(request.streamId), request.request);
      case 'open_stream':
        this.#open(request.streamId, identity);
        return '{"type":"open_stream"}';
      case 'close_stream':
        await this.#close(request.streamId);
        return '{"type":"close_stream"}';
      case 'store_sql':
        this.#store.store(request.sqlId, request.sql);
        return '{"type":"store_sql"}';
      case 'close_sql':
        this.#store.close(request.sqlId);
        return '{"type":"close_sql"}';
      case 'open_cursor':
        this.#openCursor(request);
        return '{"type":"open_cursor"}';
      case 'fetch_cursor':
        return await this.#fetch(request);
      case 'close_cursor':
        this.#closeCursor(request.cursorId);
        return '{"type":"close_cursor"}';
    }
  }

  async #onStream(open: OpenStream, request: StreamRequest): Promise<string> {
    return await inTurn(open, () => open.stream.run(request, open.stream.newBudget()));
  }

  #open(streamId: number, identity: Identity): void {
    const { hranaMaxConnectionStreams } = this.#context.limits;
    if (this.#streams.has(streamId)) {
      throw new QuorateError('PROTOCOL_ERROR', `stream ${streamId} is open already`);
    }
    if (this.#streams.size >= hranaMaxConnectionStreams) {
      throw new QuorateError('OVERLOADED', `${hranaMaxConnectionStreams} streams are open on this connection`, {
        hint: 'Close some, or raise hrana-max-connection-streams.',
      });
    }
    const access = new DatabaseAccess(this.#context, this.#database, identity);
    const stream = new SqlStream(this.#context, access, this.#store);
    this.#streams.set(streamId, { stream, tail: Promise.resolve(), cursorId: undefined });
  }

  #stream(streamId: number): OpenStream {
    const open = this.#streams.get(streamId);
    if (open === undefined) {
      throw new QuorateError('STREAM_NOT_OPEN', `stream ${streamId} is not open`);
    }
    return open;
  }

  #unlocked(streamId: number): OpenStream {
    const open = this.#stream(streamId);
    if (open.cursorId !== undefined) {
      throw new QuorateError('PROTOCOL_ERROR', `stream ${streamId} has an open cursor`, {
        hint: 'Close the cursor first.',
      });
    }
    return open;
  }

  /** What was asked of it before is answered first. */
  async #close(streamId: number): Promise<void> {
    const open = this.#stream(streamId);
    this.#streams.delete(streamId);
    if (open.cursorId !== undefined) {
      this.#cursors.delete(open.cursorId);
    }
    await inTurn(open, () => open.stream.close());
  }

  #openCursor({ streamId, cursorId, batch }: { streamId: number; cursorId: number; batch: WireBatch }): void {
    const owner = this.#unlocked(streamId);
    if (this.#cursors.has(cursorId)) {
      throw new QuorateError('PROTOCOL_ERROR', `cursor ${cursorId} is open already`);
    }
    owner.cursorId = cursorId;
    this.#cursors.set(cursorId, { owner, entries: new CursorEntries(owner.stream, batch) });
  }

  async #fetch({ cursorId, maxCount }: { cursorId: number; maxCount: number }): Promise<string> {
    const { owner, entries } = this.#cursor(cursorId);
    const texts = await inTurn(owner, () => entries.next(maxCount));
    return `{"type":"fetch_cursor","entries":[${texts.join(',')}],"done":${entries.isDone}}`;
  }

  #cursor(cursorId: number): OpenCursor {
    const cursor = this.#cursors.get(cursorId);
    if (cursor === undefined) {
      throw new QuorateError('STREAM_NOT_OPEN', `cursor ${cursorId} is not open`);
    }
    return cursor;
  }

  #closeCursor(cursorId: number): void {
    this.#cursor(cursorId).owner.cursorId = undefined;
    this.#cursors.delete(cursorId);
  }

  /** Rolls back everything at once, also what is running. */
  async closeAll(): Promise<void> {
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    this.#cursors.clear();
    await Promise.all(streams.map(({ stream }) => stream.close()));
  }
}

/** Runs an action after everything that was asked of the stream before. */
function inTurn<Result>(open: OpenStream, action: () => Promise<Result>): Promise<Result> {
  const result = open.tail.then(action);
  open.tail = result.catch(() => {});
  return result;
}
