import { AckMonitor } from '../../src/database/ack-monitor.ts';
import type { ReplicationSink } from '../../src/database/interface.ts';
import { decodeRecords, TransactionLog } from '../../src/log/interface.ts';
import type { ExportTxRequest } from '../../src/proto/interface.ts';
import type { FileSystem } from '../../src/runtime/interface.ts';
import { PrimaryConnection, ReplicaConnection } from '../../src/sqlite/interface.ts';
import { faithful, type Mutation } from './mutation.ts';
import { delegating, patch, receiving, sending, withoutFsync } from './mutation-tools.ts';

const lyingFsync: Mutation = {
  ...faithful,
  name: 'an fsync of the log that does nothing',
  writerFiles: withoutFsync,
};

const lyingInstall: Mutation = {
  ...faithful,
  name: 'an fsync of a received snapshot that does nothing',
  hostFiles: withoutFsync,
};

/** The settings name the new content before its SQLite file is in it. */
const installInPieces: Mutation = {
  ...faithful,
  name: 'a snapshot that is not installed at once',
  hostFiles(files: FileSystem): FileSystem {
    let later: (() => void) | undefined;
    return {
      ...files,
      renameSync: (from, to) => {
        later = () => files.renameSync(from, to);
        if (!to.endsWith('data.sqlite')) {
          later();
          later = undefined;
        }
      },
      writeFileAtomicSync: (path, content, mode) => {
        files.writeFileAtomicSync(path, content, mode);
        later?.();
        later = undefined;
      },
    };
  },
};

/** A primary commits without waiting for anybody. */
const unacknowledged: Mutation = {
  ...faithful,
  name: 'a primary that shows what is not acknowledged',
  install: () => patch(AckMonitor.prototype, 'isDurable', () => () => true),
};

/** Replicas store a position and apply what belongs to it one transaction later. */
const positionAhead: Mutation = {
  ...faithful,
  name: 'a replica whose position is ahead of its content',
  install: () => {
    const late = new WeakMap<ReplicaConnection, Parameters<ReplicaConnection['apply']>>();
    return patch(ReplicaConnection.prototype, 'apply', (original) => {
      return function (this: ReplicaConnection, ...record) {
        const before = late.get(this);
        late.set(this, record);
        if (before !== undefined) {
          original.apply(this, before);
        }
      };
    });
  },
};

/** A cut takes one record more than it should. */
const tailCutTooFar: Mutation = {
  ...faithful,
  name: 'a tail that is cut too far',
  install: () =>
    patch(TransactionLog.prototype, 'truncateAfter', (original) => {
      return function (this: TransactionLog, txId) {
        original.call(this, Math.max(txId - 1, this.firstTxId - 1));
      };
    }),
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
export const earlyAcknowledgement: Mutation = {
  ...faithful,
  name: 'an acknowledgement before the fsync',
  sink(sink: ReplicationSink): ReplicationSink {
    let received = 0;
    return delegating(sink, {
      positions: () => ({ ...sink.positions(), durable: Math.max(received, sink.positions().durable) }),
      append: (records, commitTxId, term, awaited) => {
        received = [...decodeRecords(Buffer.from(records))].at(-1)?.txId ?? 0;
        return sink.append(records, commitTxId, term, awaited);
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
export const tailKept: Mutation = {
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
  lyingInstall,
  installInPieces,
  unacknowledged,
  sqliteFirst,
  positionForgotten,
  positionAhead,
  earlyAcknowledgement,
  earlyCommit,
  tailKept,
  tailCutTooFar,
];
