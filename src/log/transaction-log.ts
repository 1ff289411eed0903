import { assertInvariant, QuorateError } from '../errors/interface.ts';
import type { FileSystem } from '../runtime/interface.ts';
import { writeFirstSegment } from './first-segment.ts';
import { frameHeaderBytes, maxPayloadBytes } from './frame.ts';
import { NextSegment } from './next-segment.ts';
import { genesisHash, hashSizeBytes } from './record.ts';
import { readRecords, recordBytesUpTo } from './record-reading.ts';
import { type RecoveredLog, recoverLog, type SizedSegment } from './recovery.ts';
import { listSegments, readSegmentHeader, segmentHeaderBytes } from './segment-header.ts';
import { SegmentWriter } from './segment-writer.ts';
import { replaceSegment, writeShortenedSegment } from './truncation.ts';
import type { LogOptions, LogPosition, LogRecord, NewLogOptions, RecoveryReport, SegmentInfo, TxId } from './types.ts';

const defaultSegmentSizeBytes = 16 * 1024 * 1024;

/** A new log begins with a small segment, so that many small databases do not hold 16 MiB each. */
const firstSegmentSizeBytes = 1024 * 1024;

/** Part of a segment that is used before the next one is prepared. */
const preparationThreshold = 0.5;

/**
 * The transaction log of one database, open for writing. One thread owns it; all calls are synchronous.
 *
 * `append` writes one frame (one group commit), `sync` makes it durable. The next `append` is only allowed after that:
 * recovery relies on it to tell a torn tail from damage.
 */
export class TransactionLog {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #segmentSizeBytes: number;
  readonly #next: NextSegment;
  #segments: SizedSegment[];
  #writer: SegmentWriter;
  #tip: LogPosition;
  #durable: LogPosition;
  #recordBytes: number;
  #preparationFailed = false;
  #failure: unknown;
  #closed = false;

  private constructor(files: FileSystem, directory: string, recovered: RecoveredLog, options: Partial<LogOptions>) {
    this.#files = files;
    this.#directory = directory;
    this.#segmentSizeBytes = options.segmentSizeBytes ?? defaultSegmentSizeBytes;
    this.#next = new NextSegment(files, directory);
    this.#segments = recovered.segments;
    this.#writer = recovered.writer;
    this.#tip = recovered.tip;
    this.#durable = recovered.tip;
    this.#recordBytes = recovered.recordBytes;
  }

  /** Whether the directory holds a log. */
  static exists(files: FileSystem, directory: string): boolean {
    return listSegments(files, directory).length > 0;
  }

  /**
   * Makes a new, empty log durably and opens it.
   * @param databaseId 16 bytes; the hash chain begins with it
   * @throws QuorateError DATABASE_EXISTS, DISK_FULL, IO_ERROR
   */
  static create(
    files: FileSystem,
    directory: string,
    databaseId: Uint8Array,
    options: NewLogOptions = {},
  ): TransactionLog {
    if (TransactionLog.exists(files, directory)) {
      throw new QuorateError('DATABASE_EXISTS', `a transaction log exists already in ${directory}`);
    }
    const previous = options.after ?? { txId: 0, term: 0, hash: genesisHash(databaseId) };
    const sizeBytes = Math.min(firstSegmentSizeBytes, options.segmentSizeBytes ?? defaultSegmentSizeBytes);
    writeFirstSegment(files, directory, { databaseId, previous, sizeBytes });
    return TransactionLog.open(files, directory, options).log;
  }

  /**
   * Opens a log, verifying all of it. A torn tail is cut and reported; damage is refused.
   * @throws QuorateError LOG_CORRUPT, FORMAT_VERSION, DISK_FULL, IO_ERROR
   */
  static open(
    files: FileSystem,
    directory: string,
    options: Partial<LogOptions> = {},
  ): { readonly log: TransactionLog; readonly report: RecoveryReport } {
    const recovered = recoverLog(files, directory);
    return { log: new TransactionLog(files, directory, recovered, options), report: recovered.report };
  }

  /** 16 bytes. */
  get databaseId(): Uint8Array {
    return this.#writer.header.databaseId;
  }

  /** The last transaction appended. */
  get tip(): LogPosition {
    return this.#tip;
  }

  /** The last transaction that survives a power loss. */
  get durable(): LogPosition {
    return this.#durable;
  }

  /** The oldest transaction kept, or the next one of an empty log. */
  get firstTxId(): TxId {
    return this.#firstSegment.firstTxId;
  }

