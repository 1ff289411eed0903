import { QuorateError } from '../errors/interface.ts';
import type { FeedRunner, RunningFeed } from './feed.ts';
import { DatabaseSink } from './replication-sink.ts';
import type { SharedPositions } from './shared-positions.ts';
import type { DatabaseFailure } from './types.ts';
import { WriterClient } from './writer-client.ts';
import type { FeedRequest, WriterPort, WriterReply, WriterStart } from './writer-messages.ts';
import type { Call } from './writer-role.ts';

export interface WriterFeedsOptions {
  readonly start: WriterStart;
  readonly positions: SharedPositions;
  readonly databaseId: () => Uint8Array | undefined;
  readonly runner: FeedRunner | undefined;
  readonly onEvent: (feed: number, event: unknown) => void;
}

/** The feeds of a replica as its writer sees them: clients like others, but on the same thread. */
export class WriterFeeds {
  readonly #options: WriterFeedsOptions;
  readonly #sink: DatabaseSink;
  readonly #open = new Map<number, RunningFeed>();
  /** The writer's end of the channel that the sink speaks through. */
  readonly port: WriterPort;

  constructor(options: WriterFeedsOptions) {
    this.#options = options;
    const { start, positions, databaseId } = options;
    const { near, far } = directChannel();
    const client = new WriterClient(near, start.limits, start.name);
    near.onMessage((message) => client.receive(message as WriterReply[]));
    this.port = far;
    this.#sink = new DatabaseSink({ client: () => client, positions, databaseId });
  }

  accept(request: FeedRequest, call: Call): void {
    if (request[0] === 'open-feed') {
      this.#begin(request[1], request[2], call);
    } else {
      this.#close(request[2]);
    }
  }

  /** Opens a feed; the call is answered when it has ended. */
  #begin(feed: number, start: unknown, call: Call): void {
    const { runner, onEvent } = this.#options;
    if (runner === undefined) {
      throw new QuorateError('NOT_IMPLEMENTED', 'this writer runs no feeds');
    }
    const running = runner.open(start, this.#sink, {
      report: (event) => onEvent(feed, event),
      ended: (error) => {
        this.#open.delete(feed);
        if (error === undefined) {
          call.succeed(undefined);
        } else {
          call.fail(error);
        }
      },
    });
    this.#open.set(feed, running);
  }

  #close(feed: number): void {
    this.#open.get(feed)?.close();
    this.#open.delete(feed);
  }

  closeAll(): void {
    for (const feed of this.#open.keys()) {
      this.#close(feed);
    }
  }

  /** Tells the feeds that the positions moved or that the database failed. */
  moved(): void {
    if (this.#open.size > 0) {
      this.#sink.moved();
    }
  }

  setFailure(failure: DatabaseFailure | undefined): void {
    this.#sink.setFailure(failure);
    this.moved();
  }
}

/** Two ends of a channel within one thread; what one posts the other receives at once. */
function directChannel(): { near: WriterPort; far: WriterPort } {
  const nothing = () => {};
  let toNear: (message: unknown) => void = nothing;
  let toFar: (message: unknown) => void = nothing;
  const near: WriterPort = {
    post: (message) => toFar(message),
    onMessage: (listener) => {
      toNear = listener;
    },
    onClose: nothing,
    close: nothing,
  };
  const far: WriterPort = {
    ...near,
    post: (message) => toNear(message),
    onMessage: (listener) => {
      toFar = listener;
    },
  };
  return { near, far };
}
