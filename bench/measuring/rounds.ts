import { median } from './median.ts';

/** One of those that are compared. */
export interface Contestant {
  readonly name: string;
  /** Runs once and returns what was reached, in `unit`s. */
  measure(seconds: number): Promise<number>;
}

export interface RoundOptions {
  readonly rounds: number;
  /** How long each contestant runs in each round. */
  readonly seconds: number;
  readonly unit: string;
  readonly print: (line: string) => void;
}

/** How long each contestant runs before the first round, so that code is compiled and files are in memory. */
const warmUpSeconds = 1;

/** What each contestant reached, by name, one value for each round. */
export type Results = ReadonlyMap<string, readonly number[]>;

/**
 * Runs all contestants one after the other, round after round. What disturbs the machine for a while then disturbs all
 * of them, and the ratio of two values of one round is worth more than the ratio of two means.
 */
export async function runRounds(contestants: readonly Contestant[], options: RoundOptions): Promise<Results> {
  const results = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
  for (const contestant of contestants) {
    await contestant.measure(warmUpSeconds);
  }
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const { name, measure } of contestants) {
      results.get(name)?.push(await measure(options.seconds));
    }
    options.print(`round ${round}: ${describeRound(results, round - 1, options.unit)}`);
  }
  for (const [name, values] of results) {
    options.print(`${name}: median ${formatNumber(median(values))} ${options.unit}`);
  }
  return results;
}

function describeRound(results: Results, index: number, unit: string): string {
  return [...results]
    .map(([name, values]) => `${name} ${formatNumber(values[index] ?? Number.NaN)} ${unit}`)
    .join(', ');
}

/** Three significant digits or whole numbers, with separators: for people. */
export function formatNumber(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: Math.abs(value) < 100 ? 2 : 0 });
}

/** The values of a contestant. */
export function valuesOf(results: Results, name: string): readonly number[] {
  const values = results.get(name);
  if (values === undefined) {
    throw new Error(`no contestant is called ${name}`);
  }
  return values;
}
