import { QuorateError } from '../../errors/interface.ts';
import type { Statement } from '../../sqlite/interface.ts';
import type { QueryOutcome, ReadAnswer, ReaderQuery } from './reader-messages.ts';

export interface ReadOptions {
  /** Integers of results as bigint. Default false. */
  readonly bigint?: boolean | undefined;
  /** Milliseconds that the statements may run, not counting the wait for a free reader. */
  readonly timeoutMs: number;
  /** Bytes of the rows of all results together. */
  readonly maxBytes: number;
  /** Bytes of one value that the statements may read or make. Default: what SQLite takes, 1 GB. */
  readonly maxValueBytes?: number | undefined;
  /** The statements are not run: only the columns of their results are asked for. Default false. */
  readonly describe?: boolean | undefined;
  /** Gives up the query, and stops it if it is running. */
  readonly signal?: AbortSignal | undefined;
}

/** One query on its way through the pool; it is settled once, whatever happens to it later. */
export class ReadRequest {
  filePath: string;
  readonly statements: readonly Statement[];
  readonly options: ReadOptions;
  readonly answer: Promise<ReadAnswer>;
  /** Readers that ended while they ran this query. */
  crashes = 0;
  /** It was sent together with others once, and one of them took too long. */
  mustRunAlone = false;
  /** Called when the caller gives up. */
  onCancel: (() => void) | undefined;
  #resolve: (answer: ReadAnswer) => void = () => {};
  #reject: (error: QuorateError) => void = () => {};
  #settled = false;
  readonly #cancel = () => {
    this.fail(new QuorateError('CANCELLED', 'the query was cancelled', { cause: this.options.signal?.reason }));
    this.onCancel?.();
  };

  constructor(filePath: string, statements: readonly Statement[], options: ReadOptions) {
    this.filePath = filePath;
    this.statements = statements;
    this.options = options;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (options.signal?.aborted) {
      this.#cancel();
    } else {
      options.signal?.addEventListener('abort', this.#cancel, { once: true });
    }
  }

  get query(): ReaderQuery {
    const { filePath, statements } = this;
    const { bigint = false, maxBytes, maxValueBytes, describe = false } = this.options;
    return { filePath, statements, bigint, maxBytes, maxValueBytes, describe };
  }

  /** Takes what a reader says. */
  settle(outcome: QueryOutcome): void {
    if (outcome.kind === 'answer') {
      this.succeed(outcome.answer);
    } else {
      this.fail(QuorateError.deserialize(outcome.error));
    }
  }

  get isSettled(): boolean {
    return this.#settled;
  }

  succeed(answer: ReadAnswer): void {
    if (this.#settle()) {
      this.#resolve(answer);
    }
  }

  fail(error: QuorateError): void {
    if (this.#settle()) {
      this.#reject(error);
    }
  }

  #settle(): boolean {
    const first = !this.#settled;
    this.#settled = true;
    this.options.signal?.removeEventListener('abort', this.#cancel);
    return first;
  }
}