  /** Bytes of the segment files on disk, with their unused room. */
  get sizeBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  }

  /** Bytes of the records up to the tip, counted from the oldest one that the log had when it was opened. */
  get recordBytes(): number {
    return this.#recordBytes;
  }

  /** What `recordBytes` was when the log ended with this transaction; the oldest or newest known where it is outside. */
  recordBytesAt(txId: TxId): number {
    this.#checkUsable();
    if (txId >= this.#tip.txId) {
      return this.#recordBytes;
    }
    const segment = this.#segments.findLast(({ firstTxId }) => firstTxId <= txId + 1) ?? this.#firstSegment;
    return segment.bytesBefore + recordBytesUpTo(this.#files, segment, txId);
  }

  /**
   * Writes `count` encoded records, which end at `end`, as one frame. They are durable after `sync`, which must come
   * before the next `append`. After an error the log stands where it stood before.
   * @throws QuorateError DISK_FULL, IO_ERROR
   */
  append(records: Uint8Array, count: number, end: LogPosition): void {
    this.#checkUsable();
    const lastHash = records.subarray(-hashSizeBytes);
    assertInvariant(Buffer.compare(lastHash, end.hash) === 0, 'a frame ends with the record of its end position');
    assertInvariant(this.#tip === this.#durable, 'a frame is synced before the next one is appended');
    assertInvariant(count > 0 && end.txId === this.#tip.txId + count, 'the records of a frame continue the log');
    assertInvariant(end.term >= this.#tip.term, 'terms never decrease');
    assertInvariant(records.length <= maxPayloadBytes, 'a frame stays below its size limit');
    this.#eraseFailedFrame();
    if (!this.#writer.hasRoomFor(records.length)) {
      this.#beginSegment(segmentHeaderBytes + frameHeaderBytes + records.length);
    }
    try {
      this.#writer.writeFrame(records, count, this.#tip.txId + 1);
    } catch (error) {
      this.#tryEraseFailedFrame();
      throw error;
    }
    this.#tip = end;
    this.#recordBytes += records.length;
  }

  /**
   * Makes everything appended durable. After a failure nobody knows what the disk holds: the kernel may report the error
   * once and drop the pages, so that a second fsync "succeeds" (PostgreSQL's "fsyncgate" of 2018). Every later call
   * therefore fails too; the log must be opened anew.
   * @throws QuorateError IO_ERROR, DISK_FULL
   */
  sync(): void {
    this.#checkUsable();
    if (this.#durable !== this.#tip) {
      this.#durably(() => this.#writer.sync());
      this.#durable = this.#tip;
    }
  }

  /**
   * Prepares the next segment a little further, once the present one is half used, writing at most about `maxBytes`.
   * To be called between commits, so that none has to wait for a whole segment to be zeroed. Lack of space is not
   * reported here, but by the `append` that needs the segment.
   */
  prepareNextSegment(maxBytes: number): void {
    this.#checkUsable();
    const sizeBytes = this.#nextSegmentSizeBytes;
    const needed = this.#writer.tail >= this.#writer.sizeBytes * preparationThreshold;
    if (!needed || this.#preparationFailed || this.#next.filledBytes >= sizeBytes) {
      return;
    }
    try {
      this.#next.prepare(sizeBytes, maxBytes);
    } catch {
      this.#preparationFailed = true;
    }
  }

  /**
   * Removes all transactions above `txId` durably. A crash meanwhile leaves a whole log that ends at `txId` or later.
   * Readers of the files must be told to `forget`.
   * @throws QuorateError DISK_FULL, IO_ERROR
   */
  truncateAfter(txId: TxId): void {
    this.sync();
    const position = this.positionOf(txId);
    assertInvariant(position !== undefined, 'a log is truncated to a position that it has');
    if (txId === this.#tip.txId) {
      return;
    }
    this.#eraseFailedFrame();
    const recordBytes = this.recordBytesAt(txId);
    const keptCount = this.#segments.findLastIndex((segment) => segment.firstTxId <= txId + 1) + 1;
    const last = this.#segments[keptCount - 1] ?? this.#firstSegment;
    const shortened = writeShortenedSegment(this.#files, this.#directory, last, txId);
    this.#writer.close();
    const removed = this.#segments.splice(keptCount);
    this.#writer = new SegmentWriter(shortened.segment, shortened.tail, this.#writer.scratch);
    this.#durably(() => replaceSegment(this.#files, this.#directory, last, removed));
    this.#tip = position;
    this.#durable = position;
    this.#recordBytes = recordBytes;
  }

  /**
   * Removes the oldest segments whose transactions are all below `txId`; the newest segment stays. A crash meanwhile
   * leaves a log that begins with one of them. Readers of the files find out by themselves.
   * @returns whether anything was removed
   * @throws QuorateError IO_ERROR
   */
  dropBefore(txId: TxId): boolean {
    this.#checkUsable();
    const keptFrom = this.#segments.findLastIndex((segment) => segment.firstTxId <= txId);
    for (const segment of this.#segments.slice(0, Math.max(0, keptFrom))) {
      this.#durably(() => {
        this.#files.removeSync(segment.path);
        // One after the other: a later segment that goes first would leave a gap.
        this.#files.syncDirectorySync(this.#directory);
      });
      this.#segments.shift();
    }
    return keptFrom > 0;
  }

  /** The segment files, oldest first. */
  segments(): readonly SegmentInfo[] {
    return this.#segments.map(({ firstTxId, sizeBytes }) => ({ firstTxId, sizeBytes }));
  }

  /** The position of a transaction, also of the one before the first kept. Undefined outside of the log. */
  positionOf(txId: TxId): LogPosition | undefined {
    this.#checkUsable();
    if (txId === this.#tip.txId) {
      return this.#tip;
    }
    if (txId >= this.firstTxId && txId < this.#tip.txId) {
      for (const record of this.records(txId)) {
        return { txId, term: record.term, hash: record.hash };
      }
    }
    return txId === this.firstTxId - 1 ? this.#startPosition() : undefined;
  }

  /** The records from `fromTxId` to the tip, in order. Their bytes are the caller's to keep. */
  *records(fromTxId: TxId): Iterable<LogRecord> {
    this.#checkUsable();
    assertInvariant(fromTxId >= this.firstTxId, 'records are read from the first transaction kept or later');
    yield* readRecords(this.#files, this.#segments, fromTxId, this.#tip.txId);
  }

  /** Ends the use of the files. What was appended and not synced may or may not survive. */
  close(): void {
    if (!this.#closed) {
      this.#closed = true;
      this.#writer.close();
      this.#next.discard();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #firstSegment(): SizedSegment {
    const first = this.#segments[0];
    assertInvariant(first !== undefined, 'a log has at least one segment');
    return first;
  }

  get #nextSegmentSizeBytes(): number {
    return Math.min(this.#segmentSizeBytes, Math.max(firstSegmentSizeBytes, this.#writer.sizeBytes * 2));
  }

  /** Everything before is durable, so a segment that exists proves that its predecessors are complete. */
  #beginSegment(neededBytes: number): void {
    const sizeBytes = Math.max(neededBytes, this.#nextSegmentSizeBytes);
    const segment = this.#next.finish(this.databaseId, this.#tip, sizeBytes);
    const replacesEmptyOne = segment.entry.firstTxId === this.#writer.entry.firstTxId;
    this.#writer.close();
    this.#writer = new SegmentWriter(segment, segmentHeaderBytes, this.#writer.scratch);
    this.#preparationFailed = false;
    this.#durably(() => {
      this.#files.renameSync(this.#next.path, segment.entry.path);
      this.#files.syncDirectorySync(this.#directory);
    });
    this.#segments.splice(replacesEmptyOne ? -1 : this.#segments.length, 1, {
      ...segment.entry,
      sizeBytes: segment.sizeBytes,
      bytesBefore: this.#recordBytes,
    });
  }

  #eraseFailedFrame(): void {
    if (this.#writer.hasFailedFrame) {
      this.#writer.eraseFailedFrame();
      this.#durably(() => this.#writer.sync());
    }
  }

  /** Where even zeroing fails, the next `append` tries again; recovery would take the rest for a torn tail. */
  #tryEraseFailedFrame(): void {
    try {
      this.#eraseFailedFrame();
    } catch {
      // The caller gets the error of the write itself; a failed fsync has been remembered.
    }
  }

  /** Runs what may leave the state of the disk unknown; a failure ends the use of the log. */
  #durably(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#failure = error;
      this.#checkUsable();
    }
  }

  #checkUsable(): void {
    assertInvariant(!this.#closed, 'a closed log is not used');
    if (this.#failure !== undefined) {
      throw new QuorateError('IO_ERROR', `the transaction log in ${this.#directory} failed and is not used further`, {
        cause: this.#failure,
        hint: 'It is not known what the disk holds. Check the disk, then restart this node or load the database anew.',
      });
    }
  }

  #startPosition(): LogPosition {
    const first = this.#firstSegment;
    const handle = this.#files.openSync(first.path, 'read');
    try {
      return readSegmentHeader(handle, first).previous;
    } finally {
      handle.closeSync();
    }
  }
}
