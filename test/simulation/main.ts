/**
 * `npm run simulate`: whole clusters under seeds; README.md beside this file tells how they work.
 *
 * `--seeds N` runs so many, from `--from` on; `--seed N` runs one; `--writes N` sets how many writes each run has;
 * `--trace` prints everything that happens. Ends with exit code 1 when a seed fails, and says how to run it again.
 */
import { parseArgs } from 'node:util';
import { describeFailure } from './failure-report.ts';
import { defaultWrites, Simulation, type SimulationResult } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '20' },
    from: { type: 'string', default: '1' },
    writes: { type: 'string', default: String(defaultWrites) },
    trace: { type: 'boolean', default: false },
  },
});

function numberOf(name: 'seed' | 'seeds' | 'from' | 'writes'): number {
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
const count = values.seed === undefined ? numberOf('seeds') : 1;
const writes = numberOf('writes');
const onTraceLine = values.trace ? (line: string) => console.log(line) : undefined;
const failed: number[] = [];
for (let seed = first; seed < first + count; seed += 1) {
  const result = await Simulation.run({ seed, writes, onTraceLine });
  console.log(summaryOf(result));
  if (result.defects.length > 0) {
    failed.push(seed);
    console.log(describeFailure(result));
  }
}
console.log(failed.length === 0 ? `${count} seeds, all well` : `failed seeds: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
