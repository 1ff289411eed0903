import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { FileWork, Hasher } from '../../src/database/file-work.ts';
import type { MaintenanceTask } from '../../src/database/maintenance.ts';
import { assertInvariant } from '../../src/errors/interface.ts';
import type { FileHandle, FileSystem } from '../../src/runtime/interface.ts';
import { type AppliedPosition, checkSnapshot } from '../../src/sqlite/interface.ts';
import type { Chance } from './chance.ts';
import type { SimulatedMachine } from './simulated-machine.ts';
import type { Owner, SimulatedTime } from './simulated-time.ts';

/** Milliseconds that a task may take before and after what it does. */
const taskMs = 40;

export interface SimulatedMaintenanceOptions {
  readonly time: SimulatedTime;
  readonly chance: Chance;
  readonly life: Owner;
  readonly machine: SimulatedMachine;
  /** The simulated disk as the process uses it. */
  readonly files: FileSystem;
}

/** Long work on whole files without a thread: it happens in one moment, some time after it was asked for. */
export function simulatedFileWork(options: SimulatedMaintenanceOptions): FileWork {
  const { time, chance, life } = options;
  const timePasses = () =>
    new Promise<void>((resolve) => time.after(chance.between(0.1, taskMs), life, () => resolve()));
  return {
    async run<T>(task: MaintenanceTask) {
      await timePasses();
      const value = run(task, options);
      await timePasses();
      return value as T;
    },
    hasher: (handle) => simulatedHasher(handle, timePasses),
  };
}

function simulatedHasher(handle: FileHandle, timePasses: () => Promise<void>): Hasher {
  return {
    advance: () => {},
    async digest(sizeBytes) {
      await timePasses();
      const content = Buffer.alloc(sizeBytes);
      const count = handle.readSync(content, 0);
      return Uint8Array.from(createHash('sha256').update(content.subarray(0, count)).digest());
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function run(task: MaintenanceTask, { files, machine }: SimulatedMaintenanceOptions): unknown {
  switch (task.task) {
    case 'snapshot':
      return copySnapshot(task.file, task.target, files);
    case 'check':
      machine.makeReal(task.file);
      return checkSnapshot(task.file);
    default:
      return assertInvariant(false, `nobody asks for ${task.task} in a simulation`);
  }
}

/** Copies what is committed, as SQLite's backup does, but in one moment. */
function copySnapshot(source: string, target: string, files: FileSystem): AppliedPosition {
  const copy = `${source}.copy`;
  for (const suffix of ['', '-wal']) {
    if (existsSync(`${source}${suffix}`)) {
      copyFileSync(`${source}${suffix}`, `${copy}${suffix}`);
    }
  }
  try {
    const connection = new DatabaseSync(copy);
    connection.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    connection.close();
    const position = checkSnapshot(copy);
    const handle = files.openSync(target, 'create');
    handle.writeSync(readFileSync(copy), 0);
    handle.closeSync();
    return position;
  } finally {
    for (const suffix of ['', '-wal', '-shm']) {
      rmSync(`${copy}${suffix}`, { force: true });
    }
  }
}
