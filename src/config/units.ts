/** Larger units first; the ones that a value is shown in are the powers of 1024. */
const byteUnits: readonly (readonly [string, number])[] = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['GB', 1e9],
  ['MB', 1e6],
  ['kB', 1e3],
  ['B', 1],
];

const durationUnits: readonly (readonly [string, number])[] = [
  ['d', 24 * 60 * 60 * 1000],
  ['h', 60 * 60 * 1000],
  ['m', 60 * 1000],
  ['s', 1000],
  ['ms', 1],
];

/** Parses `16MiB`, `1.5GB` or a plain number of bytes; undefined when it is none of these. */
export function parseBytes(text: string): number | undefined {
  return parseQuantity(text, byteUnits, 1);
}

/** Parses `30s`, `1.5h` or `500ms` to milliseconds; a bare number other than 0 has no unit and is undefined. */
export function parseDurationMs(text: string): number | undefined {
  return parseQuantity(text, durationUnits, undefined);
}

function parseQuantity(text: string, units: readonly (readonly [string, number])[], bareFactor: number | undefined) {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  if (match === null) {
    return undefined;
  }
  const amount = Number(match[1]);
  const unit = (match[2] ?? '').toLowerCase();
  const factor = unit === '' ? bareFactor : units.find(([name]) => name.toLowerCase() === unit)?.[1];
  if (factor === undefined) {
    return amount === 0 && unit === '' ? 0 : undefined;
  }
  return Math.round(amount * factor);
}

/** The shortest exact form: 16777216 is `16MiB`. */
export function formatBytes(bytes: number): string {
  return formatQuantity(
    bytes,
    byteUnits.filter(([name]) => name.endsWith('iB')),
    'B',
  );
}

/** The shortest exact form: 90000 is `90s`, 60000 is `1m`. */
export function formatDuration(ms: number): string {
  return formatQuantity(ms, durationUnits, 'ms');
}

function formatQuantity(amount: number, units: readonly (readonly [string, number])[], smallest: string): string {
  const unit = units.find(([, factor]) => amount >= factor && amount % factor === 0);
  return unit === undefined ? `${amount}${smallest}` : `${amount / unit[1]}${unit[0]}`;
}
