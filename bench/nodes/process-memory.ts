import { readdirSync, readFileSync } from 'node:fs';

const bytesPerMegabyte = 1_000_000;

/** Resident memory of a process and of those that it started, in megabytes. */
export interface ProcessMemory {
  readonly processes: number;
  /** The process with the most: the node itself. */
  readonly mainMb: number;
  /** All of them. Pages that several processes share, such as those of the program, count once for each. */
  readonly treeMb: number;
}

/** Reads the memory of a process tree from /proc. */
export function measureMemory(rootPid: number): ProcessMemory {
  const sizes = treeOf(rootPid).map(residentMb);
  return { processes: sizes.length, mainMb: Math.max(...sizes), treeMb: sizes.reduce((sum, size) => sum + size, 0) };
}

function treeOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(treeOf)];
}

function residentMb(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kibibytes ?? Number.NaN) * 1024) / bytesPerMegabyte;
}
