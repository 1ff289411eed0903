/**
 * 64-bit fields that are JavaScript numbers in the program: transaction ids and terms. Stored little endian like all
 * other fields; two 32-bit accesses are several times faster than a detour over `bigint`.
 */
export function writeSafeInteger(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value >>> 0, true);
  view.setUint32(offset + 4, Math.floor(value / 0x1_0000_0000), true);
}

/** The number at `offset`. It may lie beyond `Number.MAX_SAFE_INTEGER` in damaged bytes: the caller must check. */
export function readSafeInteger(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 0x1_0000_0000;
}
