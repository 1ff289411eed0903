/** Rounds of a matrix: each has a seed of its own, so that any of them can be run alone. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createSeededRandom, type Random } from '../../src/runtime/interface.ts';
import type { MatrixNode } from './matrix-node.ts';

/** SIGKILL; SIGSTOP and later SIGCONT; SIGSTOP and later SIGKILL. */
export type Fault = 'kill' | 'pause' | 'pause-kill';

const faults: readonly Fault[] = ['kill', 'pause', 'pause-kill'];

/** Milliseconds that a node stands still; now and then so long that the others take it for dead. */
const pauseMs = { low: 20, high: 300 };
const longPauseMs = { low: 1_100, high: 1_500 };
const longPauseShare = 0.1;

export class Round {
  readonly index: number;
  readonly #random: Random;

  constructor(seed: number, scenario: number, index: number) {
    this.index = index;
    this.#random = createSeededRandom(seed * 10_007 + scenario * 1_009 + index);
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

/**
 * Halts nodes at one moment, lets somebody look at what the fault has left, and brings the nodes back.
 * @param look runs while all victims are dead or stand still
 */
export async function strike(
  round: Round,
  victims: readonly MatrixNode[],
  look: () => Promise<void> | void,
): Promise<void> {
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
