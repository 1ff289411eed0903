import type { Runtime } from '../runtime/interface.ts';
import type { FileWork } from './file-work.ts';
import type { DatabaseLimits } from './limits.ts';
import type { WriterStarter } from './writer-link.ts';

/** What a node gives to each of its databases. */
export interface DatabaseContext {
  readonly runtime: Runtime;
  readonly name: string;
  /** Folder of this database alone; docs/snapshots.md shows what is in it. */
  readonly directory: string;
  /** Identity of the node, written into every record that begins here. */
  readonly origin: bigint;
  readonly limits: DatabaseLimits;
  /** Gives up the opening of a database. */
  readonly signal?: AbortSignal | undefined;
  /** Where the writer runs; a thread of its own unless told otherwise. */
  readonly startWriter?: WriterStarter | undefined;
  /** Address of the module that the writer takes feeds from; without it there are none. */
  readonly feedModule?: string | undefined;
  /** Where long work on whole files is done; on threads of its own unless told otherwise. */
  readonly fileWork?: FileWork | undefined;
  /** Called when the SQLite file is another one, so that readers of the old one change over. */
  readonly onFileReplaced?: ((oldPath: string, newPath: string) => void) | undefined;
}
