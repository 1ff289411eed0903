/**
 * Rounds in which real processes are killed and stopped at random moments, in every state of replication.
 *
 * `KILL_MATRIX_SEED=N` repeats the choices of a run, and `KILL_MATRIX_ROUND=I` runs only the round of that number in each test:
 * every round has random numbers of its own.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSeededRandom, type Random } from '../../src/runtime/interface.ts';
import type { MatrixCluster } from './matrix-cluster.ts';
import type { MatrixNode } from './matrix-node.ts';

const seed = Number(process.env['KILL_MATRIX_SEED'] ?? Date.now() % 1_000_000);
const onlyRound = process.env['KILL_MATRIX_ROUND'];

/** 200 in all. */
export const rounds = { streaming: 80, copying: 35, installing: 35, rewinding: 30, cutting: 20 } as const;

export type Scenario = keyof typeof rounds;

/** Share of the rounds of a state whose fault must have met it: moments are random, and a state may pass before. */
const leastShare = 0.5;

/** SIGKILL; SIGSTOP and later SIGCONT; SIGSTOP and later SIGKILL. */
type Fault = 'kill' | 'pause' | 'pause-kill';

const faults: readonly Fault[] = ['kill', 'pause', 'pause-kill'];

/** Milliseconds that a node stands still; now and then so long that the others take it for dead. */
const pauseMs = { low: 20, high: 300 };
const longPauseMs = { low: 1_100, high: 1_500 };
const longPauseShare = 0.1;

export class Round {
  readonly index: number;
  readonly #random: Random;

  constructor(scenario: Scenario, index: number) {
    this.index = index;
    this.#random = createSeededRandom(seed * 10_007 + Object.keys(rounds).indexOf(scenario) * 1_009 + index);
    // Seeds that are close begin alike.
    this.#random.next();
  }

  between(low: number, high: number): number {
    return low + this.#random.next() * (high - low);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random.next() * choices.length)] as T;
  }

  /** Waits for a random moment. */
  moment(withinMs: number): Promise<void> {
    return sleep(this.between(0, withinMs));
  }

  fault(): Fault {
    return this.pick(faults);
  }

  pauseMs(): number {
    const { low, high } = this.#random.next() < longPauseShare ? longPauseMs : pauseMs;
    return this.between(low, high);
  }
}

/** Counts in which state a replica was at the moment of each fault. */
export class Hits {
  readonly #t: TestContext;
  readonly #counts = new Map<string, number>();

  constructor(t: TestContext) {
    this.#t = t;
  }

  note(state: string): void {
    this.#counts.set(state, (this.#counts.get(state) ?? 0) + 1);
  }

  report(): void {
    this.#t.diagnostic(`at the moment of the fault: ${JSON.stringify(Object.fromEntries(this.#counts))}`);
  }

  /** Of so many rounds that aimed at a state, enough must have met it. */
  assertMet(state: string, aimed: number): void {
    const met = this.#counts.get(state) ?? 0;
    assert.ok(onlyRound !== undefined || met >= aimed * leastShare, `only ${met} of ${aimed} faults met ${state}`);
  }
}

/** Runs the rounds of a test on one cluster; one that fails says how to run it again. */
export async function runRounds(
  t: TestContext,
  scenario: Scenario,
  cluster: MatrixCluster,
  run: (round: Round) => Promise<void>,
): Promise<void> {
  t.diagnostic(`KILL_MATRIX_SEED=${seed}`);
  const indices = onlyRound === undefined ? Array.from({ length: rounds[scenario] }, (_, i) => i) : [Number(onlyRound)];
  for (const index of indices) {
    try {
      await run(new Round(scenario, index));
    } catch (error) {
      throw new Error(`failed with KILL_MATRIX_SEED=${seed} KILL_MATRIX_ROUND=${index}`, { cause: error });
    }
  }
  await cluster.assertAllKept();
  const { committed, inDoubt, refused } = cluster.ledger;
  t.diagnostic(`${committed} writes committed, ${inDoubt} in doubt, ${refused} refused`);
}

export interface Strike {
  readonly victims: readonly MatrixNode[];
  /** The replica whose state counts. */
  readonly subject: MatrixNode;
  readonly hits: Hits;
}

/** A fault at this moment; while the victims are dead or stand still, promises to clients are compared with what replicas hold. */
export async function strike(round: Round, cluster: MatrixCluster, { victims, subject, hits }: Strike): Promise<void> {
  const before = subject.replicatorState;
  await halt(round, victims, async () => {
    // What a halted server has logged last was true when it halted.
    hits.note(victims.includes(subject) ? subject.replicatorState : before);
    await cluster.assertHeld();
  });
}

/**
 * Halts nodes at one moment, lets somebody look at what the fault has left, and brings the nodes back.
 * @param look runs while all victims are dead or stand still
 */
async function halt(round: Round, victims: readonly MatrixNode[], look: () => Promise<void>): Promise<void> {
  const fault = round.fault();
  const still = round.pauseMs();
  await Promise.all(victims.map((victim) => (fault === 'kill' ? victim.kill() : victim.pause())));
  await look();
  if (fault !== 'kill') {
    await sleep(still);
  }
  if (fault === 'pause') {
    for (const victim of victims) {
      victim.resume();
    }
    return;
  }
  if (fault === 'pause-kill') {
    await Promise.all(victims.map((victim) => victim.kill()));
  }
  await Promise.all(victims.map((victim) => victim.restart()));
}
