import { asQuorateError, QuorateError } from '../../errors/interface.ts';
import type { StatementResult } from '../../sqlite/interface.ts';
import type { Results } from './database-access.ts';
import type { Execution, ReadyStatement, SqlSession } from './sql-session.ts';
import type { WireCondition, WireWishes } from './wire-types.ts';

/** A step of a batch; `ready` throws what is wrong with its statement. */
export interface BatchStep {
  readonly condition: WireCondition | undefined;
  readonly wantRows: boolean;
  ready(): ReadyStatement;
}

/** What became of a step; undefined when its condition was not met. */
export type StepOutcome = { readonly execution: Execution } | { readonly error: QuorateError } | undefined;

const emptyResult: StatementResult = { columns: [], columnTypes: [], rows: [], changes: 0, lastInsertRowid: 0n };

/**
 * Runs the steps of a batch one by one, as the outcomes are asked for.
 * @throws QuorateError INVALID_ARGUMENT when there are wishes for what is not one transaction
 */
export async function* runBatch(
  session: SqlSession,
  steps: readonly BatchStep[],
  wishes?: WireWishes,
): AsyncGenerator<StepOutcome> {
  const outcomes: StepOutcome[] = (await runAtOnce(session, steps, wishes)) ?? [];
  if (wishes !== undefined && outcomes.length === 0) {
    throw new QuorateError('INVALID_ARGUMENT', 'only a batch that is a whole transaction takes wishes', {
      hint: 'Send BEGIN, statements that each need the one before, and COMMIT.',
    });
  }
  yield* outcomes;
  while (outcomes.length < steps.length) {
    const outcome = await runStep(session, steps[outcomes.length] as BatchStep, outcomes);
    outcomes.push(outcome);
    yield outcome;
  }
}

async function runStep(session: SqlSession, step: BatchStep, earlier: readonly StepOutcome[]): Promise<StepOutcome> {
  if (step.condition !== undefined && !isMet(step.condition, session, earlier)) {
    return undefined;
  }
  try {
    return { execution: await session.execute(step.ready()) };
  } catch (error) {
    return { error: asQuorateError(error) };
  }
}

function isMet(condition: WireCondition, session: SqlSession, earlier: readonly StepOutcome[]): boolean {
  const inner = (part: WireCondition) => isMet(part, session, earlier);
  switch (condition.type) {
    case 'ok':
      return succeeded(earlier[condition.step]);
    case 'error':
      return !succeeded(earlier[condition.step]);
    case 'not':
      return !inner(condition.condition);
    case 'and':
      return condition.conditions.every(inner);
    case 'or':
      return condition.conditions.some(inner);
    case 'is_autocommit':
      return session.isAutocommit;
  }
}

function succeeded(outcome: StepOutcome): boolean {
  return outcome !== undefined && 'execution' in outcome;
}

/**
 * A batch that is a whole transaction (BEGIN, statements that each need the one before, COMMIT, and ROLLBACK if that
 * failed) is sent to the writer at once: one group commit instead of a turn of its own for each statement, while others
 * wait. undefined when it is no such batch, or when a statement of it failed: nothing has happened then, and running the
 * steps one by one tells what each of them says.
 */
async function runAtOnce(
  session: SqlSession,
  steps: readonly BatchStep[],
  wishes: WireWishes | undefined,
): Promise<StepOutcome[] | undefined> {
  const whole = session.isFresh ? wholeTransaction(steps) : undefined;
  if (whole === undefined) {
    return undefined;
  }
  const { statements, isReadOnly } = whole;
  const list = statements.map(({ statement }) => statement);
  try {
    const run = isReadOnly
      ? session.access.read(list, session.signal, wishes?.consistency)
      : session.access.transact(list, wishes);
    return outcomesOf(await run, steps.length, statements.length, wishes !== undefined);
  } catch (thrown) {
    const error = asQuorateError(thrown);
    const statement = error.details?.statement;
    if (wishes !== undefined) {
      // A key may not be left out of a second attempt.
      const failed = typeof statement === 'number' ? statement + 1 : 0;
      return steps.map((_step, index) => (index === failed ? { error } : undefined));
    }
    if (statement !== undefined || error.code === 'CONSTRAINT_VIOLATION' || isReadOnly) {
      return undefined;
    }
    return steps.map((_step, index) => (index === 0 ? { error } : undefined));
  }
}

/** BEGIN, the statements, COMMIT, and whatever is not run after it. A repeated write has no results. */
function outcomesOf(
  { results, txId, receipt }: Results,
  stepCount: number,
  statementCount: number,
  isTold: boolean,
): StepOutcome[] {
  const told = isTold ? { receipt } : {};
  const outcome = (result: StatementResult) => ({ execution: { result, txId, ...told } });
  const inner = Array.from({ length: statementCount }, (_, index) => outcome(results[index] ?? emptyResult));
  const outcomes = [outcome(emptyResult), ...inner, outcome(emptyResult)];
  return Array.from({ length: stepCount }, (_, index) => outcomes[index]);
}

interface WholeTransaction {
  readonly statements: readonly ReadyStatement[];
  readonly isReadOnly: boolean;
}

function wholeTransaction(steps: readonly BatchStep[]): WholeTransaction | undefined {
  const commitAt = steps.findIndex(({ condition }, index) => index > 0 && !isOk(condition, index - 1)) - 1;
  const length = commitAt < 0 ? steps.length : commitAt + 1;
  const [begin, ...rest] = readyAll(steps.slice(0, length)) ?? [];
  const commit = rest.pop();
  const mode = begin?.text.command?.action === 'begin' ? begin.text.command.mode : undefined;
  if (mode === undefined || commit?.text.command?.action !== 'commit' || rest.length === 0) {
    return undefined;
  }
  if (steps[0]?.condition !== undefined || !isRollbackOf(steps.slice(length), length - 1)) {
    return undefined;
  }
  const isReadOnly = mode !== 'immediate' && rest.every(({ text }) => text.kind === 'read');
  const isPlain = rest.every(({ text }) => text.command === undefined && text.foreignKeys === undefined);
  return isPlain && (isReadOnly || mode !== 'readonly') ? { statements: rest, isReadOnly } : undefined;
}

function readyAll(steps: readonly BatchStep[]): ReadyStatement[] | undefined {
  try {
    return steps.map((step) => step.ready());
  } catch {
    // Running them one by one tells what is wrong with which.
    return undefined;
  }
}

function isOk(condition: WireCondition | undefined, step: number): boolean {
  return condition?.type === 'ok' && condition.step === step;
}

/** Nothing, or one ROLLBACK for the case that the COMMIT failed. */
function isRollbackOf([step, ...others]: readonly BatchStep[], commitAt: number): boolean {
  if (step === undefined) {
    return true;
  }
  const { condition } = step;
  const onFailure = condition?.type === 'not' && isOk(condition.condition, commitAt);
  const [ready] = readyAll([step]) ?? [];
  return others.length === 0 && onFailure && ready?.text.command?.action === 'rollback';
}
