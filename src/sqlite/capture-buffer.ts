import { ByteWriter } from './byte-writer.ts';
import { operationKinds, rowItems, tableFlags } from './operation-format.ts';
import type { TableShape } from './table-shape.ts';

/** A moment of the buffer that it can be taken back to. */
export interface CaptureMark {
  readonly length: number;
  readonly rowsStart: number;
  readonly tableCount: number;
  readonly currentTable: number;
}

const noRows = -1;
const noTable = -1;
/** Kind and a length of one byte; more is inserted when the payload turns out longer. */
const headBytes = 2;

/** Collects the operations of one transaction in the order in which they happen. */
export class CaptureBuffer {
  readonly writer: ByteWriter;
  /** Where the open rows operation starts. */
  #rowsStart = noRows;
  /** Numbers of the tables named in the open rows operation. */
  #tables: number[] = [];
  #currentTable = noTable;

  constructor(limitBytes: number) {
    this.writer = new ByteWriter(limitBytes);
  }

  get length(): number {
    return this.writer.length;
  }

  clear(): void {
    this.writer.truncate(0);
    this.#rowsStart = noRows;
    this.#currentTable = noTable;
    this.#tables.length = 0;
  }

  mark(): CaptureMark {
    return {
      length: this.writer.length,
      rowsStart: this.#rowsStart,
      tableCount: this.#tables.length,
      currentTable: this.#currentTable,
    };
  }

  /** Forgets what was collected since `mark`. Not to be used over a closed rows operation: see `closeRows`. */
  rewind(mark: CaptureMark): void {
    this.writer.truncate(mark.length);
    this.#rowsStart = mark.rowsStart;
    this.#tables.length = mark.tableCount;
    this.#currentTable = mark.currentTable;
  }

  /** Makes a table the current one of the rows operation, which is opened when none is. */
  selectTable(table: TableShape): void {
    if (table.number === this.#currentTable) {
      return;
    }
    if (this.#rowsStart === noRows) {
      this.#rowsStart = this.writer.length;
      this.writer.byte(operationKinds.rows);
      this.writer.byte(0);
    }
    const index = this.#tables.indexOf(table.number);
    if (index >= 0) {
      this.writer.byte(rowItems.switchTable);
      this.writer.varint(index);
    } else {
      this.#nameTable(table);
    }
    this.#currentTable = table.number;
  }

  /** Ends the open rows operation: writes its length. Marks taken while it was open are no longer valid. */
  closeRows(): void {
    const start = this.#rowsStart;
    if (start === noRows) {
      return;
    }
    const payloadStart = start + headBytes;
    const payloadLength = this.writer.length - payloadStart;
    if (payloadLength > 127) {
      this.#insertLength(payloadStart, payloadLength);
    } else {
      this.writer.bytes[start + 1] = payloadLength;
    }
    this.#rowsStart = noRows;
    this.#currentTable = noTable;
    this.#tables.length = 0;
  }

  /** Appends an operation that is no rows operation. */
  append(kind: number, payload: Uint8Array): void {
    this.closeRows();
    this.writer.byte(kind);
    this.writer.sizedBytes(payload);
  }

  /** A copy of all operations. */
  take(): Uint8Array {
    this.closeRows();
    return Buffer.from(this.writer.bytes.subarray(0, this.writer.length));
  }

  #nameTable(table: TableShape): void {
    const keyed = table.keyedByPrimaryKey ? tableFlags.keyedByPrimaryKey : 0;
    this.writer.byte(rowItems.table);
    this.writer.name(table.name);
    this.writer.byte(keyed | (table.kind === 'shadow' ? tableFlags.shadow : 0));
    this.writer.varint(table.keyColumns.length);
    this.writer.varint(table.valueColumns.length);
    this.#tables.push(table.number);
  }

  #insertLength(payloadStart: number, payloadLength: number): void {
    const end = this.writer.length;
    let lengthBytes = 1;
    for (let rest = payloadLength; rest > 127; rest = Math.floor(rest / 128)) {
      lengthBytes++;
    }
    this.writer.reserve(lengthBytes - 1);
    this.writer.bytes.copyWithin(payloadStart + lengthBytes - 1, payloadStart, end);
    this.writer.length = payloadStart - 1;
    this.writer.varint(payloadLength);
    this.writer.length = end + lengthBytes - 1;
  }
}
