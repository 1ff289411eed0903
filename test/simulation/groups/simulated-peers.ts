import type {
  GroupMember,
  GroupPeers,
  MemberPosition,
  Membership,
  MemberView,
} from '../../../src/cluster/interface.ts';
import { QuorateError } from '../../../src/errors/interface.ts';
import type { Calls, Endpoint } from './calls.ts';

/** A node that takes part in a group. */
export interface Member extends Endpoint {
  /** Undefined while it is down or only starts. */
  readonly membership: Membership | undefined;
}

/** As over gRPC. */
const callLimitMs = 3_000;
const orderLimitMs = 60_000;

/** The other members of a group as one life of one node reaches them. */
export class SimulatedPeers implements GroupPeers {
  readonly #calls: Calls;
  readonly #self: Endpoint;
  readonly #find: (name: string) => Member;

  constructor(calls: Calls, { name, process }: Endpoint, find: (name: string) => Member) {
    this.#calls = calls;
    this.#self = { name, process };
    this.#find = find;
  }

  ask(member: GroupMember): Promise<MemberView> {
    return this.#call(member, (membership) => membership.view());
  }

  promise(member: GroupMember, _database: string, term: number, candidate: string): Promise<MemberPosition> {
    return this.#call(member, (membership) => membership.promise(term, candidate));
  }

  confirm(member: GroupMember, _database: string, term: number, forMs: number): Promise<void> {
    return this.#call(member, (membership) => membership.confirm(term, forMs));
  }

  async takeOver(member: GroupMember): Promise<void> {
    await this.#call(member, (membership) => membership.takeOver('switchover'), orderLimitMs);
  }

  #call<T>(
    { host }: GroupMember,
    run: (membership: Membership) => T | Promise<T>,
    limitMs: number = callLimitMs,
  ): Promise<T> {
    const to = this.#find(host);
    const silence = () => new QuorateError('UNAVAILABLE', `${host} does not answer`);
    const isOrder = limitMs !== callLimitMs;
    return this.#calls.make(
      { from: this.#self, to, limitMs, silence, isLossy: !isOrder, isRepeatable: !isOrder },
      () => {
        if (to.membership === undefined) {
          throw new QuorateError('UNAVAILABLE', `${host} is not ready yet`);
        }
        return run(to.membership);
      },
    );
  }
}
