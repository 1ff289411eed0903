import type { KeyOrder } from '../nodes/item-table.ts';
import type { Report } from './report.ts';

export interface BenchmarkOptions {
  /** How often each contestant runs. */
  readonly rounds: number;
  /** How long it runs each time. */
  readonly seconds: number;
  readonly keys: KeyOrder;
  /** An empty folder for everything that the benchmark writes; removed afterwards. */
  readonly directory: string;
  readonly report: Report;
}

/** Answers one question. */
export interface Benchmark {
  readonly question: string;
  readonly rounds: number;
  readonly seconds: number;
  run(options: BenchmarkOptions): Promise<void>;
}
