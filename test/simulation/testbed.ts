import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { faithful, type Mutation } from './mutation.ts';
import type { NodeWorld } from './node-world.ts';
import type { SimulatedNode } from './simulated-node.ts';
import { SimulatedTime } from './simulated-time.ts';
import { Trace } from './trace.ts';

/** What any simulation is started with. */
export interface TestbedOptions {
  readonly seed: number;
  /** A defect put in on purpose. */
  readonly mutation?: Mutation | undefined;
  /** Called with every line of the trace. */
  readonly onTraceLine?: ((line: string) => void) | undefined;
}

/** What any simulation tells at its end. */
export interface TestbedResult {
  readonly seed: number;
  /** Everything that must not be; empty when all is well. */
  readonly defects: readonly string[];
  readonly traceDigest: string;
  /** The end of what happened. */
  readonly traceTail: readonly string[];
}

/** SQLite's files; the loss of power is simulated, so that memory will do, and does not wait for a disk. */
const folder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Where a simulation runs: its time and its folder, with the trace of what happens and the defects that show. */
export class Testbed {
  readonly directory: string;
  readonly time = new SimulatedTime();
  readonly trace: Trace;
  readonly #options: TestbedOptions;
  readonly #defects: string[] = [];
  readonly #maxDefects: number;

  /** @param maxDefects after which time does not go on: what follows from them teaches nothing */
  constructor(name: string, options: TestbedOptions, maxDefects: number) {
    this.directory = mkdtempSync(path.join(folder, `quorate-${name}-`));
    this.trace = new Trace(() => this.time.nowMs, this.directory, options.onTraceLine);
    this.#options = options;
    this.#maxDefects = maxDefects;
  }

  get isFlawless(): boolean {
    return this.#defects.length === 0;
  }

  /** What its nodes share, of which it gives the most. */
  nodeWorld(own: Pick<NodeWorld, 'network' | 'databaseLimits' | 'replicationLimits' | 'sendsEagerly'>): NodeWorld {
    const { network, databaseLimits, replicationLimits, sendsEagerly } = own;
    const { seed, mutation = faithful } = this.#options;
    return {
      ...{ seed, time: this.time, network, trace: this.trace, mutation },
      ...{ databaseLimits, replicationLimits, sendsEagerly },
      onDefect: (what) => this.defect(what),
    };
  }

  defect(what: string): void {
    this.trace.add('DEFECT', what);
    this.#defects.push(`at ${this.time.nowMs.toFixed(3)} ms: ${what}`);
  }

  /** Lets time pass until `done`, or until there are too many defects; `watch` looks at the world after each event. */
  advance(durationMs: number, watch: () => Promise<void>, done: () => boolean): Promise<void> {
    const isEnough = () => this.#defects.length >= this.#maxDefects || done();
    return this.time.run(this.time.nowMs + durationMs, watch, isEnough);
  }

  result(): TestbedResult {
    return {
      ...{ seed: this.#options.seed, defects: this.#defects },
      ...{ traceDigest: this.trace.digest(), traceTail: this.trace.tail(60) },
    };
  }

  /** Lets go of all files, and removes them. */
  async end(nodes: readonly SimulatedNode[]): Promise<void> {
    for (const node of nodes) {
      node.end();
    }
    await new Promise((resolve) => setImmediate(resolve));
    rmSync(this.directory, { recursive: true, force: true });
  }
}
