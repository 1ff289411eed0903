import type { GroupResult } from './group-simulation.ts';

/** What a person needs to see why a seed failed, with the command that runs it again. */
export function describeGroupFailure({ seed, defects, traceTail, counts }: GroupResult): string {
  return [
    `seed ${seed} of groups failed after ${counts.events} events:`,
    ...defects.map((defect) => `  ${defect}`),
    'the end of its trace:',
    ...traceTail.map((line) => `  ${line}`),
    `run it again, with all of its trace: npm run simulate -- --groups --seed ${seed} --trace`,
  ].join('\n');
}

export function summarizeGroup({ seed, counts, defects, traceDigest }: GroupResult): string {
  return [
    `seed ${seed}: ${defects.length === 0 ? 'well' : 'FAILED'}`,
    `${counts.simulatedMs} ms in ${counts.events} events`,
    `${counts.transactions} transactions in ${counts.terms} terms`,
    `${counts.calls} calls, of which ${counts.answered} were answered and ${counts.unknown} are in doubt`,
    `${counts.switchovers} switchovers, ${counts.changes} changes of the group, ${counts.saved} changes saved`,
    `trace ${traceDigest.slice(0, 16)}`,
  ].join(', ');
}
