import { operationKinds } from './operation-format.ts';

/** The operations of the record with which a primary begins its term: they change nothing. */
export function termStartOperations(): Uint8Array {
  return Uint8Array.of(operationKinds.termStart, 0);
}
