import { asQuorateError, type QuorateError } from '../errors/interface.ts';
import type { ReplicationSink } from './types.ts';
import type { WriterClient } from './writer-client.ts';
import { noReply } from './writer-messages.ts';

/**
 * What brings a replica its records, on the writer's own thread: what arrives goes into the log, and what is durable is
 * confirmed, without a word to any other thread. What a feed is started with and what it reports is the business of the
 * layer that has them; it must survive structured cloning.
 */
export interface FeedRunner {
  open(start: unknown, sink: ReplicationSink, owner: FeedOwner): RunningFeed;
}

export interface FeedOwner {
  report(event: unknown): void;
  /** Called once; with the reason if it is an error. */
  ended(error: QuorateError | undefined): void;
}

export interface RunningFeed {
  close(): void;
}

/** The module that the writer's thread takes its feeds from, when the first one is opened. */
export interface FeedModule {
  createFeedRunner(): FeedRunner;
}

/** Opens feeds from the node's thread. */
export class Feeds {
  readonly #client: () => WriterClient;
  readonly #owners = new Map<number, (event: unknown) => void>();

  constructor(client: () => WriterClient) {
    this.#client = client;
  }

  /** `owner.ended` is called when the feed has ended by itself, and when the writer stops; not after `close`. */
  open(start: unknown, owner: FeedOwner): RunningFeed {
    const client = this.#client();
    let feed = 0;
    let open = true;
    const end = (error: QuorateError | undefined) => {
      this.#owners.delete(feed);
      if (open) {
        open = false;
        owner.ended(error);
      }
    };
    client
      .request((id) => {
        feed = id;
        return ['open-feed', id, start];
      })
      .then(
        () => end(undefined),
        (error: unknown) => end(asQuorateError(error)),
      );
    this.#owners.set(feed, (event) => owner.report(event));
    return {
      close: () => {
        open = false;
        client.tell(['close-feed', noReply, feed]);
      },
    };
  }

  /** Takes what a feed reports. */
  reported(feed: number, event: unknown): void {
    this.#owners.get(feed)?.(event);
  }
}
