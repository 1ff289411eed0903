/** Entry of a thread that reads a whole database file. */
import { parentPort, workerData } from 'node:worker_threads';
import { asQuorateError } from '../errors/interface.ts';
import { checkpointFile, checkSnapshot, copySnapshot, exportDatabase, logicalDigest } from '../sqlite/interface.ts';
import type { MaintenanceAnswer, MaintenanceTask } from './maintenance.ts';

async function run(task: MaintenanceTask): Promise<unknown> {
  switch (task.task) {
    case 'digest':
      return logicalDigest(task.file);
    case 'export':
      return exportDatabase(task.file, task.target);
    case 'snapshot':
      return copySnapshot(task.file, task.target);
    case 'check':
      return checkSnapshot(task.file);
    case 'checkpoint':
      return checkpointFile(task.file);
  }
}

const answer: MaintenanceAnswer = await run(workerData as MaintenanceTask).then(
  (value) => ({ value }),
  (error: unknown) => ({ error: asQuorateError(error).serialize() }),
);
parentPort?.postMessage(answer);
