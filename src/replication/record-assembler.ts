import { QuorateError } from '../errors/interface.ts';

/** Joins the parts of a record that was too large for one message; bounded by the largest record that is accepted. */
export class RecordAssembler {
  readonly #maxRecordBytes: number;
  #parts: Uint8Array[] = [];
  #sizeBytes = 0;

  constructor(maxRecordBytes: number) {
    this.#maxRecordBytes = maxRecordBytes;
  }

  /** Returns the whole records when the last part is there. @throws QuorateError MESSAGE_TOO_LARGE */
  add(part: Uint8Array, more: boolean): Uint8Array | undefined {
    if (!more && this.#parts.length === 0) {
      return part;
    }
    this.#sizeBytes += part.length;
    if (this.#sizeBytes > this.#maxRecordBytes) {
      throw new QuorateError('MESSAGE_TOO_LARGE', `a record exceeds ${this.#maxRecordBytes} bytes`, {
        hint: 'Raise max-record-bytes on the replica above max-transaction-bytes of its upstream.',
      });
    }
    this.#parts.push(part);
    if (more) {
      return undefined;
    }
    const whole = Buffer.allocUnsafeSlow(this.#sizeBytes);
    let offset = 0;
    for (const piece of this.#parts) {
      whole.set(piece, offset);
      offset += piece.length;
    }
    this.#parts = [];
    this.#sizeBytes = 0;
    return whole;
  }
}
