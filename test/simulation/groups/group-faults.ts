import type { Chance } from '../chance.ts';
import { pickWeighted } from '../fault-schedule.ts';
import type { SimulatedNetwork } from '../simulated-network.ts';
import { world } from '../simulated-time.ts';
import type { DataNode } from './data-node.ts';
import type { GroupWorld } from './group-world.ts';
import type { WitnessNode } from './witness-node.ts';

export interface GroupFaultsOptions {
  readonly world: GroupWorld;
  readonly nodes: readonly DataNode[];
  readonly witness: WitnessNode | undefined;
  readonly network: SimulatedNetwork;
  readonly chance: Chance;
}

/** Everything that goes wrong with a group, at random moments, until it is told to stop. */
export class GroupFaults {
  readonly #options: GroupFaultsOptions;
  #stopped = false;

  constructor(options: GroupFaultsOptions) {
    this.#options = options;
  }

  start(): void {
    const { chance, world: shared } = this.#options;
    const waitMs = -Math.log(1 - chance.random.next()) * shared.plan.faultIntervalMs;
    shared.nodes.time.after(waitMs, world, () => {
      if (!this.#stopped) {
        this.#fault();
        this.start();
      }
    });
  }

  /** From now on everything gets well. */
  stop(): void {
    const { world: shared, network, nodes, witness } = this.#options;
    this.#stopped = true;
    network.heal();
    shared.calls.heal();
    shared.coordinator.fail(0);
    witness?.pause(0);
    for (const { node } of nodes) {
      node.heal();
    }
  }

