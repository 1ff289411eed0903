import path from 'node:path';
import type { TransactionLog } from '../log/interface.ts';
import type { Clock, FileSystem } from '../runtime/interface.ts';

/** How often the mark is written at most, in milliseconds: each time costs two fsyncs. */
const writeIntervalMs = 5_000;

/**
 * Remembers, in the file `committed` beside the log, how far a delayed replica knows its log to be committed.
 *
 * Other replicas need no such file: what they know to be committed they apply at once, and SQLite keeps that position. A
 * delayed replica would forget it at each restart. Then it could show nothing while its upstream is gone, and an upstream
 * that was restored to an earlier state could make it drop what it had kept for that very case.
 */
export class CommitMark {
  readonly #files: FileSystem;
  readonly #clock: Clock;
  readonly #path: string;
  #written = 0;
  #writtenAtMs = -Infinity;

  constructor(files: FileSystem, clock: Clock, directory: string) {
    this.#files = files;
    this.#clock = clock;
    this.#path = path.join(directory, 'committed');
  }

  /** The remembered position; 0 when there is none that belongs to this log. */
  read(log: TransactionLog): number {
    if (!this.#files.existsSync(this.#path)) {
      return 0;
    }
    const text = Buffer.from(this.#files.readFileSync(this.#path)).toString();
    const [, txId = '0', hash = ''] = /^(\d{1,15}) ([0-9a-f]{64})\n$/.exec(text) ?? [];
    const logged = Number(txId) > log.tip.txId ? undefined : log.positionOf(Number(txId));
    return logged !== undefined && Buffer.from(logged.hash).toString('hex') === hash ? Number(txId) : 0;
  }

  /** Writes the position if it has moved and enough time has passed. @throws QuorateError DISK_FULL, IO_ERROR */
  note(log: TransactionLog, commitTxId: number): void {
    const now = this.#clock.monotonicMs();
    if (now - this.#writtenAtMs >= writeIntervalMs) {
      this.write(log, commitTxId);
      this.#writtenAtMs = now;
    }
  }

  /** Writes the position if it has moved. @throws QuorateError DISK_FULL, IO_ERROR */
  write(log: TransactionLog, commitTxId: number): void {
    const position = commitTxId > this.#written ? log.positionOf(commitTxId) : undefined;
    if (position !== undefined) {
      const text = `${commitTxId} ${Buffer.from(position.hash).toString('hex')}\n`;
      this.#files.writeFileAtomicSync(this.#path, Buffer.from(text));
      this.#written = commitTxId;
    }
  }
}
