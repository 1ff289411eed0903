import { execFileSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import os from 'node:os';
import process from 'node:process';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly kernel: string;
  /** Type of the file system that the measured files are on. */
  readonly fileSystem: string;
  readonly freeDiskMiB: number;
}

const mebibyte = 1024 * 1024;

/** What the measurements ran on. */
export function describeMachine(directory: string): Machine {
  const disk = statfsSync(directory);
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryMiB: Math.round(os.totalmem() / mebibyte),
    kernel: `${os.type()} ${os.release()}`,
    fileSystem: fileSystemOf(directory),
    freeDiskMiB: Math.round((disk.bavail * disk.bsize) / mebibyte),
  };
}

function fileSystemOf(directory: string): string {
  try {
    return (
      execFileSync('df', ['--output=fstype', directory], { encoding: 'utf8' }).trim().split('\n').at(-1) ?? 'unknown'
    );
  } catch {
    return 'unknown';
  }
}

/** Versions of what was measured; `null` for a peer that is not installed. */
export function describeVersions(postgres: string | null): Readonly<Record<string, string | null>> {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return {
    node: process.versions.node,
    sqlite: process.versions.sqlite ?? 'unknown',
    quorate: manifest.version,
    postgres,
  };
}

/** One line for people. */
export function machineLine({ cpu, cores, memoryMiB, kernel, fileSystem }: Machine): string {
  return `${cpu}, ${cores} cores, ${Math.round(memoryMiB / 1024)} GiB, ${kernel}, ${fileSystem}; load ${os.loadavg()[0]?.toFixed(2)}`;
}
