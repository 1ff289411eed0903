import { Metadata } from '@grpc/grpc-js';
import { QuorateError } from '../errors/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import type { EtcdAddress } from './etcd-address.ts';
import {
  type EtcdError,
  etcdUnavailable,
  failureKind,
  isAuthenticationOff,
  isConnectionFailure,
  isLeaseNotFound,
  isTimeout,
  isTooLarge,
} from './etcd-failure.ts';
import { EtcdMember, type EtcdRequest } from './etcd-member.ts';

/** Milliseconds to wait after all members have refused. */
const roundPauseMs = 50;
/** Milliseconds that a member is given at least before the next is asked. */
const minAttemptMs = 100;
/** Milliseconds for which a member that did not answer in its time is asked only if no other is left. */
const silenceMs = 5_000;

export interface EtcdSessionOptions {
  readonly addresses: readonly EtcdAddress[];
  /** Milliseconds that a request may take, over all members. */
  readonly timeoutMs: number;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** Requests of one attempt, to one member. */
export interface EtcdAttempt {
  readonly member: EtcdMember;
  send<Response>(request: EtcdRequest<Response>): Promise<Response>;
}

/** Finds a member that answers, and authenticates. */
export class EtcdSession implements Disposable {
  readonly #members: readonly EtcdMember[];
  readonly #options: EtcdSessionOptions;
  readonly #runtime: Runtime;
  readonly #closing = new AbortController();
  /** The member that answered last. */
  #current = 0;
  /** Until when members count as silent, and how that showed. */
  readonly #silent = new Map<EtcdMember, { readonly untilMs: number; readonly error: EtcdError }>();
  #token: Promise<string | undefined> | undefined;

  constructor(options: EtcdSessionOptions, runtime: Runtime) {
    this.#options = options;
    this.#runtime = runtime;
    this.#members = options.addresses.map((address) => new EtcdMember(address, runtime.clock));
  }

  get member(): EtcdMember {
    return this.#members[this.#current] as EtcdMember;
  }

  /** Milliseconds that one member has to answer. */
  get shareMs(): number {
    return Math.max(minAttemptMs, this.#options.timeoutMs / this.#members.length);
  }

  /** Leaves a member for the next one, unless somebody has done so. */
  leave(member: EtcdMember): void {
    if (member === this.member) {
      const following = this.#members.map((_, index) => (this.#current + 1 + index) % this.#members.length);
      const isHeard = (index: number) => !this.#isSilent(this.#members[index] as EtcdMember);
      this.#current = following.find(isHeard) ?? (following[0] as number);
    }
  }

  /** A member that is cut off, or stands still, keeps nobody waiting again and again. */
  #noteSilence(member: EtcdMember, error: EtcdError): void {
    this.#silent.set(member, { untilMs: this.#runtime.clock.monotonicMs() + silenceMs, error });
  }

  #isSilent(member: EtcdMember): boolean {
    return (this.#silent.get(member)?.untilMs ?? -Infinity) > this.#runtime.clock.monotonicMs();
  }

  /** @param reasons what the members that were asked have said; those that were not are named, too */
  #unavailable(reasons: ReadonlyMap<string, EtcdError>): QuorateError {
    const silent = [...this.#silent].filter(([member]) => this.#isSilent(member));
    return etcdUnavailable(new Map([...silent.map(([{ name }, { error }]) => [name, error] as const), ...reasons]));
  }

