import { assertInvariant, QuorateError } from '../errors/interface.ts';
import type { FileSystem } from '../runtime/interface.ts';
import { decodeRecord, recordSizeAt, recordTxIdAt, viewOf } from './record.ts';
import { corruptLog, listSegments, type SegmentEntry } from './segment-header.ts';
import { type LoadedFrame, SegmentReader } from './segment-reader.ts';
import type { LogPosition, RecordBatch, TxId } from './types.ts';

/** Segment files kept open, with what is known about them. */
const openSegmentLimit = 8;

/** The records of one frame, or a part of them. */
interface Slice {
  readonly bytes: Buffer;
  readonly lastTxId: TxId;
}

/**
 * Reads the files of a log that another thread writes. It learns about new segments by itself; after a truncation it
 * must be told to `forget`. Several calls may run at the same time.
 */
export class LogReader {
  readonly #files: FileSystem;
  readonly #directory: string;
  #entries: SegmentEntry[] = [];
  /** By first txId, least recently used first. */
  readonly #open = new Map<TxId, SegmentReader>();
  #closed = false;

  private constructor(files: FileSystem, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  /** Nothing is read before the first call that needs it. */
  static open(files: FileSystem, directory: string): LogReader {
    return new LogReader(files, directory);
  }

  /** The oldest transaction kept, or the next one of an empty log. @throws QuorateError LOG_CORRUPT */
  firstTxId(): TxId {
    return this.#firstEntry(listSegments(this.#files, this.#directory)).firstTxId;
  }

  /**
   * Reads whole consecutive records from `fromTxId` on and never beyond `throughTxId`, which the caller knows to be
   * written. Takes at most `maxBytes`, but at least one record; may end earlier, at the end of a segment file.
   * @throws QuorateError SNAPSHOT_REQUIRED when `fromTxId` is older than the oldest record kept
   * @throws QuorateError LOG_CORRUPT when a frame that should be there is not intact
   */
  async read(fromTxId: TxId, throughTxId: TxId, maxBytes: number): Promise<RecordBatch> {
    assertInvariant(fromTxId >= 1 && fromTxId <= throughTxId, 'at least one record is asked for');
    const batch = await this.#withCurrentFiles(() => this.#tryRead(fromTxId, throughTxId, maxBytes));
    if (batch === undefined) {
      const { path } = this.#entryFor(fromTxId);
      throw corruptLog(path, 0, fromTxId, `it holds no intact frame with this transaction; ${throughTxId} was written`);
    }
    return batch;
  }

  /**
   * The position of a transaction that is written, if not necessarily durable, or of the one before the first kept.
   * Undefined outside of the log.
   */
  async positionOf(txId: TxId): Promise<LogPosition | undefined> {
    const firstTxId = this.firstTxId();
    if (txId < firstTxId) {
      return txId === firstTxId - 1 ? this.#startPosition() : undefined;
    }
    const batch = await this.#withCurrentFiles(() => this.#tryRead(txId, txId, 1));
    return batch?.end;
  }

  /** Drops everything known about the files. To be called after the log was truncated. */
  forget(): void {
    this.#entries = [];
    for (const reader of this.#open.values()) {
      reader.retire();
    }
    this.#open.clear();
  }

  /** Calls that still run end with `CANCELLED`, or with their result. */
  close(): void {
    this.#closed = true;
    this.forget();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Tries again with fresh knowledge when something is not there: the log may have a new segment, or lost one. */
  async #withCurrentFiles<T>(attempt: () => Promise<T | undefined>): Promise<T | undefined> {
    try {
      const result = await attempt();
      if (result !== undefined) {
        return result;
      }
    } catch (error) {
      if (this.#closed) {
        throw error;
      }
    }
    this.forget();
    return attempt();
  }

  async #tryRead(fromTxId: TxId, throughTxId: TxId, maxBytes: number): Promise<RecordBatch | undefined> {
    const segment = this.#segmentOf(fromTxId);
    const slices = await segment.use(() => collectSlices(segment, fromTxId, throughTxId, maxBytes));
    const last = slices.at(-1);
    if (last === undefined) {
      return undefined;
    }
    const end = lastPosition(last);
    const bytes = slices.length === 1 ? last.bytes : Buffer.concat(slices.map((slice) => slice.bytes));
    return { bytes, firstTxId: fromTxId, lastTxId: end.txId, end };
  }

