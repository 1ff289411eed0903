/** A moment in milliseconds since 1970 as people and programs read it, such as 2026-01-31T12:00:00.000Z. */
export function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
