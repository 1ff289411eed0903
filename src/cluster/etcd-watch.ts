import { type ClientDuplexStream, Metadata, type StatusObject, status } from '@grpc/grpc-js';
import type { etcd } from '../proto/interface.ts';
import { type Backoff, createBackoff, type Runtime, type Timer } from '../runtime/interface.ts';
import type { CoordinatorListener } from './coordinator.ts';
import { type EtcdError, failureKind, isConnectionFailure, reasonOf } from './etcd-failure.ts';
import type { EtcdMember } from './etcd-member.ts';
import type { EtcdSession } from './etcd-session.ts';
import { keyRange } from './etcd-values.ts';

/** Milliseconds between two questions whether the member still answers, and after which it is left when it does not. */
const progressIntervalMs = 1_000;
const silenceMs = 3_000;
/** Milliseconds until a watch that broke is made again. */
const firstRetryMs = 20;
const longestRetryMs = 1_000;

type WatchStream = ClientDuplexStream<etcd.WatchRequest, etcd.WatchResponse>;

/**
 * Watches a prefix with one member after the other. Each watch begins with the present and calls the listener, which reads
 * what has happened until then; so no revision has to be remembered, and none can be compacted away.
 */
export class EtcdWatch implements Disposable {
  readonly #session: EtcdSession;
  readonly #runtime: Runtime;
  readonly #prefix: string;
  readonly #listener: CoordinatorListener;
  readonly #backoff: Backoff;
  #stream: WatchStream | undefined;
  #timer: Timer | undefined;
  #heardAtMs = 0;
  #closed = false;
  #reported = false;

  constructor(session: EtcdSession, runtime: Runtime, prefix: string, listener: CoordinatorListener) {
    this.#session = session;
    this.#runtime = runtime;
    this.#prefix = prefix;
    this.#listener = listener;
    this.#backoff = createBackoff(runtime.random, firstRetryMs, longestRetryMs);
    void this.#begin();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#stream?.cancel();
  }

  async #begin(): Promise<void> {
    const { member } = this.#session;
    try {
      const metadata = await this.#session.metadata(member, this.#session.shareMs);
      if (!this.#closed) {
        this.#follow(member, member.clients.watch.watch(metadata));
      }
    } catch (error) {
      this.#retry(member, error as EtcdError);
    }
  }

  #follow(member: EtcdMember, stream: WatchStream): void {
    this.#stream = stream;
    this.#heardAtMs = this.#runtime.clock.monotonicMs();
    stream.on('data', (response: etcd.WatchResponse) => this.#hear(member, stream, response));
    stream.on('error', (error: EtcdError) => this.#end(member, stream, error));
    // Also of a stream that ends without an error.
    stream.on('status', ({ details }: StatusObject) => this.#end(member, stream, refusal(details)));
    stream.write({ requestUnion: { $case: 'createRequest', value: keyRange(this.#prefix) } });
    this.#askForProgress(stream);
  }

  /** A member that stands still keeps its connections; only that it says nothing tells. */
  #askForProgress(stream: WatchStream): void {
    this.#timer = this.#runtime.timers.after(progressIntervalMs, () => {
      if (this.#runtime.clock.monotonicMs() - this.#heardAtMs > silenceMs) {
        stream.cancel();
        return;
      }
      stream.write({ requestUnion: { $case: 'progressRequest', value: {} } });
      this.#askForProgress(stream);
    });
  }

  #hear(member: EtcdMember, stream: WatchStream, response: etcd.WatchResponse): void {
    const { created, canceled, cancelReason, events } = response;
    this.#heardAtMs = this.#runtime.clock.monotonicMs();
    if (canceled) {
      this.#end(member, stream, refusal(cancelReason));
      stream.cancel();
      return;
    }
    if (created) {
      this.#backoff.reset();
      this.#reported = false;
    }
    if (!this.#closed && (created || events.length > 0)) {
      this.#tell();
    }
  }

  #tell(): void {
    try {
      this.#listener.changed();
    } catch (error) {
      this.#runtime.logger.error({ err: error, prefix: this.#prefix }, 'a watch of the coordinator failed');
    }
  }

  #end(member: EtcdMember, stream: WatchStream, error: EtcdError): void {
    if (stream === this.#stream) {
      this.#stream = undefined;
      this.#timer?.cancel();
      this.#retry(member, error);
    }
  }

  #retry(member: EtcdMember, error: EtcdError): void {
    if (this.#closed) {
      return;
    }
    if (!this.#reported) {
      this.#reported = true;
      this.#runtime.logger.warn({ member: member.name, reason: reasonOf(error) }, 'the watch of etcd broke; trying on');
    }
    if (failureKind(error) === 'authenticate') {
      this.#session.forgetToken();
    } else {
      this.#session.leave(member);
    }
    if (isConnectionFailure(error)) {
      member.disconnect();
    }
    this.#timer = this.#runtime.timers.after(this.#backoff.nextDelayMs(), () => void this.#begin());
  }
}

function refusal(reason: string): EtcdError {
  const code = status.FAILED_PRECONDITION;
  return Object.assign(new Error(reason), { code, details: reason, metadata: new Metadata() });
}