  /** Half of what goes wrong happens to whoever leads. */
  #victim(): DataNode {
    const { chance, nodes } = this.#options;
    const leader = nodes.find(({ leads }) => leads);
    return leader !== undefined && chance.happens(0.5) ? leader : chance.pick(nodes);
  }

  #fault(): void {
    const { chance, world: shared, witness, network } = this.#options;
    const victim = this.#victim();
    const { node, name } = victim;
    const faults: readonly (readonly [weight: number, name: string, run: () => void])[] = [
      [3, 'kill', () => node.crash('kill', this.#downMs())],
      [3, 'power', () => node.crash('power', this.#downMs())],
      [3, 'stop the writer', () => this.#stopWriter(victim)],
      [2, 'lose an fsync', () => node.planStop({ callsBefore: chance.integer(0, 2), ...lostFsync })],
      [2, 'stop the process', () => node.planEnd(8)],
      [1, 'stop in order', () => node.stop(this.#downMs())],
      [5, 'pause', () => node.pause(this.#longMs())],
      [4, 'clock', () => node.setClockError(chance.between(-60_000, 60_000))],
      [1, 'fail an fsync', () => node.failFsync()],
      [1, 'full disk', () => node.fillDisk(chance.between(50, 3_000))],
      [2, 'network', () => shared.nodes.trace.add('network', network.disturb())],
      [3, 'partition', () => this.#part(victim, chance.pick(this.#options.nodes))],
      [3, 'one-way partition', () => this.#partOneWay(victim, chance.pick(this.#options.nodes))],
      [6, 'isolation', () => this.#isolate([victim], true)],
      [2, 'isolation of members', () => this.#isolate([victim], false)],
      [5, 'split', () => this.#isolate(this.#minority(victim), chance.happens(0.8))],
      [4, 'isolation with a clock that goes back', () => this.#isolateInThePast(victim)],
      [3, 'coordinator link', () => this.#cutCoordinator(victim)],
      [3, 'coordinator outage', () => shared.coordinator.fail(this.#longMs())],
      [2, 'weather', () => this.#weather()],
      [1, 'witness', () => this.#hurtWitness(witness)],
    ];
    const [, what, run] = pickWeighted(chance, faults);
    shared.nodes.trace.add('fault', `${what} ${name}`);
    run();
  }

  #stopWriter({ node }: DataNode): void {
    const { chance } = this.#options;
    const moment = chance.pick(['before', 'within', 'after'] as const);
    node.planStop({ callsBefore: chance.integer(0, 12), moment, crash: chance.pick(['kill', 'power']) });
  }

  #part(one: DataNode, other: DataNode): void {
    const { network, world: shared } = this.#options;
    const durationMs = this.#longMs();
    if (one !== other) {
      network.part(one, other, durationMs);
      shared.calls.cut(one.name, other.name, durationMs);
      shared.calls.cut(other.name, one.name, durationMs);
    }
  }

  #partOneWay(from: DataNode, to: DataNode): void {
    const { network, world: shared } = this.#options;
    const durationMs = this.#longMs();
    if (from !== to) {
      network.partOneWay(from, to, durationMs);
      shared.calls.cut(from.name, to.name, durationMs);
    }
  }

  /** Fewer than half of the nodes, with one of them. */
  #minority(victim: DataNode): DataNode[] {
    const { chance, nodes } = this.#options;
    const durable = ({ database }: DataNode) => database?.positions().durable ?? 0;
    const others = nodes.filter((node) => node !== victim).sort((a, b) => durable(b) - durable(a));
    const [furthest] = others;
    const second = chance.happens(0.7) && furthest !== undefined ? furthest : chance.pick(others);
    return nodes.length < 4 ? [victim] : [victim, second];
  }

  /** Somebody sets the clock of a machine that has just been cut off. */
  #isolateInThePast(victim: DataNode): void {
    this.#isolate([victim], true);
    victim.node.setClockError(this.#options.chance.between(-120_000, -60_000));
  }

  /** Nodes that only each other, clients and perhaps the coordinator still reach. */
  #isolate(inside: readonly DataNode[], fromCoordinator: boolean): void {
    const { network, world: shared, nodes, witness, chance } = this.#options;
    const durationMs = chance.happens(0.3) ? this.#longMs() : chance.between(1_500, 8_000);
    const outside = nodes.filter((node) => !inside.includes(node));
    const beyond = [...(witness === undefined ? [] : [witness]), ...(fromCoordinator ? [shared.coordinator] : [])];
    for (const one of inside) {
      for (const other of outside) {
        network.part(one, other, durationMs);
      }
      for (const { name } of [...outside, ...beyond]) {
        shared.calls.cut(one.name, name, durationMs);
        shared.calls.cut(name, one.name, durationMs);
      }
    }
  }

  /** Requests do not get there, or answers do not come back, or neither. */
  #cutCoordinator({ name }: DataNode): void {
    const { chance, world: shared } = this.#options;
    const durationMs = this.#longMs();
    const way = chance.pick(['there', 'back', 'both']);
    if (way !== 'back') {
      shared.calls.cut(name, shared.coordinator.name, durationMs);
    }
    if (way !== 'there') {
      shared.calls.cut(shared.coordinator.name, name, durationMs);
    }
  }

  #weather(): void {
    const { chance, network, world: shared } = this.#options;
    const delayMs = chance.pick([0.2, 2, 20, 200]);
    network.maxDelayMs = delayMs;
    shared.calls.maxDelayMs = delayMs;
    shared.calls.lossShare = chance.pick([0, 0.05, 0.3]);
  }

  #hurtWitness(witness: WitnessNode | undefined): void {
    const { chance } = this.#options;
    if (chance.happens(0.5)) {
      witness?.pause(this.#longMs());
    } else {
      witness?.crash(this.#downMs());
    }
  }

  /** Longer than a lease, or not. */
  #longMs(): number {
    const { chance } = this.#options;
    return chance.happens(0.3) ? chance.between(10, 500) : chance.between(500, 6_000);
  }

  #downMs(): number {
    const { chance } = this.#options;
    return chance.happens(0.2) ? chance.between(2_000, 8_000) : chance.between(5, 1_500);
  }
}

const lostFsync = { call: 'sync', moment: 'before', crash: 'power' } as const;
