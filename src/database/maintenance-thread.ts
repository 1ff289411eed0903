/** Entry of a thread that reads a whole database file. */
import { parentPort, workerData } from 'node:worker_threads';
import { asQuorateError } from '../errors/interface.ts';
import { exportDatabase, logicalDigest } from '../sqlite/interface.ts';
import type { MaintenanceAnswer, MaintenanceTask } from './maintenance.ts';

async function run(task: MaintenanceTask): Promise<unknown> {
  return task.task === 'digest' ? logicalDigest(task.file) : exportDatabase(task.file, task.target);
}

const answer: MaintenanceAnswer = await run(workerData as MaintenanceTask).then(
  (value) => ({ value }),
  (error: unknown) => ({ error: asQuorateError(error).serialize() }),
);
parentPort?.postMessage(answer);
