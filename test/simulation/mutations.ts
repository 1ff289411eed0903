import type { ReplicationSink } from '../../src/database/interface.ts';
import { decodeRecords } from '../../src/log/interface.ts';
import type { ExportTxRequest, ExportTxResponse } from '../../src/proto/interface.ts';
import type { ReplicationTransport } from '../../src/replication/interface.ts';
import type { FileHandle, FileSystem } from '../../src/runtime/interface.ts';
import { PrimaryConnection, ReplicaConnection } from '../../src/sqlite/interface.ts';
import { faithful, type Mutation } from './mutation.ts';

/** An fsync that returns at once and does nothing. */
const lyingFsync: Mutation = {
  ...faithful,
  name: 'an fsync that does nothing',
  writerFiles(files: FileSystem): FileSystem {
    const lie = (handle: FileHandle): FileHandle => ({
      descriptor: handle.descriptor,
      readSync: (target, position) => handle.readSync(target, position),
      read: (target, position) => handle.read(target, position),
      writeSync: (source, position) => handle.writeSync(source, position),
      write: (source, position) => handle.write(source, position),
      syncSync: () => {},
      sync: () => Promise.resolve(),
      truncateSync: (sizeBytes) => handle.truncateSync(sizeBytes),
      sizeSync: () => handle.sizeSync(),
      closeSync: () => handle.closeSync(),
    });
    return { ...files, openSync: (path, mode) => lie(files.openSync(path, mode)) };
  },
};

/** SQLite commits, and only then is the log written. */
const sqliteFirst: Mutation = {
  ...faithful,
  name: 'SQLite committed before the log is written',
  install: () =>
    patch(PrimaryConnection.prototype, 'writePosition', (original) => {
      return function (this: PrimaryConnection, position) {
        original.call(this, position);
        this.commit();
        this.begin();
      };
    }),
};

/** A replica applies records and does not note that it has. */
const positionForgotten: Mutation = {
  ...faithful,
  name: 'a replica that does not store its position',
  install: () => patch(ReplicaConnection.prototype, 'writePosition', () => () => {}),
};

/** A replica confirms what it has received, before it is fsynced. */
const earlyAcknowledgement: Mutation = {
  ...faithful,
  name: 'an acknowledgement before the fsync',
  sink(sink: ReplicationSink): ReplicationSink {
    let received = 0;
    return delegating(sink, {
      positions: () => ({ ...sink.positions(), durable: Math.max(received, sink.positions().durable) }),
      append: (records, commitTxId) => {
        received = [...decodeRecords(Buffer.from(records))].at(-1)?.txId ?? 0;
        return sink.append(records, commitTxId);
      },
    });
  },
};

/** A replica shows what it has received, whether its upstream has committed it or not. */
const earlyCommit: Mutation = {
  ...faithful,
  name: 'a replica that shows what is not committed',
  transport: (transport) =>
    receiving(transport, (response) =>
      response.message?.$case === 'records'
        ? { message: { $case: 'records', value: { ...response.message.value, commitTxId: Number.MAX_SAFE_INTEGER } } }
        : response,
    ),
};

/** A replica goes on at its own end, whatever its upstream says about the tail. */
const tailKept: Mutation = {
  ...faithful,
  name: 'a replica that keeps a tail its upstream has lost',
  transport(transport) {
    let ownEnd: ExportTxRequest | undefined;
    const noting = sending(transport, (request) => {
      ownEnd = request.message?.$case === 'start' ? request : ownEnd;
    });
    return receiving(noting, (response) => {
      const start = ownEnd?.message?.$case === 'start' ? ownEnd.message.value : undefined;
      return response.message?.$case === 'started'
        ? { message: { $case: 'started', value: { ...response.message.value, from: start?.durable } } }
        : response;
    });
  },
};

/** Each of them must be noticed. */
export const mutations: readonly Mutation[] = [
  lyingFsync,
  sqliteFirst,
  positionForgotten,
  earlyAcknowledgement,
  earlyCommit,
  tailKept,
];

/** A sink of which some methods are others. */
function delegating(sink: ReplicationSink, changed: Partial<ReplicationSink>): ReplicationSink {
  return {
    get databaseId() {
      return sink.databaseId;
    },
    positions: () => sink.positions(),
    ends: () => sink.ends(),
    initialize: (databaseId) => sink.initialize(databaseId),
    truncateAfter: (txId) => sink.truncateAfter(txId),
    append: (records, commitTxId) => sink.append(records, commitTxId),
    commitTo: (commitTxId) => sink.commitTo(commitTxId),
    subscribe: (listener) => sink.subscribe(listener),
    failure: () => sink.failure(),
    ...changed,
  };
}

/** A transport that changes what a replica receives. */
function receiving(
  transport: ReplicationTransport,
  change: (response: ExportTxResponse) => ExportTxResponse,
): ReplicationTransport {
  return {
    openExport: (upstream, listener) =>
      transport.openExport(upstream, {
        onMessage: (message) => listener.onMessage(change(message)),
        onDrain: () => listener.onDrain(),
        onEnd: (error) => listener.onEnd(error),
      }),
  };
}

/** A transport that looks at what a replica sends. */
function sending(transport: ReplicationTransport, look: (request: ExportTxRequest) => void): ReplicationTransport {
  return {
    openExport: (upstream, listener) => {
      const stream = transport.openExport(upstream, listener);
      return {
        send: (request) => {
          look(request);
          return stream.send(request);
        },
        end: (error) => stream.end(error),
        pause: () => stream.pause(),
        resume: () => stream.resume(),
      };
    },
  };
}

/** Replaces a method of a class until it is disposed of. */
function patch<T extends object, K extends keyof T & string>(
  prototype: T,
  name: K,
  replace: (original: T[K]) => T[K],
): Disposable {
  const original = prototype[name];
  prototype[name] = replace(original);
  return {
    [Symbol.dispose]: () => {
      prototype[name] = original;
    },
  };
}