  async #startPosition(): Promise<LogPosition> {
    const segment = this.#segmentOf(this.firstTxId());
    const header = await segment.use(() => segment.header());
    return header.previous;
  }

  #segmentOf(txId: TxId): SegmentReader {
    if (this.#closed) {
      throw new QuorateError('CANCELLED', 'the log reader was closed');
    }
    const entry = this.#entryFor(txId);
    const reader = this.#open.get(entry.firstTxId) ?? SegmentReader.open(this.#files, entry);
    this.#open.delete(entry.firstTxId);
    this.#open.set(entry.firstTxId, reader);
    this.#closeLeastRecentlyUsed();
    return reader;
  }

  #closeLeastRecentlyUsed(): void {
    const [oldest] = this.#open;
    if (this.#open.size > openSegmentLimit && oldest !== undefined) {
      this.#open.delete(oldest[0]);
      oldest[1].retire();
    }
  }

  #entryFor(txId: TxId): SegmentEntry {
    if (this.#entries.length === 0) {
      this.#entries = listSegments(this.#files, this.#directory);
    }
    const { firstTxId } = this.#firstEntry(this.#entries);
    const entry = this.#entries.findLast((candidate) => candidate.firstTxId <= txId);
    if (entry === undefined) {
      throw new QuorateError(
        'SNAPSHOT_REQUIRED',
        `transaction ${txId} is no longer in the log, which begins with ${firstTxId}`,
        {
          hint: 'The replica takes a snapshot of its upstream.',
          details: { txId, firstTxId },
        },
      );
    }
    return entry;
  }

  #firstEntry(entries: readonly SegmentEntry[]): SegmentEntry {
    const first = entries[0];
    if (first === undefined) {
      throw new QuorateError('LOG_CORRUPT', `there is no transaction log in ${this.#directory}`, {
        hint: 'Check the data directory; if the files are lost, fetch the database again or restore a backup.',
      });
    }
    return first;
  }
}

/** Takes records out of the frames of one segment until a limit is reached. */
async function collectSlices(
  segment: SegmentReader,
  fromTxId: TxId,
  throughTxId: TxId,
  maxBytes: number,
): Promise<Slice[]> {
  const slices: Slice[] = [];
  let nextTxId = fromTxId;
  let room = maxBytes;
  for await (const frame of segment.frames(fromTxId)) {
    const slice = frame.firstTxId <= nextTxId ? sliceOf(frame, nextTxId, throughTxId, room) : undefined;
    if (slice === undefined || (slices.length > 0 && slice.bytes.length > room)) {
      break;
    }
    slices.push(slice);
    room -= slice.bytes.length;
    nextTxId = slice.lastTxId + 1;
    if (nextTxId > throughTxId || nextTxId < frame.firstTxId + frame.count || room <= 0) {
      break;
    }
  }
  return slices;
}

/** The records `fromTxId … throughTxId` of a frame as far as they fit into `room` bytes, but at least one. */
function sliceOf(frame: LoadedFrame, fromTxId: TxId, throughTxId: TxId, room: number): Slice {
  const view = viewOf(frame.records);
  let start = 0;
  while (recordTxIdAt(view, start) < fromTxId) {
    start += recordSizeAt(view, start);
  }
  let end = start + recordSizeAt(view, start);
  let lastTxId = fromTxId;
  while (lastTxId < throughTxId && end < frame.records.length && end + recordSizeAt(view, end) - start <= room) {
    end += recordSizeAt(view, end);
    lastTxId += 1;
  }
  return { bytes: frame.records.subarray(start, end), lastTxId };
}

function lastPosition(slice: Slice): LogPosition {
  const view = viewOf(slice.bytes);
  let offset = 0;
  while (recordTxIdAt(view, offset) < slice.lastTxId) {
    offset += recordSizeAt(view, offset);
  }
  const { txId, term, hash } = decodeRecord(slice.bytes, offset);
  return { txId, term, hash: Buffer.from(hash) };
}
