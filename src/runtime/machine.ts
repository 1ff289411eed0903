import fs from 'node:fs';
import process from 'node:process';
import { QuorateError } from '../errors/interface.ts';

/** What the processes of one machine have in common. */
export interface Machine {
  /** Differs after each start of the machine; empty where it is not known. */
  readonly bootId: string;
  /** Milliseconds by a clock that all processes of the machine share until it starts again, never going back. */
  monotonicMs(): number;
  /** Changes when another file takes the place of this one; undefined when there is none. */
  fileId(filePath: string): string | undefined;
  /** Gives a file a second name, unless there is a file of that name already. @throws QuorateError IO_ERROR */
  giveName(filePath: string, name: string): void;
  /** Name of the network file system that a path is on; undefined for one of this machine. @throws QuorateError IO_ERROR */
  networkFileSystem(filePath: string): string | undefined;
}

/** Numbers of statfs(2) for file systems that other machines write to, or whose locks may not hold. */
const networkFileSystems = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'SMB'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x7461636f, 'OCFS2'],
  [0x01161970, 'GFS2'],
  [0x01021997, '9P'],
  [0x65735546, 'FUSE'],
]);

export const machine: Machine = {
  bootId: readBootId(),
  // Linux: CLOCK_MONOTONIC, which counts from the start of the machine for every process in the same time namespace.
  monotonicMs: () => Number(process.hrtime.bigint() / 1000n) / 1000,
  fileId(filePath) {
    const found = fs.statSync(filePath, { bigint: true, throwIfNoEntry: false });
    return found === undefined ? undefined : `${found.ino}`;
  },
  giveName(filePath, name) {
    try {
      fs.linkSync(filePath, name);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw new QuorateError('IO_ERROR', `cannot link ${name}: ${(cause as Error).message}`, { cause });
      }
    }
  },
  networkFileSystem(filePath) {
    try {
      return networkFileSystems.get(fs.statfsSync(filePath).type);
    } catch (cause) {
      throw new QuorateError('IO_ERROR', `cannot examine ${filePath}: ${(cause as Error).message}`, { cause });
    }
  },
};

/** Processes in different time namespaces (time_namespaces(7)) share no clock, so they count as different machines. */
function readBootId(): string {
  if (process.platform !== 'linux') {
    return '';
  }
  return `${fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${timeNamespace()}`;
}

function timeNamespace(): string {
  try {
    return fs.readlinkSync('/proc/self/ns/time');
  } catch {
    return '';
  }
}
