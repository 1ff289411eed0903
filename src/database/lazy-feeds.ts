import { asQuorateError } from '../errors/interface.ts';
import type { FeedModule, FeedOwner, FeedRunner, RunningFeed } from './feed.ts';
import type { ReplicationSink } from './types.ts';

/** Feeds whose module is loaded when the first of them is opened: a primary does without it. */
export class LazyFeeds implements FeedRunner {
  readonly #module: string;
  #runner: Promise<FeedRunner> | undefined;

  constructor(module: string) {
    this.#module = module;
  }

  open(start: unknown, sink: ReplicationSink, owner: FeedOwner): RunningFeed {
    this.#runner ??= this.#load();
    let feed: RunningFeed | undefined;
    let closed = false;
    this.#runner
      .then((runner) => {
        if (!closed) {
          feed = runner.open(start, sink, owner);
        }
      })
      .catch((error: unknown) => owner.ended(asQuorateError(error)));
    return {
      close: () => {
        closed = true;
        if (feed === undefined) {
          owner.ended(undefined);
        } else {
          feed.close();
        }
      },
    };
  }

  async #load(): Promise<FeedRunner> {
    const { createFeedRunner } = (await import(this.#module)) as FeedModule;
    return createFeedRunner();
  }
}
