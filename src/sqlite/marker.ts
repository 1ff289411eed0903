import { assertInvariant } from '../errors/interface.ts';
import { operationKinds } from './operation-format.ts';

/** Bytes of the id of a marker. */
export const markerIdBytes = 16;

const headerBytes = 2;

/** The operations of a record that is nothing but a marker: it changes no data, and names a place in the log. */
export function markerOperations(id: Uint8Array): Uint8Array {
  assertInvariant(id.length === markerIdBytes, 'the id of a marker has 16 bytes');
  return Uint8Array.of(operationKinds.marker, markerIdBytes, ...id);
}

/** The id of the marker that these operations are; undefined for all others. */
export function markerOf(operations: Uint8Array): Uint8Array | undefined {
  const isMarker =
    operations.length === headerBytes + markerIdBytes &&
    operations[0] === operationKinds.marker &&
    operations[1] === markerIdBytes;
  return isMarker ? operations.subarray(headerBytes) : undefined;
}
