import type { BatchStep, StepOutcome } from './batch-run.ts';
import { encodeChanges } from './result-encoder.ts';
import type { SqlStream } from './sql-stream.ts';
import { encodeColumns, encodeRow } from './values.ts';
import type { WireBatch } from './wire-types.ts';

/** The entries of a cursor as JSON texts. A step runs when its first entry is asked for. */
export class CursorEntries {
  readonly #entries: AsyncGenerator<string>;
  #done = false;

  constructor(stream: SqlStream, batch: WireBatch) {
    this.#entries = entriesOf(stream, batch);
  }

  /** Whether the last entry was given. */
  get isDone(): boolean {
    return this.#done;
  }

  /** The next entries, at most `count`; none after the last. */
  async next(count: number): Promise<string[]> {
    const entries: string[] = [];
    while (entries.length < count && !this.#done) {
      const { value, done } = await this.#entries.next();
      this.#done = done === true;
      if (value !== undefined) {
        entries.push(value);
      }
    }
    return entries;
  }
}

/** What goes wrong with the whole batch is its last entry. */
async function* entriesOf(stream: SqlStream, batch: WireBatch): AsyncGenerator<string> {
  let index = 0;
  try {
    for await (const { outcome, step } of stream.steps(batch)) {
      yield* entriesOfStep(stream, { outcome, step, index });
      index += 1;
    }
  } catch (error) {
    yield `{"type":"error","error":${stream.encodeError(error)}}`;
  }
}

interface FinishedStep {
  readonly outcome: StepOutcome;
  readonly step: BatchStep;
  readonly index: number;
}

function* entriesOfStep(stream: SqlStream, { outcome, step, index }: FinishedStep): Generator<string> {
  if (outcome === undefined) {
    return;
  }
  if ('error' in outcome) {
    yield `{"type":"step_error","step":${index},"error":${stream.encodeError(outcome.error)}}`;
    return;
  }
  const { execution } = outcome;
  yield `{"type":"step_begin","step":${index},"cols":${encodeColumns(execution.result)}}`;
  for (const row of step.wantRows ? execution.result.rows : []) {
    yield `{"type":"row","row":${encodeRow(row)}}`;
  }
  yield `{"type":"step_end",${encodeChanges(execution, step.ready().text)}}`;
}