  /**
   * Makes an attempt with one member after the other until one succeeds; so it must do no harm to make it twice.
   * @throws the `ServiceError` of a failure that is final; QuorateError COORDINATOR_UNAVAILABLE, CANCELLED
   */
  async repeat<Result>(attempt: (to: EtcdAttempt) => Promise<Result>): Promise<Result> {
    const { clock, timers } = this.#runtime;
    const { timeoutMs } = this.#options;
    const endMs = clock.monotonicMs() + timeoutMs;
    const reasons = new Map<string, EtcdError>();
    for (let attempts = 1; ; attempts += 1) {
      const { member } = this;
      const leftMs = endMs - clock.monotonicMs();
      if (leftMs <= 0) {
        throw this.#unavailable(reasons);
      }
      try {
        return await this.attempt(member, Math.min(leftMs, this.shareMs), attempt);
      } catch (error) {
        if (isTimeout(error as EtcdError) && leftMs >= this.shareMs) {
          this.#noteSilence(member, error as EtcdError);
        }
        this.#passOver(member, error as EtcdError, reasons);
      }
      if (attempts % this.#members.length === 0) {
        await timers.sleep(roundPauseMs, this.#closing.signal);
      }
    }
  }

  /** Goes on to the next member, unless none would answer otherwise. */
  #passOver(member: EtcdMember, error: EtcdError, reasons: Map<string, EtcdError>): void {
    if (this.#closing.signal.aborted) {
      throw new QuorateError('CANCELLED', 'the coordinator is closed', { cause: error });
    }
    if (isLastWord(error)) {
      throw error;
    }
    // That the time was over tells less than what the member said before.
    if (!(isTimeout(error) && reasons.has(member.name))) {
      reasons.set(member.name, error);
    }
    if (failureKind(error) !== 'elsewhere') {
      throw this.#unavailable(reasons);
    }
    this.leave(member);
  }

  /** One attempt with one member; made again with a new token when etcd does not take the old one. */
  async attempt<Result>(
    member: EtcdMember,
    timeoutMs: number,
    attempt: (to: EtcdAttempt) => Promise<Result>,
  ): Promise<Result> {
    const { clock } = this.#runtime;
    const endMs = clock.monotonicMs() + timeoutMs;
    const leftMs = () => Math.max(1, endMs - clock.monotonicMs());
    for (let isFirst = true; ; isFirst = false) {
      try {
        const metadata = await this.metadata(member, leftMs());
        return await attempt({ member, send: (request) => member.send(request, metadata, leftMs()) });
      } catch (thrown) {
        const error = thrown as EtcdError;
        if (isConnectionFailure(error)) {
          member.disconnect();
        }
        if (!(isFirst && this.#options.username !== undefined && failureKind(error) === 'authenticate')) {
          throw error;
        }
        this.#token = undefined;
      }
    }
  }

  /** What goes with a request: the token, and that a member without a leader must refuse. */
  async metadata(member: EtcdMember, timeoutMs: number): Promise<Metadata> {
    this.#token ??= this.#authenticate(member, timeoutMs);
    const pending = this.#token;
    try {
      const token = await pending;
      const metadata = new Metadata();
      metadata.set('hasleader', 'true');
      if (token !== undefined) {
        metadata.set('token', token);
      }
      return metadata;
    } catch (error) {
      if (this.#token === pending) {
        this.#token = undefined;
      }
      throw error;
    }
  }

  /** The next request authenticates again. */
  forgetToken(): void {
    this.#token = undefined;
  }

  [Symbol.dispose](): void {
    this.#closing.abort();
    for (const member of this.#members) {
      member[Symbol.dispose]();
    }
  }

  async #authenticate(member: EtcdMember, timeoutMs: number): Promise<string | undefined> {
    const { username, password = '' } = this.#options;
    if (username === undefined) {
      return undefined;
    }
    const authenticate: EtcdRequest<{ token: string }> = ({ auth }, metadata, options, callback) =>
      auth.authenticate({ name: username, password }, metadata, options, callback);
    try {
      return (await member.send(authenticate, new Metadata(), timeoutMs)).token;
    } catch (error) {
      if (isAuthenticationOff(error as EtcdError)) {
        this.#runtime.logger.warn({ member: member.name }, 'etcd has authentication turned off: no user is needed');
        return undefined;
      }
      throw error;
    }
  }
}

/** Errors that say something about the request itself, which the caller knows how to tell. */
function isLastWord(error: EtcdError): boolean {
  const isOwn = error instanceof QuorateError && error.code === 'LEASE_LOST';
  return isOwn || isLeaseNotFound(error) || isTooLarge(error);
}
