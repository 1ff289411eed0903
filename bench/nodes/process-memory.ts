import { readdirSync, readFileSync } from 'node:fs';

const bytesPerMegabyte = 1_000_000;

/** Resident memory of a process and of those that it started, in megabytes. */
export interface ProcessMemory {
  readonly processes: number;
  /** The process with the most: the node itself. */
  readonly mainMb: number;
  /** All of them. Pages that several processes share, such as those of the program, count once for each. */
  readonly treeMb: number;
  /** All of them, with the pages of files counted once: what the machine would have back. */
  readonly treeOnceMb: number;
}

/** Reads the memory of a process tree from /proc. */
export function measureMemory(rootPid: number): ProcessMemory {
  const sizes = treeOf(rootPid).map(residentMb);
  const sum = (part: (size: Resident) => number) => sizes.reduce((total, size) => total + part(size), 0);
  return {
    processes: sizes.length,
    mainMb: Math.max(...sizes.map(({ allMb }) => allMb)),
    treeMb: sum(({ allMb }) => allMb),
    treeOnceMb: sum(({ allMb, fileMb }) => allMb - fileMb) + Math.max(...sizes.map(({ fileMb }) => fileMb)),
  };
}

/** Memory of one process, and the part of it that is pages of files. */
interface Resident {
  readonly allMb: number;
  readonly fileMb: number;
}

/** Of the kernel's counters of processor time, https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html. */
const ticksPerSecond = 100;

/** Seconds of processor time that a process and those that it started have used. */
export function processorSeconds(rootPid: number): number {
  return treeOf(rootPid).reduce((sum, pid) => sum + ticksOf(pid), 0) / ticksPerSecond;
}

function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name of the program, in parentheses, may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function treeOf(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(treeOf)];
}

function residentMb(pid: number): Resident {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) => {
    const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
    return (Number(kibibytes ?? Number.NaN) * 1024) / bytesPerMegabyte;
  };
  return { allMb: field('VmRSS'), fileMb: field('RssFile') };
}
