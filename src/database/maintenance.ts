import { Worker } from 'node:worker_threads';
import { asQuorateError, QuorateError, type SerializedError } from '../errors/interface.ts';

/** Long work on a whole database file that must stop neither the network nor the writer. */
export type MaintenanceTask =
  | { readonly task: 'digest'; readonly file: string }
  | { readonly task: 'export'; readonly file: string; readonly target: string }
  | { readonly task: 'snapshot'; readonly file: string; readonly target: string }
  | { readonly task: 'check'; readonly file: string }
  | { readonly task: 'checkpoint'; readonly file: string };

/** Where long work on a whole file runs. */
export type MaintenanceRunner = <T>(task: MaintenanceTask) => Promise<T>;

export type MaintenanceAnswer = { readonly value: unknown } | { readonly error: SerializedError };

const entry = new URL(
  import.meta.url.endsWith('.ts') ? './maintenance-thread.ts' : './maintenance-thread.js',
  import.meta.url,
);

/** Runs a task on a thread of its own. */
export async function runMaintenance<T>(task: MaintenanceTask): Promise<T> {
  const worker = new Worker(entry, { workerData: task, name: `quorate ${task.task}` });
  const answer = Promise.withResolvers<MaintenanceAnswer>();
  worker.once('message', answer.resolve);
  worker.once('error', (error) => answer.reject(asQuorateError(error)));
  worker.once('exit', () =>
    answer.reject(new QuorateError('INTERNAL', `the ${task.task} thread ended without an answer`)),
  );
  const result = await answer.promise;
  if ('error' in result) {
    throw QuorateError.deserialize(result.error);
  }
  return result.value as T;
}

/** A database whose file may be closed or replaced while there is work on it. */
interface FileOwner {
  readonly name: string;
  readonly filePath: string;
  /** @throws QuorateError DATABASE_UNLOADED */
  requireOpen(): void;
}

/** Runs a task on the file that a database has now. @throws QuorateError DATABASE_UNLOADED, UNAVAILABLE when it has it no more */
export async function runOnFile<T>(owner: FileOwner, taskOn: (file: string) => MaintenanceTask): Promise<T> {
  const file = owner.filePath;
  try {
    return await runMaintenance<T>(taskOn(file));
  } catch (error) {
    owner.requireOpen();
    if (file !== owner.filePath) {
      throw new QuorateError('UNAVAILABLE', `the content of database ${owner.name} was replaced meanwhile`, {
        cause: error,
        hint: 'Try again.',
      });
    }
    throw error;
  }
}
