import { mkdtempSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type ErrorCode, isQuorateError } from '../../src/errors/interface.ts';
import { toEdn, toJsonLines } from './jepsen-format.ts';
import type { Attributes, Call, HistoryEvent, Outcome, Violation } from './operation.ts';

/** Answers after which a write may have taken effect or not. */
const inDoubt: ReadonlySet<ErrorCode> = new Set([
  'UNAVAILABLE',
  'CANCELLED',
  'COMMIT_IN_DOUBT',
  'DATABASE_UNLOADED',
  'PROTOCOL_ERROR',
  'INTERNAL',
]);

/** What an answer said: the call with its values, and what else it tells. */
export type Answer = Attributes & { readonly call?: Call };

export interface RecorderOptions {
  /** Operations that are recorded at most; one more is an error of the test. */
  readonly capacity: number;
}

/**
 * Records what clients of real processes asked for and were told. All clients of one recorder share its order, so it is that of
 * the events in this process.
 */
export class HistoryRecorder {
  readonly #events: HistoryEvent[] = [];
  readonly #begun = process.hrtime.bigint();
  readonly #capacity: number;
  #operations = 0;
  #processes = 0;

  constructor({ capacity }: RecorderOptions) {
    this.#capacity = capacity;
  }

  get events(): readonly HistoryEvent[] {
    return this.#events;
  }

  client(attributes: Attributes = {}): RecordingClient {
    return new RecordingClient(this, attributes);
  }

  /** A number that no process has had. */
  newProcess(): number {
    this.#processes += 1;
    return this.#processes - 1;
  }

  /** Throws an Error when the history is full. */
  invoke(clientProcess: number, call: Call, attributes: Attributes): void {
    if (this.#operations >= this.#capacity) {
      throw new Error(`the history is full with ${this.#capacity} operations`);
    }
    this.#operations += 1;
    this.#add(clientProcess, 'invoke', call, attributes);
  }

  complete(clientProcess: number, type: Outcome, call: Call, attributes: Attributes): void {
    this.#add(clientProcess, type, call, attributes);
  }

  #add(clientProcess: number, type: HistoryEvent['type'], call: Call, attributes: Attributes): void {
    const timeNs = Number(process.hrtime.bigint() - this.#begun);
    this.#events.push({ ...attributes, index: this.#events.length, timeNs, process: clientProcess, type, call });
  }

  /** Writes `history.edn` and `history.jsonl`. */
  save(directory: string): void {
    writeFileSync(path.join(directory, 'history.edn'), toEdn(this.#events));
    writeFileSync(path.join(directory, 'history.jsonl'), toJsonLines(this.#events));
  }
}

/** One client, which does one thing at a time. */
export class RecordingClient {
  readonly #recorder: HistoryRecorder;
  readonly #attributes: Attributes;
  #process: number;

  constructor(recorder: HistoryRecorder, attributes: Attributes) {
    this.#recorder = recorder;
    this.#process = recorder.newProcess();
    // The session outlives the process, which changes when an outcome is unknown.
    this.#attributes = { session: `client ${this.#process}`, ...attributes };
  }

  /**
   * Runs a call and records it. Resolves to what the work answered, or to undefined when it failed with a QuorateError; what
   * else it throws is recorded as of unknown outcome and thrown on.
   */
  async run<Result extends Answer>(
    call: Call,
    work: () => Promise<Result>,
    attributes: Attributes = {},
  ): Promise<Result | undefined> {
    const asked = { ...this.#attributes, ...attributes };
    this.#recorder.invoke(this.#process, call, asked);
    try {
      const result = await work();
      const { call: answered = call, ...told }: Answer = result;
      this.#recorder.complete(this.#process, 'ok', answered, { ...asked, ...attributesOf(told) });
      return result;
    } catch (error) {
      this.#fail(call, asked, error);
      return undefined;
    }
  }

  #fail(call: Call, asked: Attributes, error: unknown): void {
    const code = isQuorateError(error) ? error.code : 'INTERNAL';
    const isUnknown = inDoubt.has(code) && !isRead(call);
    const type = isUnknown ? 'info' : 'fail';
    this.#recorder.complete(this.#process, type, call, { ...asked, error: code });
    if (isUnknown) {
      // What it left behind may still take effect, beside whatever the client does next.
      this.#process = this.#recorder.newProcess();
    }
    if (!isQuorateError(error)) {
      throw error;
    }
  }
}

function attributesOf({
  node,
  session,
  ackLevel,
  readLevel,
  after,
  position,
  maxAgeMs,
  maxLag,
}: Attributes): Attributes {
  const all = { node, session, ackLevel, readLevel, after, position, maxAgeMs, maxLag };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Attributes;
}

function isRead(call: Call): boolean {
  return call.f === 'read' || (call.f === 'txn' && call.steps.every(([f]) => f === 'r'));
}

/** Throws an Error with all violations; without any it does nothing. */
export function assertNoViolations(violations: readonly Violation[]): void {
  if (violations.length > 0) {
    throw new Error(violations.map(({ rule, message }) => `${rule}: ${message}`).join('\n'));
  }
}

/**
 * Runs a test with a recorder. If it throws, the history goes to a new folder below the one for temporary files, which
 * the error names.
 */
export async function withHistory(
  options: RecorderOptions,
  body: (recorder: HistoryRecorder) => Promise<void>,
): Promise<void> {
  const recorder = new HistoryRecorder(options);
  try {
    await body(recorder);
  } catch (cause) {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'quorate-history-'));
    recorder.save(directory);
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${message}\nThe history is in ${directory}.`, { cause });
  }
}
