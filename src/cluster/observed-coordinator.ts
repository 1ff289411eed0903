import { asQuorateError, type ErrorCode } from '../errors/interface.ts';
import { type Clock, durationBounds, Histogram, type HistogramCounts } from '../runtime/interface.ts';
import type {
  CommitAnswer,
  Coordinator,
  CoordinatorChange,
  CoordinatorCondition,
  CoordinatorEntry,
  CoordinatorLease,
  CoordinatorListener,
  CoordinatorView,
} from './coordinator.ts';
import { maxCoordinatorWatches, maxPendingCalls } from './coordinator-limits.ts';

const calls = ['get', 'list', 'commit', 'lease'] as const;

type CallName = (typeof calls)[number];

interface CallRecord {
  readonly seconds: Histogram;
  readonly errors: Map<ErrorCode, number>;
}

/** What became of the calls of a coordinator, and of its watches. */
export interface CoordinatorUsage {
  readonly calls: readonly {
    readonly name: CallName;
    /** Seconds of those that ended, whether well or not. */
    readonly seconds: HistogramCounts;
    /** How many failed, by their code. */
    readonly errors: readonly (readonly [ErrorCode, number])[];
  }[];
  /** Calls that are under way. */
  readonly pending: number;
  readonly pendingLimit: number;
  readonly watches: number;
  readonly watchesLimit: number;
  /** How often watches told that something may have changed. */
  readonly news: number;
}

/** Counts and times what a node asks of its coordinator. */
export class ObservedCoordinator implements Coordinator {
  readonly #coordinator: Coordinator;
  readonly #clock: Clock;
  readonly #calls: ReadonlyMap<CallName, CallRecord> = new Map(
    calls.map((name) => [name, { seconds: new Histogram(durationBounds), errors: new Map() }]),
  );
  #pending = 0;
  #watches = 0;
  #news = 0;

  constructor(coordinator: Coordinator, clock: Clock) {
    this.#coordinator = coordinator;
    this.#clock = clock;
  }

  usage(): CoordinatorUsage {
    return {
      calls: [...this.#calls].map(([name, { seconds, errors }]) => ({
        name,
        seconds: seconds.read(),
        errors: [...errors],
      })),
      ...{ pending: this.#pending, pendingLimit: maxPendingCalls },
      ...{ watches: this.#watches, watchesLimit: maxCoordinatorWatches, news: this.#news },
    };
  }

  get(key: string): Promise<CoordinatorEntry | undefined> {
    return this.#observe('get', () => this.#coordinator.get(key));
  }

  list(prefix: string): Promise<CoordinatorView> {
    return this.#observe('list', () => this.#coordinator.list(prefix));
  }

  commit(conditions: readonly CoordinatorCondition[], changes: readonly CoordinatorChange[]): Promise<CommitAnswer> {
    return this.#observe('commit', () => this.#coordinator.commit(conditions, changes));
  }

  openLease(ttlMs: number): Promise<CoordinatorLease> {
    return this.#observe('lease', () => this.#coordinator.openLease(ttlMs));
  }

  watch(prefix: string, listener: CoordinatorListener): Disposable {
    const changed = () => {
      this.#news += 1;
      listener.changed();
    };
    const watch = this.#coordinator.watch(prefix, { changed });
    this.#watches += 1;
    let isOpen = true;
    return {
      [Symbol.dispose]: () => {
        this.#watches -= Number(isOpen);
        isOpen = false;
        watch[Symbol.dispose]();
      },
    };
  }

  async #observe<Result>(name: CallName, call: () => Promise<Result>): Promise<Result> {
    const { seconds, errors } = this.#calls.get(name) as CallRecord;
    const sinceMs = this.#clock.monotonicMs();
    this.#pending += 1;
    try {
      return await call();
    } catch (error) {
      const { code } = asQuorateError(error);
      errors.set(code, (errors.get(code) ?? 0) + 1);
      throw error;
    } finally {
      this.#pending -= 1;
      seconds.observe((this.#clock.monotonicMs() - sinceMs) / 1_000);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#coordinator[Symbol.asyncDispose]();
  }
}
