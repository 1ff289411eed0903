import { asQuorateError, type QuorateError } from '../errors/interface.ts';
import { type CapturedTransaction, importDatabase, type PrimaryConnection } from '../sqlite/interface.ts';
import type { Call } from './writer-role.ts';

/** One import of a SQLite file: a chunk at a time, each a transaction of its own. */
export class ImportRun {
  readonly #chunks: ReturnType<typeof importDatabase>;
  readonly #call: Call;

  constructor(connection: PrimaryConnection, sourcePath: string, call: Call) {
    this.#chunks = importDatabase(connection, sourcePath);
    this.#call = call;
  }

  /** Runs one chunk and hands it to `commit`; returns whether there is more. After an error it has ended. */
  step(commit: (captured: CapturedTransaction) => void): boolean {
    try {
      const next = this.#chunks.next();
      if (next.done === true) {
        this.#call.succeed(undefined);
        return false;
      }
      commit(next.value.captured);
      return true;
    } catch (error) {
      this.abort(asQuorateError(error));
      return false;
    }
  }

  abort(reason: QuorateError): void {
    this.#chunks.return();
    this.#call.fail(reason);
  }
}
