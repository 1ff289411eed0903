import { GroupStore } from '../../../src/cluster/interface.ts';
import { Leadership as Reign } from '../../../src/cluster/leadership.ts';
import type { GroupAcks } from '../../../src/cluster/types.ts';
import { type AckSettings, Leadership } from '../../../src/database/interface.ts';
import { Lease } from '../../../src/database/lease.ts';
import { ReplicaRole } from '../../../src/database/replica-role.ts';
import { GroupDatabase } from '../../../src/server/node/group/group-database.ts';
import { faithful, type Mutation } from '../mutation.ts';
import { all, delegating, patch, patchGetter } from '../mutation-tools.ts';
import { earlyAcknowledgement, tailKept } from '../mutations.ts';

const anyTerm = Number.MAX_SAFE_INTEGER;

/** A replica takes what comes, from whichever primary. */
const noTermCheck: Mutation = {
  ...faithful,
  name: 'a replica that does not look at terms',
  sink: (sink) =>
    delegating(sink, {
      promisedTerm: () => 0,
      positions: () => ({ ...sink.positions(), term: 0 }),
      append: (records, commitTxId, _term, ...rest) => sink.append(records, commitTxId, anyTerm, ...rest),
      commitTo: (commitTxId) => sink.commitTo(commitTxId, anyTerm),
      truncateAfter: (txId) => sink.truncateAfter(txId, anyTerm),
    }),
  install: () => patch(ReplicaRole.prototype, 'promised', () => () => {}),
};

/** A crash makes a member forget what it has promised. */
const forgottenPromise: Mutation = {
  ...faithful,
  name: 'a promise that is not persisted',
  hostFiles: (files) => ({
    ...files,
    writeFileAtomicSync: (path, content, mode) => {
      const isSettings = path.endsWith('settings.json');
      files.writeFileAtomicSync(path, isSettings ? withoutPromise(content) : content, mode);
    },
  }),
};

function withoutPromise(content: Uint8Array): Uint8Array {
  const {
    promisedTerm: _,
    promisedTo: __,
    ...settings
  } = JSON.parse(Buffer.from(content).toString()) as object & {
    promisedTerm?: number;
    promisedTo?: string;
  };
  return Buffer.from(`${JSON.stringify(settings, null, 2)}\n`);
}

const wallClockLease: Mutation = {
  ...faithful,
  name: 'a lease by the wall clock',
  runtime: ({ clock, ...runtime }) => ({
    ...runtime,
    clock: { nowMs: () => clock.nowMs(), monotonicMs: () => clock.nowMs() },
  }),
};

/** Candidates believe that one member more holds what was acknowledged than the primary waits for. */
export const tooFewAnswers: Mutation = {
  ...faithful,
  name: 'an election with one answer too few',
  install: () =>
    all([
      patch(GroupStore.prototype, 'read', (read) => {
        return async function (this: GroupStore) {
          const state = await read.call(this);
          const { config } = state;
          return config === undefined ? state : { ...state, config: { ...config, acks: raised(config.acks) } };
        };
      }),
      patch(GroupDatabase.prototype, 'lead', (lead) => {
        return function (this: GroupDatabase, term, acks) {
          return lead.call(this, term, lowered(acks));
        };
      }),
      patch(GroupDatabase.prototype, 'configureAcks', (configure) => {
        return function (this: GroupDatabase, acks) {
          return configure.call(this, lowered(acks));
        };
      }),
    ]),
};

function raised(acks: GroupAcks): GroupAcks {
  return acks.level.kind === 'sync' ? { ...acks, level: { kind: 'sync', acks: acks.level.acks + 1 } } : acks;
}

function lowered(acks: AckSettings): AckSettings {
  return acks.level.kind === 'sync' ? { ...acks, level: { kind: 'sync', acks: acks.level.acks - 1 } } : acks;
}

const lateRenewal: Mutation = {
  ...faithful,
  name: 'a primary that goes on when its lease has ended',
  install: () =>
    all([
      patchGetter(Lease.prototype, 'isValid', () => () => true),
      patchGetter(Reign.prototype, 'isValid', () => {
        return function (this: Reign) {
          return !this.hasEnded;
        };
      }),
    ]),
};

const staleRead: Mutation = {
  ...faithful,
  name: 'a linearizable read without a look at the lease',
  install: () => patch(Leadership.prototype, 'isLeaseValid', () => () => true),
};

/** A member whose undone transactions come back with a loss of power, since SQLite alone does not fsync what it commits. */
export const forgetful: Mutation = {
  ...faithful,
  name: 'a log that is cut before SQLite has on disk that it went back',
  writerFiles: (files) => ({ ...files, existsSync: (path) => !path.endsWith('-wal') && files.existsSync(path) }),
};

/** Each of them must be noticed by the simulation of groups. */
export const groupMutations: readonly Mutation[] = [
  noTermCheck,
  forgottenPromise,
  wallClockLease,
  tooFewAnswers,
  lateRenewal,
  earlyAcknowledgement,
  staleRead,
  tailKept,
];
