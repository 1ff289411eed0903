import type { ReplicationSource } from '../../src/database/interface.ts';
import { LogReader } from '../../src/log/interface.ts';
import type { FileSystem } from '../../src/runtime/interface.ts';

/**
 * A primary that sends records as soon as they stand in its log, before they are fsynced. The protocol allows that, and a
 * replica must be able to live with what comes of it: records that its upstream loses in a crash.
 */
export class EagerSource implements ReplicationSource {
  readonly #source: ReplicationSource;
  readonly #reader: LogReader;
  readonly #listeners = new Set<() => void>();

  constructor(source: ReplicationSource, files: FileSystem, logDirectory: string) {
    this.#source = source;
    this.#reader = LogReader.open(files, logDirectory);
  }

  get databaseId() {
    return this.#source.databaseId;
  }

  get role() {
    return this.#source.role;
  }

  positions() {
    return this.#source.positions();
  }

  exportableTxId(): number {
    return this.role === 'primary' ? this.positions().tip : this.#source.exportableTxId();
  }

  positionOf(txId: number) {
    return this.#source.positionOf(txId);
  }

  cutCount(): number {
    return this.#source.cutCount();
  }

  firstTxId(): number {
    return this.#source.firstTxId();
  }

  logBytes(): number {
    return this.#source.logBytes();
  }

  tipBytes(): number {
    return this.#source.tipBytes();
  }

  bytesAt(txId: number): Promise<number> {
    return this.#source.bytesAt(txId);
  }

  databaseBytes(): number {
    return this.#source.databaseBytes();
  }

  hold(replicaId: string, replicaName: string, durableTxId: number): void {
    this.#source.hold(replicaId, replicaName, durableTxId);
  }

  acknowledge(durable: readonly number[], applied: readonly number[]): void {
    this.#source.acknowledge(durable, applied);
  }

  traces(): readonly [] {
    return [];
  }

  awaited() {
    return this.#source.awaited();
  }

  awaitedCount() {
    return this.#source.awaitedCount();
  }

  ackMembers(): readonly string[] {
    return this.#source.ackMembers();
  }

  asksForAcks(): boolean {
    return this.#source.asksForAcks();
  }

  read(fromTxId: number, maxBytes: number) {
    return fromTxId <= this.#source.exportableTxId()
      ? this.#source.read(fromTxId, maxBytes)
      : this.#reader.read(fromTxId, this.exportableTxId(), maxBytes);
  }

  subscribe(listener: () => void): () => void {
    const unsubscribe = this.#source.subscribe(listener);
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      unsubscribe();
    };
  }

  /** To be called when something was written to the log. */
  announce(): void {
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
