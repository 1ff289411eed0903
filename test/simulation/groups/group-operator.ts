import type { GroupConfig, GroupMember } from '../../../src/cluster/interface.ts';
import type { Chance } from '../chance.ts';
import { world } from '../simulated-time.ts';
import { type DataNode, withMember } from './data-node.ts';
import type { GroupWorld } from './group-world.ts';

/** Milliseconds between two looks. */
const roundMs = 400;

/** The person who looks after a group: changes the primary, the members and the level, and in the end has all members back. */
export class GroupOperator {
  readonly #world: GroupWorld;
  readonly #nodes: readonly DataNode[];
  readonly #chance: Chance;
  #isFinishing = false;
  #isBusy = false;
  switchovers = 0;
  changes = 0;

  constructor(groupWorld: GroupWorld, nodes: readonly DataNode[], chance: Chance) {
    this.#world = groupWorld;
    this.#nodes = nodes;
    this.#chance = chance;
  }

  start(): void {
    this.#world.nodes.time.after(roundMs, world, () => {
      this.#round();
      this.start();
    });
  }

  /** From now on the group becomes what it was at first. */
  finish(): void {
    this.#isFinishing = true;
  }

  /** Whether all members are there, and count. */
  get isWhole(): boolean {
    const members = this.#leader?.membership?.config?.members ?? [];
    return members.length === this.#world.plan.config.members.length && members.every(({ learner }) => !learner);
  }

  get #leader(): DataNode | undefined {
    return this.#nodes.find(({ leads }) => leads);
  }

  #round(): void {
    const leader = this.#leader;
    if (leader === undefined || this.#isBusy) {
      return;
    }
    if (this.#isFinishing || this.#chance.happens(0.1)) {
      this.#bringBack(leader);
    } else if (this.#world.plan.hasOperator && this.#chance.happens(0.25)) {
      const order = this.#chance.happens(0.6) ? this.#switchOver : this.#change;
      order.call(this, leader);
    }
  }

  #switchOver(leader: DataNode): void {
    const others = this.#nodes.filter((node) => node !== leader);
    this.#run(
      leader,
      'a switchover',
      () => leader.switchOver(this.#chance.pick(others).name),
      () => {
        this.switchovers += 1;
      },
    );
  }

  #change(leader: DataNode): void {
    const { members } = leader.membership?.config ?? { members: [] };
    const followers = members.filter(({ nodeId, witness }) => nodeId !== leader.name && !witness);
    const chosen = followers.length === 0 ? undefined : this.#chance.pick(followers);
    const leaseMs = this.#chance.pick([500, 1_000, 1_500]);
    const change = this.#chance.pick<(config: GroupConfig) => GroupConfig>([
      (config) => ({ ...config, failover: { ...config.failover, leaseMs } }),
      (config) => without(config, chosen),
      (config) => (chosen === undefined ? config : withMember(config, { ...chosen, nosync: !chosen.nosync })),
    ]);
    this.#run(
      leader,
      'a change of the group',
      () => leader.change(change),
      () => {
        this.changes += 1;
      },
    );
  }

  /** One who left joins again, and whoever did not count does. */
  #bringBack(leader: DataNode): void {
    const { config } = leader.membership ?? {};
    const missing = this.#world.plan.config.members.find((wanted) => !isThere(config, wanted));
    if (missing !== undefined) {
      const known = config?.members.some(({ nodeId }) => nodeId === missing.nodeId);
      const learner = !known && !missing.witness;
      this.#run(leader, 'a member', () => leader.change((before) => withMember(before, { ...missing, learner })));
    }
  }

  #run(leader: DataNode, what: string, action: () => Promise<void>, onDone: () => void = () => {}): void {
    const { process } = leader;
    const { time, trace } = this.#world.nodes;
    this.#isBusy = true;
    trace.add('operator', `asks ${leader.name} for ${what}`);
    // Whoever dies meanwhile never answers.
    const limit = time.after(12_000, world, () => {
      this.#isBusy = false;
    });
    time.after(this.#chance.between(0, 2), process ?? world, () => {
      action()
        .then(onDone, leader.traceFailure(what))
        .finally(() => {
          limit.cancel();
          this.#isBusy = false;
        });
    });
  }
}

function isThere(config: GroupConfig | undefined, { nodeId, nosync }: GroupMember): boolean {
  return config?.members.some((member) => member.nodeId === nodeId && member.nosync === nosync) === true;
}

function without(config: GroupConfig, member: GroupMember | undefined): GroupConfig {
  return { ...config, members: config.members.filter(({ nodeId }) => nodeId !== member?.nodeId) };
}
