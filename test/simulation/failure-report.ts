import { defaultWrites, type SimulationResult } from './simulation.ts';

/** What a person needs to see why a seed failed, with the command that runs it again. */
export function describeFailure({ seed, writes, defects, traceTail, counts }: SimulationResult): string {
  const option = writes === defaultWrites ? '' : ` --writes ${writes}`;
  return [
    `seed ${seed} failed after ${counts.events} events:`,
    ...defects.map((defect) => `  ${defect}`),
    'the end of its trace:',
    ...traceTail.map((line) => `  ${line}`),
    `run it again, with all of its trace: npm run simulate -- --seed ${seed}${option} --trace`,
  ].join('\n');
}
