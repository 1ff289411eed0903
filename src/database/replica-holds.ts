import path from 'node:path';
import * as v from 'valibot';
import type { TxId } from '../log/interface.ts';
import type { Runtime, Timer } from '../runtime/interface.ts';
import type { ReplicaHold } from './types.ts';

const fileName = 'replicas.json';

/** How often what replicas have confirmed is passed on and written down, in milliseconds. */
const intervalMs = 5000;

/** Replicas that are remembered; the one that was heard longest ago is forgotten first. */
const maxReplicas = 1000;

const fileSchema = v.array(
  v.object({ replicaId: v.string(), replicaName: v.string(), durableTxId: v.number(), seenAtMs: v.number() }),
);

export interface KnownReplica {
  /** Identity, by which replicas are told apart. */
  readonly replicaId: string;
  readonly replicaName: string;
  /** Last record that it has confirmed. */
  readonly durableTxId: TxId;
}

export interface ReplicaHoldsOptions {
  readonly runtime: Runtime;
  /** Of the database. */
  readonly directory: string;
  readonly database: string;
  /** Milliseconds after which a replica that says nothing is forgotten. */
  readonly retentionAgeMs: number;
  /** The oldest record in the log. */
  readonly firstTxId: () => TxId;
  /** Told the oldest record that a known replica still needs. */
  readonly onNeeded: (neededFrom: TxId) => void;
}

/**
 * What the replicas of a database have, also while they are away and across restarts, so that the log keeps what they lack.
 * A replica whose next record is gone has lost its hold: it needs a snapshot, and holds nothing until it has one.
 */
export class ReplicaHolds {
  readonly #options: ReplicaHoldsOptions;
  readonly #replicas = new Map<string, KnownReplica & { readonly seenAtMs: number }>();
  readonly #lost = new Set<string>();
  #timer: Timer | undefined;
  #changed = false;

  constructor(options: ReplicaHoldsOptions) {
    this.#options = options;
    for (const replica of this.#read()) {
      this.#replicas.set(replica.replicaId, replica);
    }
  }

  /** The oldest record that a known replica needs; beyond every log when none needs any. */
  get neededFrom(): TxId {
    const first = this.#options.firstTxId();
    let needed = Number.MAX_SAFE_INTEGER;
    for (const { durableTxId } of this.#replicas.values()) {
      if (durableTxId + 1 >= first) {
        needed = Math.min(needed, durableTxId + 1);
      }
    }
    return needed;
  }

  /** A replica has confirmed something. One that is new, or has less than before, holds its records at once. */
  note({ replicaId, replicaName, durableTxId }: KnownReplica): void {
    const known = this.#replicas.get(replicaId);
    this.#replicas.delete(replicaId);
    const seenAtMs = this.#options.runtime.clock.nowMs();
    this.#replicas.set(replicaId, { replicaId, replicaName, durableTxId, seenAtMs });
    this.#changed = true;
    if (known === undefined || durableTxId < known.durableTxId) {
      this.#pass();
    } else {
      this.#schedule();
    }
  }

  /** Begins to look after those that were known before; the log is open now. */
  resume(): void {
    if (this.#replicas.size > 0) {
      this.#pass();
    }
  }

  /** Drops a replica that will not come back; false if it is not known. `name` is its id or its name. */
  forget(name: string): boolean {
    const ids = [...this.#replicas.values()].filter((r) => r.replicaId === name || r.replicaName === name);
    for (const { replicaId } of ids) {
      this.#replicas.delete(replicaId);
      this.#lost.delete(replicaId);
    }
    if (ids.length > 0) {
      this.#changed = true;
      this.#pass();
    }
    return ids.length > 0;
  }

  /** To be called when the log may begin later than before: says which replicas have lost their hold. */
  logMoved(): void {
    const first = this.#options.firstTxId();
    for (const { replicaId, replicaName, durableTxId } of this.#replicas.values()) {
      if (durableTxId + 1 >= first) {
        this.#lost.delete(replicaId);
      } else if (!this.#lost.has(replicaId)) {
        this.#lost.add(replicaId);
        const fields = { database: this.#options.database, replica: replicaName, durableTxId, firstTxId: first };
        this.#options.runtime.logger.warn(fields, 'a replica is beyond the retention of the log and needs a snapshot');
      }
    }
  }

  list(): ReplicaHold[] {
    const first = this.#options.firstTxId();
    return [...this.#replicas.values()].map(({ replicaId, replicaName, durableTxId, seenAtMs }) => {
      return { replicaId, replicaName, durableTxId, seenAtMs, lost: durableTxId + 1 < first };
    });
  }

  /** Writes down what is known. */
  close(): void {
    this.#timer?.cancel();
    if (this.#changed) {
      this.#write();
    }
  }

  #schedule(): void {
    this.#timer ??= this.#options.runtime.timers.after(intervalMs, () => this.#pass());
  }

  #pass(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#expire();
    if (this.#changed) {
      this.#write();
    }
    this.#options.onNeeded(this.neededFrom);
    if (this.#replicas.size > 0) {
      this.#schedule();
    }
  }

  #expire(): void {
    const { runtime, retentionAgeMs } = this.#options;
    const earliestMs = runtime.clock.nowMs() - retentionAgeMs;
    for (const [id, { seenAtMs }] of this.#replicas) {
      if (seenAtMs < earliestMs || this.#replicas.size > maxReplicas) {
        this.#replicas.delete(id);
        this.#lost.delete(id);
        this.#changed = true;
      }
    }
  }

  /** What it costs when this fails or the file is lost: a replica that is away may need a snapshot. */
  #write(): void {
    this.#changed = false;
    const { runtime, directory, database } = this.#options;
    try {
      const text = `${JSON.stringify([...this.#replicas.values()], null, 2)}\n`;
      runtime.files.writeFileAtomicSync(path.join(directory, fileName), Buffer.from(text));
    } catch (error) {
      this.#changed = true;
      runtime.logger.warn({ database, error: String(error) }, 'cannot write down what the replicas have');
    }
  }

  #read(): v.InferOutput<typeof fileSchema> {
    const { runtime, directory, database } = this.#options;
    const file = path.join(directory, fileName);
    if (!runtime.files.existsSync(file)) {
      return [];
    }
    try {
      return v.parse(fileSchema, JSON.parse(Buffer.from(runtime.files.readFileSync(file)).toString()));
    } catch (error) {
      runtime.logger.warn({ database, file, error: String(error) }, 'cannot read what the replicas had');
      return [];
    }
  }
}
