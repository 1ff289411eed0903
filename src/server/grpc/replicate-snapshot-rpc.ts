import type { ServerDuplexStream } from '@grpc/grpc-js';
import { QuorateError } from '../../errors/interface.ts';
import type {
  ExportSnapshotRequest,
  ExportSnapshotResponse,
  ReplicateSnapshotRequest,
  ReplicateSnapshotResponse,
  ReplicationServer,
} from '../../proto/interface.ts';
import { type LagReport, newLagMeter, Seeding, type SnapshotProgress } from '../../replication/interface.ts';
import type { Feeder } from '../node/feeding-slot.ts';
import type { ManagedDatabase } from '../node/managed-database.ts';
import { authenticate, callerGone, failure, peerAddress, type RpcContext } from './rpc.ts';

type SnapshotCall = ServerDuplexStream<ReplicateSnapshotRequest, ReplicateSnapshotResponse>;

/** Lets an external replicator bring a snapshot: this node asks for one as a replica does, the caller carries it here. */
export function replicateSnapshot(context: RpcContext): ReplicationServer['replicateSnapshot'] {
  return (call) => {
    run(context, call).then(
      () => call.end(),
      (error: unknown) => call.emit('error', failure(context, error)),
    );
  };
}

async function run(context: RpcContext, call: SnapshotCall): Promise<void> {
  const messages = new CallMessages(call);
  const first = await messages.next();
  if (first?.$case !== 'start') {
    throw outOfOrder();
  }
  const { database } = first.value;
  authenticate(context, call.metadata).require(database, 'admin');
  const managed = context.node.databases.get(database);
  await new SnapshotFeeder(context, call, messages, managed).run();
}

function outOfOrder(): QuorateError {
  return new QuorateError(
    'PROTOCOL_ERROR',
    'ReplicateSnapshot begins with one "start", and messages of the upstream follow',
  );
}

/** What arrives on a call, one by one; whoever takes it slowly slows the sender. */
class CallMessages {
  readonly #iterator: AsyncIterator<ReplicateSnapshotRequest>;
  readonly #broken = Promise.withResolvers<never>();

  constructor(call: SnapshotCall) {
    this.#iterator = call[Symbol.asyncIterator]() as AsyncIterator<ReplicateSnapshotRequest>;
    this.#broken.promise.catch(() => {});
    for (const event of ['cancelled', 'close']) {
      call.on(event, () => this.break(callerGone()));
    }
  }

  /** Undefined at the end. @throws QuorateError CANCELLED, and what `break` was given */
  async next(): Promise<ReplicateSnapshotRequest['message']> {
    const arrived = this.#iterator.next().catch((cause: unknown) => Promise.reject(callerGone(cause)));
    const { value, done } = await Promise.race([arrived, this.#broken.promise]);
    return done === true ? undefined : value.message;
  }

  /** Nothing arrives any more. */
  break(reason: QuorateError): void {
    this.#broken.reject(reason);
  }
}

/** One snapshot on its way in. */
class SnapshotFeeder implements Feeder {
  readonly #call: SnapshotCall;
  readonly #messages: CallMessages;
  readonly #managed: ManagedDatabase;
  readonly #seeding: Seeding;
  readonly #measure: () => LagReport;
  readonly #ended = Promise.withResolvers<void>();
  state: Feeder['state'] = 'copying';

  constructor({ node }: RpcContext, call: SnapshotCall, messages: CallMessages, managed: ManagedDatabase) {
    this.#call = call;
    this.#messages = messages;
    this.#managed = managed;
    const { runtime, options } = node;
    const { sink, inbox } = managed.require();
    const lag = newLagMeter(runtime.clock, options.replicationLimits);
    this.#measure = () => lag.report();
    this.#seeding = new Seeding({
      inbox,
      // The caller puts in the name that the upstream knows.
      database: managed.name,
      identity: managed.identity,
      sink,
      runtime,
      lag,
      open: (request) => this.#carried(request),
      onInstalling: () => {
        this.state = 'installing';
      },
    });
  }

  get address(): string {
    return peerAddress(this.#call);
  }

  get lag(): LagReport {
    return this.#measure();
  }

  get snapshot(): SnapshotProgress | undefined {
    return this.#seeding.progress;
  }

  async stop(reason: QuorateError): Promise<void> {
    this.#messages.break(reason);
    await this.#ended.promise;
  }

  /** @throws QuorateError WRONG_ROLE, DIVERGED, DISK_FULL, PROTOCOL_ERROR …; what was received stays */
  async run(): Promise<void> {
    const release = this.#managed.startFeeding(this);
    try {
      await this.#seeding.run();
    } finally {
      release();
      this.#ended.resolve();
    }
  }

  async *#carried(replica: ExportSnapshotRequest): AsyncGenerator<ExportSnapshotResponse> {
    this.#call.write({ replica });
    for (let message = await this.#messages.next(); message !== undefined; message = await this.#messages.next()) {
      if (message.$case !== 'upstream') {
        throw outOfOrder();
      }
      yield message.value;
    }
  }
}
