import type { StatementText } from '../../sqlite/interface.ts';
import { noteFailure } from '../grpc/rpc.ts';
import { type BatchStep, runBatch, type StepOutcome } from './batch-run.ts';
import type { DatabaseAccess } from './database-access.ts';
import type { HranaContext } from './hrana-context.ts';
import { encodeDescription, encodeResult } from './result-encoder.ts';
import { type ReadyStatement, SqlSession } from './sql-session.ts';
import type { SqlStore } from './sql-store.ts';
import { bound } from './sql-texts.ts';
import { ResponseBudget } from './values.ts';
import { wireError } from './wire-error.ts';
import type { StreamRequest, WireBatch, WireStatement, WireWishes } from './wire-types.ts';

/** One stream of Hrana: a session, and the SQL texts that its requests may refer to. Requests must not overlap. */
export class SqlStream {
  readonly session: SqlSession;
  readonly store: SqlStore;
  readonly #context: HranaContext;

  /** @param store the connection's own, or one of the stream alone */
  constructor(context: HranaContext, access: DatabaseAccess, store: SqlStore) {
    this.#context = context;
    this.session = new SqlSession(access);
    this.store = store;
  }

  newBudget(): ResponseBudget {
    return new ResponseBudget(this.#context.limits.hranaMaxResponseBytes);
  }

  /** Runs a request and gives the `response` as JSON text. @throws QuorateError */
  async run(request: StreamRequest, budget: ResponseBudget): Promise<string> {
    switch (request.type) {
      case 'execute':
        return `{"type":"execute","result":${await this.execute(request.statement, budget)}}`;
      case 'batch':
        return `{"type":"batch","result":${await this.batch(request.batch, budget)}}`;
      case 'sequence':
        await this.#sequence(request);
        return '{"type":"sequence"}';
      case 'describe':
        return `{"type":"describe","result":${await this.#describe(request)}}`;
      case 'get_autocommit':
        return `{"type":"get_autocommit","is_autocommit":${this.session.isAutocommit}}`;
    }
  }

  /** Runs one statement and gives its result as JSON text. */
  async execute(statement: WireStatement, budget: ResponseBudget): Promise<string> {
    await this.#waitFor(statement.waitForTxId, statement.wishes);
    const ready = this.#ready(statement);
    const execution = await this.session.execute(ready, statement.wishes);
    return encodeResult(execution, ready.text, { wantRows: statement.wantRows, budget });
  }

  /** Runs a batch and gives its result as JSON text. */
  async batch(batch: WireBatch, budget: ResponseBudget): Promise<string> {
    const results: string[] = [];
    const errors: string[] = [];
    for await (const { outcome, step } of this.steps(batch)) {
      const [result, error] = this.#encodeOutcome(outcome, step, budget);
      results.push(result);
      errors.push(error);
    }
    return `{"step_results":[${results.join(',')}],"step_errors":[${errors.join(',')}]}`;
  }

  /** Whether a batch may leave something behind, such as a transaction. */
  mayHoldAfter({ steps }: WireBatch): boolean {
    return steps.some(({ statement }) => {
      try {
        const { command, foreignKeys } = this.#ready(statement).text;
        return command !== undefined || foreignKeys !== undefined;
      } catch {
        // It does not run.
        return false;
      }
    });
  }

  /** The steps of a batch with what became of them, as each of them runs. */
  async *steps(batch: WireBatch): AsyncGenerator<{ readonly outcome: StepOutcome; readonly step: BatchStep }> {
    const awaited = Math.max(batch.waitForTxId, ...batch.steps.map(({ statement }) => statement.waitForTxId));
    await this.#waitFor(awaited, batch.wishes);
    const steps = batch.steps.map(({ condition, statement }) => this.#step(condition, statement));
    let index = 0;
    for await (const outcome of runBatch(this.session, steps, batch.wishes)) {
      yield { outcome, step: steps[index] as BatchStep };
      index += 1;
    }
  }

  #encodeOutcome(outcome: StepOutcome, step: BatchStep, budget: ResponseBudget): [result: string, error: string] {
    if (outcome === undefined) {
      return ['null', 'null'];
    }
    if ('error' in outcome) {
      return ['null', this.encodeError(outcome.error)];
    }
    try {
      return [encodeResult(outcome.execution, step.ready().text, { wantRows: step.wantRows, budget }), 'null'];
    } catch (error) {
      return ['null', this.encodeError(error)];
    }
  }

  /** An error as JSON text; it is counted. */
  encodeError(thrown: unknown): string {
    return JSON.stringify(wireError(noteFailure(this.#context, thrown)));
  }

  #step(condition: BatchStep['condition'], statement: WireStatement): BatchStep {
    let ready: ReadyStatement | undefined;
    return {
      condition,
      wantRows: statement.wantRows,
      ready: () => {
        ready ??= this.#ready(statement);
        return ready;
      },
    };
  }

  #ready(statement: WireStatement): ReadyStatement {
    const text = this.#context.texts.one(this.store.textOf(statement.sql));
    return { text, statement: bound(text, statement) };
  }

  /** Ends at the first error. */
  async #sequence({ sql, waitForTxId }: Extract<StreamRequest, { type: 'sequence' }>): Promise<void> {
    await this.#waitFor(waitForTxId);
    const texts = this.#context.texts.all(this.store.textOf(sql), this.#context.limits.hranaMaxBatchSteps);
    for (const text of texts) {
      await this.session.execute(withoutValues(text));
    }
  }

  async #describe({ sql, waitForTxId }: Extract<StreamRequest, { type: 'describe' }>): Promise<string> {
    await this.#waitFor(waitForTxId);
    const text = this.#context.texts.one(this.store.textOf(sql));
    return encodeDescription(await this.session.describe(text), text);
  }

  async #waitFor(txId: number, wishes?: WireWishes): Promise<void> {
    if (txId > 0) {
      await this.session.access.waitFor(txId, this.session.signal, wishes?.waitMs);
    }
  }

  /** Rolls back what is open. */
  async close(): Promise<void> {
    await this.session.close();
  }
}

/** Parameters without values are NULL where the whole text is sent without any. */
function withoutValues(text: StatementText): ReadyStatement {
  const values = text.parameters.names.map(() => null);
  return { text, statement: { sql: text.sql, parameters: values } };
}
