import { ByteReader } from './byte-reader.ts';

export interface OperationPart {
  /** One of `operationKinds`. */
  readonly kind: number;
  /** A view into the operations. */
  readonly payload: Uint8Array;
}

/** The operations of a record, one by one. @throws QuorateError PROTOCOL_ERROR */
export function* listOperations(operations: Uint8Array): Generator<OperationPart> {
  const reader = new ByteReader(operations);
  while (!reader.done) {
    const kind = reader.byte();
    yield { kind, payload: reader.sizedView() };
  }
}
