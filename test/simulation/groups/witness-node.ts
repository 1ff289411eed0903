import { GroupStore, Membership } from '../../../src/cluster/interface.ts';
import { SimulatedFileSystem } from '../../../src/runtime/interface.ts';
import { Chance } from '../chance.ts';
import { Life, simulatedRuntime, traceLogger } from '../node-life.ts';
import { world } from '../simulated-time.ts';
import { database } from './group-plan.ts';
import { type GroupWorld, simulatedCoordinator } from './group-world.ts';
import { type Member, SimulatedPeers } from './simulated-peers.ts';

/** A member without data: it only votes. */
export class WitnessNode implements Member {
  readonly name: string;
  readonly #world: GroupWorld;
  readonly #chance: Chance;
  #life: Life | undefined;
  #membership: Membership | undefined;

  constructor(name: string, groupWorld: GroupWorld) {
    this.name = name;
    this.#world = groupWorld;
    this.#chance = new Chance(groupWorld.nodes.seed, `node ${name}`);
  }

  get process() {
    return this.#life;
  }

  get membership() {
    return this.#membership;
  }

  start(): void {
    const { nodes, plan, calls } = this.#world;
    const life = new Life();
    const self = { name: this.name, process: life };
    const runtime = simulatedRuntime({
      ...{ time: nodes.time, life, clockRate: plan.clockRates[this.name] ?? 1, random: this.#chance.random },
      files: new SimulatedFileSystem(this.#chance.random),
      logger: traceLogger(life, (what) => nodes.trace.add(this.name, what)),
      clockErrorMs: () => 0,
    });
    this.#life = life;
    this.#membership = new Membership({
      ...{ database, nodeId: this.name, runtime: nodes.mutation.runtime(runtime), local: undefined },
      store: new GroupStore(simulatedCoordinator(this.#world, self), database),
      peers: new SimulatedPeers(calls, self, (name) => this.#world.member(name)),
      onDecision: () => {},
      onLeader: () => {},
    });
  }

  pause(durationMs: number): void {
    if (this.#life !== undefined) {
      this.#life.pausedUntilMs = this.#world.nodes.time.nowMs + durationMs;
    }
  }

  crash(downMs: number): void {
    const life = this.#life;
    if (life !== undefined) {
      life.alive = false;
      this.#life = undefined;
      this.#membership = undefined;
      this.#world.calls.lose(life);
      this.#world.nodes.time.after(downMs, world, () => this.start());
    }
  }
}
