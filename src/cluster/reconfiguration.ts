import { isDeepStrictEqual } from 'node:util';
import { isQuorateError, QuorateError } from '../errors/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import type { GroupState, GroupStore } from './group-store.ts';
import type { Leadership } from './leadership.ts';
import { checkConfig, countsForAcks, leaderAcks, promotionNumbers } from './promotion-rules.ts';
import type { GroupConfig, MemberDatabase } from './types.ts';

export interface ReconfigurationContext {
  readonly local: MemberDatabase;
  readonly store: GroupStore;
  readonly runtime: Runtime;
  readonly nodeId: string;
}

/** Milliseconds for which writes wait at most while a group changes. */
const pauseLimitMs = 5_000;
const tickMs = 2;

/**
 * Changes a group from its primary, so that what was acknowledged under the old rule is safe under the new one: writes wait until
 * enough of the new members hold everything. Only then do candidates see the new group. What waits for a member that is lost
 * need not be committed before: it is when the group goes on without that member.
 * @throws QuorateError INVALID_ARGUMENT; WAIT_TIMEOUT when the new members do not have everything in time; LEASE_LOST
 */
export async function reconfigure(
  context: ReconfigurationContext,
  leadership: Leadership,
  state: GroupState,
  change: (config: GroupConfig) => GroupConfig,
): Promise<GroupConfig> {
  const { store, local, nodeId } = context;
  const before = state.config as GroupConfig;
  const next = change(before);
  checkConfig(next);
  leadership.shortenLease(next.failover.leaseMs);
  if (isDeepStrictEqual(rulesOf(before), rulesOf(next))) {
    await store.configure(leadership.takenAt, state, next);
    leadership.changeLease(next.failover.leaseMs);
    return next;
  }
  try {
    const txId = await local.pauseWrites(pauseLimitMs, 'logged');
    await waitForHolders(context, next, txId);
    const known = await written(context, leadership, () => store.configure(leadership.takenAt, state, next));
    await local.configureAcks(leaderAcks(known ?? next, nodeId));
  } finally {
    await local.resumeWrites();
  }
  leadership.changeLease(next.failover.leaseMs);
  return next;
}

/** What decides how many hold a transaction, and who. */
function rulesOf(config: GroupConfig): unknown {
  return { acks: config.acks, counted: config.members.filter(countsForAcks).map(({ nodeId }) => nodeId) };
}

async function waitForHolders({ local, runtime, nodeId }: ReconfigurationContext, next: GroupConfig, txId: number) {
  const { holders } = promotionNumbers(next);
  const others = next.members.filter((member) => countsForAcks(member) && member.nodeId !== nodeId);
  const untilMs = runtime.clock.monotonicMs() + pauseLimitMs;
  const held = () => others.filter((member) => local.heldBy(member.nodeId) >= txId).length + 1;
  while (held() < holders) {
    if (runtime.clock.monotonicMs() > untilMs) {
      throw new QuorateError('WAIT_TIMEOUT', `only ${held()} of the ${holders} members that must hold everything do`, {
        hint: 'The group stays as it was. Look at the lag of its members in the status.',
        details: { holders, held: held(), txId },
      });
    }
    await runtime.timers.sleep(tickMs);
  }
}

/**
 * Writes the new group down. When the coordinator does not say what became of it, nothing is committed before it has told
 * which group candidates see; the lease ends if it never does. Returns that group, if it is another than the new one.
 */
async function written(
  { store, runtime }: ReconfigurationContext,
  leadership: Leadership,
  write: () => Promise<void>,
): Promise<GroupConfig | undefined> {
  try {
    await write();
    return undefined;
  } catch (error) {
    while (isQuorateError(error) && error.code !== 'LEASE_LOST' && leadership.isValid) {
      const state = await store.read().catch(() => undefined);
      if (state !== undefined) {
        return state.config;
      }
      await runtime.timers.sleep(tickMs);
    }
    throw error;
  }
}
