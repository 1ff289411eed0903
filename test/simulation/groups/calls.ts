import { asQuorateError, QuorateError } from '../../../src/errors/interface.ts';
import type { Chance } from '../chance.ts';
import { type Owner, type SimulatedTime, world } from '../simulated-time.ts';

/** Whoever calls or is called: a node, a client, the coordinator. */
export interface Endpoint {
  readonly name: string;
  /** Its present life; undefined while it is down. */
  readonly process: Owner | undefined;
}

export interface CallOptions {
  readonly from: Endpoint;
  readonly to: Endpoint;
  /** Milliseconds after which the caller gives up. */
  readonly limitMs: number;
  /** What the caller is told when nobody answers: what it asked for may be done or not. */
  readonly silence: () => QuorateError;
  /** Whether single messages get lost. Else only cut links and the ends of processes lose them. */
  readonly isLossy: boolean;
  /** Whether a request may arrive twice. */
  readonly isRepeatable?: boolean;
}

interface Pending {
  readonly target: Owner;
  readonly fail: () => void;
}

/** Milliseconds within which a call to a machine without the process is refused. */
const refusalMs = 5;

/**
 * Calls with one answer over a network whose messages are slow, overtake each other, get lost, arrive twice, and of whose links
 * each direction can be cut for itself.
 */
export class Calls {
  readonly #time: SimulatedTime;
  readonly #chance: Chance;
  readonly #cuts = new Map<string, number>();
  readonly #pending = new Set<Pending>();
  /** Milliseconds that one message takes at most. */
  maxDelayMs = 2;
  /** Part of the messages that get lost, or come twice. */
  lossShare = 0;

  constructor(time: SimulatedTime, chance: Chance) {
    this.#time = time;
    this.#chance = chance;
  }

  /** Nothing gets from one to the other for a while. */
  cut(from: string, to: string, durationMs: number): void {
    this.#cuts.set(`${from} ${to}`, this.#time.nowMs + durationMs);
  }

  /** All links carry again. */
  heal(): void {
    this.#cuts.clear();
    this.maxDelayMs = 2;
    this.lossShare = 0;
  }

  isCut(from: string, to: string): boolean {
    return (this.#cuts.get(`${from} ${to}`) ?? 0) > this.#time.nowMs;
  }

  /** A process has ended: its machine tells those who wait for its answers. */
  lose(process: Owner): void {
    for (const { target, fail } of [...this.#pending]) {
      if (target === process) {
        this.#time.after(this.#chance.between(0.1, refusalMs), world, fail);
      }
    }
  }

  make<T>(options: CallOptions, run: () => T | Promise<T>): Promise<T> {
    const { from, to, limitMs, silence } = options;
    const caller = from.process ?? world;
    const target = to.process;
    if (target === undefined && !this.isCut(from.name, to.name)) {
      return this.#refuse(caller, to.name);
    }
    return new Promise<T>((resolve, reject) => {
      const pending: Pending = { target: target ?? world, fail: () => end(() => reject(silence())) };
      const timer = this.#time.after(limitMs, caller, pending.fail);
      const end = (settle: () => void) => {
        timer.cancel();
        this.#pending.delete(pending);
        settle();
      };
      this.#pending.add(pending);
      const answer = (settle: () => void) => this.#carry(options, 'back', caller, () => end(settle));
      const serve = () =>
        void attempt(run).then(
          (result) => answer(() => resolve(structuredClone(result))),
          (error: unknown) => answer(() => reject(copyOf(error))),
        );
      this.#carry(options, 'there', target ?? world, target === undefined ? () => {} : serve);
    });
  }

  #refuse(caller: Owner, name: string): Promise<never> {
    return new Promise((_, reject) => {
      const refused = () => reject(new QuorateError('UNAVAILABLE', `${name} is down`));
      this.#time.after(this.#chance.between(0.1, refusalMs), caller, refused);
    });
  }

  #carry(options: CallOptions, way: 'there' | 'back', receiver: Owner, deliver: () => void): void {
    const { isLossy, isRepeatable = false } = options;
    const [from, to] = way === 'there' ? [options.from, options.to] : [options.to, options.from];
    const times = isRepeatable && way === 'there' && this.#chance.happens(this.lossShare) ? 2 : 1;
    for (let copy = 0; copy < times; copy += 1) {
      const isLost = isLossy && this.#chance.happens(this.lossShare);
      const delayMs = this.#chance.between(0.05, this.maxDelayMs);
      if (!isLost && !this.isCut(from.name, to.name)) {
        this.#time.after(delayMs, receiver, deliver);
      }
    }
  }
}

async function attempt<T>(run: () => T | Promise<T>): Promise<T> {
  return await run();
}

function copyOf(error: unknown): QuorateError {
  return QuorateError.deserialize(asQuorateError(error).serialize());
}
