import type { ErrorCode } from '../../src/errors/interface.ts';

/** What a client knows of a write that it sent. */
export type Outcome =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'acknowledged'; readonly txId: number }
  | { readonly kind: 'refused'; readonly code: ErrorCode }
  /** It was acknowledged by the primary alone, which was lost. */
  | { readonly kind: 'lost' };

/** What a reader saw on some node. */
export interface Observation {
  readonly node: string;
  readonly txId: number;
  /** Digest of the whole content. */
  readonly digest: string;
}

/** Codes after which a client cannot know whether its write took effect. */
const inDoubt: ReadonlySet<ErrorCode> = new Set(['COMMIT_IN_DOUBT']);

/** Codes that tell of a defect, whoever gets them. */
const alarming: ReadonlySet<ErrorCode> = new Set([
  'INTERNAL',
  'DIVERGED',
  'SCHEMA_MISMATCH',
  'LOG_CORRUPT',
  'DATABASE_CORRUPT',
  'PROTOCOL_ERROR',
]);

/** What clients were told and shown in the course of a run. */
export class History {
  readonly outcomes = new Map<string, Outcome>();
  readonly observations: Observation[] = [];
  readonly #onDefect: (what: string) => void;

  constructor(onDefect: (what: string) => void) {
    this.#onDefect = onDefect;
  }

  /** A write goes out. `name` is found in its record if it takes effect. */
  begin(name: string): void {
    this.outcomes.set(name, { kind: 'unknown' });
  }

  acknowledged(name: string, txId: number): void {
    this.outcomes.set(name, { kind: 'acknowledged', txId });
  }

  failed(name: string, code: ErrorCode, message: string): void {
    if (alarming.has(code)) {
      this.#onDefect(`a client was told ${code}: ${message}`);
    }
    if (!inDoubt.has(code)) {
      this.outcomes.set(name, { kind: 'refused', code });
    }
  }

  /** The primary that had this write was lost; nobody had promised that it survives. */
  lose(name: string): void {
    if (this.outcomes.get(name)?.kind === 'acknowledged') {
      this.outcomes.set(name, { kind: 'lost' });
    }
  }

  /** Forgets what readers saw after a transaction: what they saw was lost. */
  forgetAfter(txId: number): void {
    const kept = this.observations.filter((observation) => observation.txId <= txId);
    this.observations.splice(0, this.observations.length, ...kept);
  }

  observe(observation: Observation): void {
    this.observations.push(observation);
  }

  /** How many writes ended in each way. */
  counts(): Record<Outcome['kind'], number> {
    const counts = { unknown: 0, acknowledged: 0, refused: 0, lost: 0 };
    for (const { kind } of this.outcomes.values()) {
      counts[kind] += 1;
    }
    return counts;
  }
}
