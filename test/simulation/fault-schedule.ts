import type { Chance } from './chance.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { SimulatedNode } from './simulated-node.ts';
import { type SimulatedTime, world } from './simulated-time.ts';
import type { Trace } from './trace.ts';

export interface FaultScheduleOptions {
  readonly nodes: readonly SimulatedNode[];
  readonly cluster: { readonly primary: SimulatedNode };
  readonly network: SimulatedNetwork;
  readonly time: SimulatedTime;
  readonly chance: Chance;
  readonly trace: Trace;
  /** Mean time between two faults, in milliseconds. */
  readonly meanIntervalMs: number;
}

/** Everything that goes wrong, at random moments, until it is told to stop. */
export class FaultSchedule {
  readonly #options: FaultScheduleOptions;
  #stopped = false;

  constructor(options: FaultScheduleOptions) {
    this.#options = options;
  }

  start(): void {
    const { time, chance, meanIntervalMs } = this.#options;
    time.after(-Math.log(1 - chance.random.next()) * meanIntervalMs, world, () => {
      if (!this.#stopped) {
        this.#fault();
        this.start();
      }
    });
  }

  /** From now on everything gets well. */
  stop(): void {
    this.#stopped = true;
    this.#options.network.maxDelayMs = 2;
    for (const node of this.#options.nodes) {
      node.heal();
    }
  }

  #fault(): void {
    const { chance, nodes, network, trace } = this.#options;
    const node = chance.pick(nodes);
    const faults: readonly (readonly [weight: number, name: string, run: () => void])[] = [
      [3, 'kill', () => node.crash('kill', this.#downMs())],
      [3, 'power', () => node.crash('power', this.#downMs())],
      [6, 'stop the writer', () => this.#stopWriter(node)],
      [6, 'lose an fsync', () => this.#loseFsync()],
      [4, 'stop the process', () => node.planEnd(12)],
      [1, 'stop in order', () => node.stop(this.#downMs())],
      [2, 'pause', () => node.pause(chance.between(10, chance.happens(0.2) ? 20_000 : 500))],
      [1, 'clock', () => node.setClockError(chance.between(-60_000, 60_000))],
      [1, 'fail an fsync', () => node.failFsync()],
      [3, 'checkpoint', () => node.checkpoint()],
      [1, 'full disk', () => node.fillDisk(chance.between(50, 3_000))],
      [4, 'network', () => trace.add('network', network.disturb())],
      [1, 'partition', () => network.part(node, chance.pick(nodes), chance.between(100, 20_000))],
      [1, 'delay', () => this.#delay()],
    ];
    const chosen = pickWeighted(chance, faults);
    trace.add('fault', `${chosen[1]} ${node.name}`);
    chosen[2]();
  }

  #stopWriter(node: SimulatedNode): void {
    const { chance } = this.#options;
    const moment = chance.pick(['before', 'within', 'after'] as const);
    node.planStop({ callsBefore: chance.integer(0, 12), moment, crash: chance.pick(['kill', 'power']) });
  }

  /** The primary loses what replicas have received of it already. */
  #loseFsync(): void {
    const { chance, cluster } = this.#options;
    const callsBefore = chance.integer(0, 2);
    cluster.primary.planStop({ callsBefore, call: 'sync', moment: 'before', crash: 'power' });
  }

  #downMs(): number {
    const { chance } = this.#options;
    return chance.happens(0.1) ? chance.between(5_000, 30_000) : chance.between(5, 2_000);
  }

  #delay(): void {
    const { chance, network } = this.#options;
    network.maxDelayMs = chance.pick([0.2, 2, 20, 200]);
  }
}

export function pickWeighted<T extends readonly [weight: number, ...unknown[]]>(
  chance: Chance,
  choices: readonly T[],
): T {
  let left = chance.between(
    0,
    choices.reduce((sum, [weight]) => sum + weight, 0),
  );
  for (const choice of choices) {
    left -= choice[0];
    if (left < 0) {
      return choice;
    }
  }
  return choices.at(-1) as T;
}
