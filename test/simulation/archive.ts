import { decodeRecords, type LogPosition, LogReader, type LogRecord } from '../../src/log/interface.ts';
import type { SimulatedNode } from './simulated-node.ts';

const readBytes = 1_000_000;

/** A record with its bytes as they stand in a log. */
export interface ArchivedRecord extends LogRecord {
  readonly bytes: Buffer;
}

/**
 * All records of the primary from the first one on, whatever its log has dropped meanwhile, and across changes of the
 * primary: the history that counts.
 */
export class Archive {
  /** `records[n]` is transaction `n + 1`. */
  readonly records: ArchivedRecord[] = [];
  #primary: SimulatedNode;

  constructor(primary: SimulatedNode) {
    this.#primary = primary;
  }

  get tip(): number {
    return this.records.length;
  }

  record(txId: number): ArchivedRecord | undefined {
    return this.records[txId - 1];
  }

  /** Takes over what has become durable on the primary. */
  async update(): Promise<void> {
    const { database } = this.#primary;
    const durable = database?.settings.role === 'primary' ? database.positions().durable : 0;
    if (durable > this.tip) {
      this.records.push(...(await recordsOf(this.#primary, this.tip + 1, durable)));
    }
  }

  /**
   * From now on another node writes the history, which goes on from what that node has. Returns what is no longer part of it.
   */
  async follow(node: SimulatedNode): Promise<readonly ArchivedRecord[]> {
    const { firstTxId } = node.database?.gauges.storage() ?? { firstTxId: 1 };
    const { durable = 0 } = node.database?.positions() ?? {};
    const own = durable >= firstTxId ? await recordsOf(node, firstTxId, durable) : [];
    const isCommon = (record: ArchivedRecord) => this.record(record.txId)?.bytes.equals(record.bytes) === true;
    const different = own.findIndex((record) => !isCommon(record));
    const common = different < 0 ? durable : firstTxId + different - 1;
    const lost = this.records.splice(common);
    this.records.push(...(different < 0 ? [] : own.slice(different)));
    this.#primary = node;
    return lost;
  }
}

/** Reads a part of the log of a node, as it stands on its disk. */
export async function recordsOf(node: SimulatedNode, firstTxId: number, lastTxId: number): Promise<ArchivedRecord[]> {
  const reader = LogReader.open(node.machine.files, node.machine.logDirectory);
  const records: ArchivedRecord[] = [];
  for (let next = Math.max(firstTxId, 1); next <= lastTxId; ) {
    const batch = await reader.read(next, lastTxId, readBytes);
    const bytes = Buffer.from(batch.bytes);
    let offset = 0;
    for (const record of decodeRecords(bytes)) {
      records.push({ ...record, bytes: bytes.subarray(offset, offset + record.sizeBytes) });
      offset += record.sizeBytes;
    }
    next = batch.lastTxId + 1;
  }
  reader.close();
  return records;
}

/** A place in the log of a node, or right before it, as it stands on its disk. */
export async function positionIn({ machine }: SimulatedNode, txId: number): Promise<LogPosition | undefined> {
  using reader = LogReader.open(machine.files, machine.logDirectory);
  return await reader.positionOf(txId);
}
