import type { GroupAcks, GroupConfig, GroupMember } from '../../../src/cluster/interface.ts';
import { type DatabaseLimits, defaultAckSettings } from '../../../src/database/interface.ts';
import type { ReplicationLimits } from '../../../src/replication/interface.ts';
import type { Chance } from '../chance.ts';
import { databaseLimits, keepsLog, replicationLimits } from '../cluster-plan.ts';

/** What a seed makes of a group. */
export interface GroupPlan {
  readonly config: GroupConfig;
  /** How fast the clock of each member runs. */
  readonly clockRates: Readonly<Record<string, number>>;
  /** Whether acknowledged writes may be lost with the primary that alone had them; they are saved then. */
  readonly mayLose: boolean;
  /** Whether people change the group and its primary. */
  readonly hasOperator: boolean;
  readonly windowBytes: number;
  /** Mean time between two faults, in milliseconds. */
  readonly faultIntervalMs: number;
  /** For how long there are faults, in milliseconds. */
  readonly faultsMs: number;
  readonly clients: number;
  readonly databaseLimits: DatabaseLimits;
  readonly replicationLimits: ReplicationLimits;
}

const dataNames = ['anna', 'bert', 'cleo', 'dora', 'emil'] as const;
export const database = 'db';

export function planGroup(chance: Chance): GroupPlan {
  const hasWitness = chance.happens(0.2);
  const count = chance.happens(0.25) ? 5 : 3;
  const names = hasWitness ? [...dataNames.slice(0, count - 1), 'wim'] : dataNames.slice(0, count);
  const { acks, maxLag } = planAcks(chance, hasWitness ? count - 1 : count);
  const members = names.map((name) => newMember(name, chance));
  const mayLose = maxLag !== undefined;
  const config: GroupConfig = {
    ...{ database, databaseId: '0'.repeat(32), termBase: 1, members, acks },
    failover: { automatic: true, maxLag, leaseMs: chance.pick([500, 1_500]) },
  };
  return {
    ...{ config, mayLose },
    clockRates: Object.fromEntries(names.map((name) => [name, chance.between(0.97, 1.03)])),
    hasOperator: chance.happens(0.5),
    windowBytes: chance.pick([4_096, 65_536]),
    faultIntervalMs: chance.pick([300, 800, 2_500]),
    faultsMs: chance.pick([6_000, 12_000]),
    clients: chance.integer(5, 7),
    databaseLimits: { ...databaseLimits(chance), ...(mayLose && keepsLog) },
    replicationLimits: replicationLimits(chance),
  };
}

function newMember(name: string, chance: Chance): GroupMember {
  const witness = name === 'wim';
  return {
    ...{ nodeId: name, name, host: name, port: 3322, httpUrl: '', zone: '' },
    priority: chance.pick([0, 0, 1]),
    nofailover: !witness && name !== 'anna' && chance.happens(0.1),
    nosync: false,
    ...{ witness, learner: false },
  };
}

function planAcks(chance: Chance, dataMembers: number): { acks: GroupAcks; maxLag: number | undefined } {
  const { members: _, ...defaults } = defaultAckSettings;
  const level = chance.pick<GroupAcks['level']>([
    { kind: 'quorum' },
    { kind: 'quorum' },
    { kind: 'sync', acks: 1 },
    { kind: 'sync', acks: 1 },
    ...(dataMembers > 2 ? [{ kind: 'sync', acks: 2 } as const] : []),
    ...(dataMembers > 3
      ? ([
          { kind: 'sync', acks: 1 },
          { kind: 'sync', acks: 1 },
        ] as const)
      : []),
    { kind: 'async' },
  ]);
  const maxLag = level.kind === 'async' && chance.happens(0.7) ? chance.pick([5, 1_000]) : undefined;
  return { acks: { ...defaults, level, whenShort: 'block', timeoutMs: chance.pick([500, 3_000]) }, maxLag };
}
