/** Entry of a thread that reads a whole database file. */
import { parentPort, workerData } from 'node:worker_threads';
import { asQuorateError } from '../errors/interface.ts';
import { nodeFileSystem } from '../runtime/interface.ts';
import { copySnapshot, exportDatabase, logicalDigest } from '../sqlite/interface.ts';
import type { MaintenanceAnswer, MaintenanceTask } from './maintenance.ts';
import { hashFile, verifySnapshot } from './snapshot-file.ts';

async function run(task: MaintenanceTask): Promise<unknown> {
  switch (task.task) {
    case 'digest':
      return logicalDigest(task.file);
    case 'export':
      return exportDatabase(task.file, task.target);
    case 'snapshot':
      return copySnapshot(task.file, task.target);
    case 'hash':
      return hashFile(nodeFileSystem, task.file);
    case 'verify':
      return verifySnapshot(nodeFileSystem, task.file, task.sha256);
  }
}

const answer: MaintenanceAnswer = await run(workerData as MaintenanceTask).then(
  (value) => ({ value }),
  (error: unknown) => ({ error: asQuorateError(error).serialize() }),
);
parentPort?.postMessage(answer);
