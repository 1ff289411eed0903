import type { DatabaseStatus, SnapshotProgress } from '../proto/interface.ts';

const defaultBarWidth = 30;
const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Bytes for people: three digits or so, and a unit. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A bar, the share, the bytes, the rate and the time left. */
export function progressText(
  { receivedBytes, sizeBytes, bytesPerSecond, secondsLeft }: SnapshotProgress,
  barWidth = defaultBarWidth,
): string {
  const share = sizeBytes === 0 ? 1 : receivedBytes / sizeBytes;
  const filled = Math.round(share * barWidth);
  const bar = '#'.repeat(filled) + '.'.repeat(barWidth - filled);
  const left = bytesPerSecond > 0 ? `, ${Math.ceil(secondsLeft)} s left` : '';
  const percent = Math.floor(share * 100);
  return `[${bar}] ${percent} %  ${bytesText(receivedBytes)} of ${bytesText(sizeBytes)}, ${bytesText(bytesPerSecond)}/s${left}`;
}

/** One line for each snapshot that is on its way in. */
export function seedingText(databases: readonly DatabaseStatus[]): string {
  return databases
    .flatMap(({ database, replicator }) =>
      replicator?.snapshot === undefined
        ? []
        : [`${database}: ${replicator.state} a snapshot  ${progressText(replicator.snapshot)}\n`],
    )
    .join('');
}

/** What the log of a database is kept for, and what room there is. */
export function storageText({ storage, logSizeBytes, tipTxId }: DatabaseStatus): string {
  if (storage === undefined) {
    return '';
  }
  const { firstTxId, retentionBytes, retentionMaxBytes, freeBytes, minFreeBytes, holds } = storage;
  const refused = freeBytes < minFreeBytes ? ' (WRITES ARE REFUSED NOW)' : '';
  const lines = [
    `database file  ${bytesText(storage.databaseSizeBytes)}`,
    `log            ${bytesText(logSizeBytes)}, transactions ${firstTxId} to ${tipTxId}`,
    `log is kept    up to ${bytesText(retentionBytes)}, for replicas up to ${bytesText(retentionMaxBytes)}`,
    `disk           ${bytesText(freeBytes)} free, writes are refused below ${bytesText(minFreeBytes)}${refused}`,
    ...holds.map(({ replicaName, durableTxId, lost }) =>
      lost
        ? `${replicaName} has ${durableTxId}, which is too far behind: it needs a snapshot`
        : `${replicaName} has ${durableTxId}; later transactions are kept for it`,
    ),
  ];
  return lines.map((line) => `${line}\n`).join('');
}
