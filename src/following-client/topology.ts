import { QuorateError } from '../errors/interface.ts';
import type { MemberView, Topology } from './types.ts';

/** What one node tells: docs/http.md. */
export interface NodeView extends Topology {
  readonly nodeId: string;
  /** Empty while the node does not know it. */
  readonly databaseId: string;
}

export const noTopology: Topology = { term: 0, primary: null, members: [] };

/** @throws QuorateError PROTOCOL_ERROR */
export function nodeViewOf(answer: unknown): NodeView {
  const view = answer as Partial<NodeView>;
  const isView = typeof view.nodeId === 'string' && typeof view.term === 'number' && Array.isArray(view.members);
  if (!isView) {
    throw new QuorateError('PROTOCOL_ERROR', 'a node told a view of its cluster that is none');
  }
  return view as NodeView;
}

/**
 * Puts the views of several nodes together. The primary is the one of the highest term, first by its own word; of a member
 * its own word counts most, then that of the primary.
 */
export function mergeViews(views: readonly NodeView[]): Topology {
  const ranked = views
    .filter(({ primary }) => primary !== null)
    .sort((a, b) => b.term - a.term || Number(claimsIt(b)) - Number(claimsIt(a)));
  const [best] = ranked;
  const members = new Map<string, MemberView>();
  for (const view of [...views.filter((other) => other !== best), ...(best === undefined ? [] : [best])]) {
    for (const member of view.members) {
      members.set(member.nodeId, { ...members.get(member.nodeId), ...known(member) });
    }
  }
  for (const { nodeId, members: told } of views) {
    const own = told.find((member) => member.nodeId === nodeId);
    if (own !== undefined) {
      members.set(nodeId, { ...members.get(nodeId), ...known(own) });
    }
  }
  const primary = best?.primary ?? null;
  const list = [...members.values()].map((member) => withRole(member, primary));
  return { term: best?.term ?? 0, primary, members: list.sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1)) };
}

function claimsIt({ nodeId, primary }: NodeView): boolean {
  return nodeId === primary;
}

/** What a view leaves open does not hide what another one tells. */
function known(member: MemberView): MemberView {
  const { httpUrl, ...rest } = member;
  return (httpUrl === null ? rest : member) as MemberView;
}

/** One that still takes itself for the primary of a lower term is none. */
function withRole(member: MemberView, primary: string | null): MemberView {
  const role = member.nodeId === primary ? 'primary' : member.role === 'primary' ? 'replica' : member.role;
  return { ...member, httpUrl: member.httpUrl ?? null, role };
}
