/**
 * `npm run simulate`: whole clusters under seeds.
 *
 * `--seeds N` runs seeds 1 to N, or N from `--from`; `--seed N` runs one and says in detail what happened; `--writes N`
 * sets how many writes each run has. Ends with exit code 1 when a seed fails, and prints how to run it again.
 */
import { parseArgs } from 'node:util';
import { describeFailure } from './failure-report.ts';
import { Simulation, type SimulationResult } from './simulation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '20' },
    from: { type: 'string', default: '1' },
    writes: { type: 'string', default: '150' },
    trace: { type: 'boolean', default: false },
  },
});

const writes = Number(values.writes);

async function runOne(seed: number): Promise<SimulationResult> {
  const onTraceLine = values.trace ? (line: string) => console.log(line) : undefined;
  const result = await Simulation.run({ seed, writes, onTraceLine });
  const { counts, traceDigest, defects } = result;
  const ms = String(counts.simulatedMs).padStart(6);
  const figures = `${counts.transactions} transactions, ${counts.acknowledged} acknowledged, ${counts.unknown} in doubt, ${counts.cuts} cuts`;
  console.log(
    `seed ${seed}: ${defects.length === 0 ? 'well' : 'FAILED'}, ${ms} ms, ${figures}, trace ${traceDigest.slice(0, 16)}`,
  );
  if (defects.length > 0) {
    console.log(describeFailure(result));
  }
  return result;
}

const first = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.seeds) : 1;
const failed: number[] = [];
for (let seed = first; seed < first + count; seed += 1) {
  const { defects } = await runOne(seed);
  if (defects.length > 0) {
    failed.push(seed);
  }
}
console.log(failed.length === 0 ? `${count} seeds, all well` : `failed seeds: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
