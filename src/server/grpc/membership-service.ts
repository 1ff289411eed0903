import { QuorateError } from '../../errors/interface.ts';
import type { MembershipServer } from '../../proto/interface.ts';
import { wirePosition, wireView } from '../node/group/group-wire.ts';
import { audited, type RpcContext, sysadminOnly, unaryRpc } from './rpc.ts';

/** What the members of a group ask each other; a node of the same cluster is a super-admin. */
export function membershipService(context: RpcContext): MembershipServer {
  const { node } = context;
  return {
    ask: unaryRpc(context, sysadminOnly, async ({ database }) =>
      wireView(await node.requireGroups().get(database).view()),
    ),
    promise: unaryRpc(context, sysadminOnly, async ({ database, term, candidate }) =>
      wirePosition(await node.requireGroups().get(database).promise(term, candidate)),
    ),
    confirm: unaryRpc(context, sysadminOnly, ({ database, term, forMs }) => {
      node.requireGroups().get(database).confirm(term, forMs);
      return {};
    }),
    takeOver: unaryRpc(context, audited('group.take-over', sysadminOnly), async ({ database }) => {
      const decision = await node.requireGroups().get(database).takeOver('switchover');
      if (decision.refusal !== undefined) {
        const { rule, message } = decision.refusal;
        throw new QuorateError('WRONG_ROLE', `this member does not become primary (${rule}): ${message}`);
      }
      return { decision: JSON.stringify(decision) };
    }),
    change: unaryRpc(context, audited('group.change', sysadminOnly), (request) => node.requireGroups().change(request)),
  };
}
