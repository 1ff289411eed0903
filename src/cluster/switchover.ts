import { QuorateError } from '../errors/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import type { GroupState } from './group-store.ts';
import type { Leadership } from './leadership.ts';
import { countsForAcks } from './promotion-rules.ts';
import { within } from './time-limit.ts';
import type { GroupConfig, GroupMember, GroupPeers, MemberDatabase } from './types.ts';

export interface SwitchoverContext {
  readonly local: MemberDatabase;
  readonly peers: GroupPeers;
  readonly runtime: Runtime;
  readonly nodeId: string;
}

export interface SwitchoverRequest {
  /** Name or id of the member that is to be primary. */
  readonly to: string;
  /** Only says whether it could be done. */
  readonly dryRun: boolean;
}

export interface SwitchoverReport {
  readonly from: string;
  readonly to: string;
  /** Transactions that the target did not hold yet when it was asked. */
  readonly lag: number;
  /** Milliseconds for which writes waited; 0 for a dry run. */
  readonly pauseMs: number;
}

/** Milliseconds for which writes wait at most until the target has everything. */
const pauseLimitMs = 5_000;
/** Milliseconds for which others leave the place to the target. */
const plannedMs = 5_000;
/** Transactions that the target may lack when it begins: the rest of the way is gone while writes wait. */
const maxLag = 10_000;
const tickMs = 2;

/** Hands the place of the primary over: writes wait, the target gets everything, and nothing is lost or in doubt. */
export async function switchOver(
  context: SwitchoverContext,
  { to, dryRun }: SwitchoverRequest,
  leadership: Leadership,
  { config }: GroupState,
): Promise<SwitchoverReport> {
  const { local, peers, runtime, nodeId } = context;
  const target = targetOf(config as GroupConfig, to, nodeId);
  const { database, members } = config as GroupConfig;
  const self = members.find((member) => member.nodeId === nodeId) as GroupMember;
  const view = await within(runtime.timers, 1_000, `the answer of ${target.name}`, peers.ask(target, database));
  const tip = local.position()?.durable.txId ?? 0;
  // Records leave before they are on disk here, so the target may have more of them.
  const lag = Math.max(0, tip - (view.position?.durable.txId ?? 0));
  if (lag > maxLag || local.heldBy(target.nodeId) === 0) {
    throw new QuorateError(
      'WRONG_ROLE',
      `${target.name} lacks ${lag} transactions, or does not follow this primary now`,
      {
        hint: `Wait until it has caught up: quorate status ${database} --watch`,
        details: { lag },
      },
    );
  }
  const report = { from: self.name, to: target.name, lag };
  if (dryRun) {
    return { ...report, pauseMs: 0 };
  }
  const startMs = runtime.clock.monotonicMs();
  const txId = await pause(context, target);
  const untilMs = runtime.clock.nowMs() + plannedMs;
  await leadership.resign({ from: nodeId, to: target.nodeId, txId, untilMs });
  await Promise.all([leadership.end(), peers.takeOver(target, database)]);
  return { ...report, pauseMs: Math.round(runtime.clock.monotonicMs() - startMs) };
}

/** Holds writes until the target holds everything; lets them go again when that takes too long. */
async function pause({ local, runtime }: SwitchoverContext, target: GroupMember): Promise<number> {
  const untilMs = runtime.clock.monotonicMs() + pauseLimitMs;
  try {
    const txId = await local.pauseWrites(pauseLimitMs, 'committed');
    while (local.heldBy(target.nodeId) < txId) {
      if (runtime.clock.monotonicMs() > untilMs) {
        throw new QuorateError('WAIT_TIMEOUT', `${target.name} did not get everything within ${pauseLimitMs} ms`, {
          hint: 'The primary goes on. Try again when there is less to do.',
        });
      }
      await runtime.timers.sleep(tickMs);
    }
    return txId;
  } catch (error) {
    await local.resumeWrites();
    throw error;
  }
}

function targetOf({ members }: GroupConfig, to: string, selfId: string): GroupMember {
  const target = members.find(({ nodeId, name }) => nodeId === to || name === to);
  if (target === undefined) {
    throw new QuorateError('INVALID_ARGUMENT', `${to} is no member of the group`, {
      hint: `Members: ${members.map(({ name }) => name).join(', ')}`,
    });
  }
  if (target.nodeId === selfId || !countsForAcks(target)) {
    const reason = target.nodeId === selfId ? 'is primary already' : 'never becomes primary';
    throw new QuorateError('INVALID_ARGUMENT', `${target.name} ${reason}`, { hint: 'Name another member.' });
  }
  return target;
}
