/**
 * `npm run simulate`: whole clusters under seeds; README.md beside this file tells how they work.
 *
 * `--groups` runs groups that elect their primary. `--seeds N` runs so many, from `--from` on; `--seed N` runs one;
 * `--minutes N` runs as many as there is time for; `--writes N` sets how many writes each run without `--groups` has;
 * `--trace` prints everything that happens. Ends with exit code 1 when a seed fails, and says how to run it again.
 */
import { parseArgs } from 'node:util';
import { describeFailure } from './failure-report.ts';
import { describeGroupFailure, summarizeGroup } from './groups/group-report.ts';
import { GroupSimulation } from './groups/group-simulation.ts';
import { defaultWrites, Simulation, type SimulationResult } from './simulation.ts';

const { values } = parseArgs({
  options: {
    groups: { type: 'boolean', default: false },
    seed: { type: 'string' },
    seeds: { type: 'string', default: '20' },
    from: { type: 'string', default: '1' },
    minutes: { type: 'string' },
    writes: { type: 'string', default: String(defaultWrites) },
    trace: { type: 'boolean', default: false },
  },
});

function numberOf(name: 'seed' | 'seeds' | 'from' | 'writes' | 'minutes'): number {
  const number = Number(values[name]);
  if (!Number.isSafeInteger(number) || number < 1) {
    throw new Error(`--${name} takes an integer of at least 1, not ${values[name]}`);
  }
  return number;
}

function summaryOf({ seed, counts, defects, traceDigest }: SimulationResult): string {
  return [
    `seed ${seed}: ${defects.length === 0 ? 'well' : 'FAILED'}`,
    `${counts.simulatedMs} ms in ${counts.events} events`,
    `${counts.transactions} transactions`,
    `${counts.acknowledged} writes acknowledged, ${counts.refused} refused, ${counts.unknown} in doubt, ${counts.lost} lost`,
    `${counts.observations} reads`,
    `${counts.cuts} cuts, ${counts.installs} snapshots, ${counts.failovers} failovers, ${counts.ackChanges} changes of the level`,
    `trace ${traceDigest.slice(0, 16)}`,
  ].join(', ');
}

const first = numberOf(values.seed === undefined ? 'from' : 'seed');
const untilMs = values.minutes === undefined ? undefined : performance.now() + numberOf('minutes') * 60_000;
const count = values.seed === undefined ? numberOf('seeds') : 1;
const writes = numberOf('writes');
const onTraceLine = values.trace ? (line: string) => console.log(line) : undefined;

/** Runs a seed and tells of it. Returns whether all was well. */
async function run(seed: number): Promise<boolean> {
  if (values.groups) {
    const result = await GroupSimulation.run({ seed, onTraceLine });
    console.log(summarizeGroup(result));
    return tell(result.defects, () => describeGroupFailure(result));
  }
  const result = await Simulation.run({ seed, writes, onTraceLine });
  console.log(summaryOf(result));
  return tell(result.defects, () => describeFailure(result));
}

function tell(defects: readonly string[], describe: () => string): boolean {
  if (defects.length > 0) {
    console.log(describe());
  }
  return defects.length === 0;
}

function isEnough(done: number): boolean {
  return untilMs === undefined ? done >= count : performance.now() >= untilMs;
}

const failed: number[] = [];
let seed = first;
for (; !isEnough(seed - first); seed += 1) {
  if (!(await run(seed))) {
    failed.push(seed);
  }
}
console.log(failed.length === 0 ? `${seed - first} seeds, all well` : `failed seeds: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
