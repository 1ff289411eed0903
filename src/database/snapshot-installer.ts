import path from 'node:path';
import { QuorateError } from '../errors/interface.ts';
import type { AppliedPosition } from '../sqlite/interface.ts';
import { buildContent } from './content-building.ts';
import type { DatabaseContext } from './database-context.ts';
import type { DatabaseFiles } from './database-files.ts';
import { threadedFileWork } from './file-work.ts';
import type { SavedRecords } from './saved-records.ts';
import { FileInbox } from './snapshot-inbox.ts';
import type { ReplicationSink, SnapshotHeader } from './types.ts';

export interface SnapshotInstallerOptions {
  readonly context: Pick<DatabaseContext, 'runtime' | 'directory' | 'limits' | 'name' | 'fileWork'>;
  /** What the database has on disk now. */
  readonly files: Pick<DatabaseFiles, 'content' | 'replaceThrough' | 'promise'>;
  readonly sink: () => ReplicationSink;
  /** Saves all records of the log in a readable form. */
  readonly saveRecords: () => Promise<SavedRecords>;
  /** Makes a complete content the one that counts, by one atomic write, and changes over to it. */
  readonly changeContent: (content: number) => Promise<void>;
}

/** Puts a received snapshot in the place of what a replica has. */
export class SnapshotInstaller {
  readonly #options: SnapshotInstallerOptions;

  constructor(options: SnapshotInstallerOptions) {
    this.#options = options;
  }

  /**
   * Committed transactions never go, unless a person has said so and what only this replica has of them is saved: a snapshot
   * that lacks some is of another history, or too old.
   * @throws QuorateError DIVERGED, WRONG_DATABASE
   */
  async check({ databaseId, position }: SnapshotHeader): Promise<void> {
    const sink = this.#options.sink();
    if (sink.databaseId !== undefined && Buffer.compare(sink.databaseId, databaseId) !== 0) {
      throw new QuorateError('WRONG_DATABASE', 'the snapshot is of another database than this replica', {
        hint: 'Delete this replica and create it again, or point it at the right upstream.',
      });
    }
    const { committed, durable } = await sink.ends();
    const { replaceThrough } = this.#options.files;
    const isOlder = committed.txId < position.txId;
    const isSame = committed.txId === position.txId && Buffer.compare(committed.hash, position.hash) === 0;
    const mayGo = replaceThrough !== undefined && durable.txId <= replaceThrough;
    if (committed.txId > 0 && !isOlder && !isSame && !mayGo) {
      throw diverged(position.txId, committed.txId, this.#options.context.name);
    }
  }

  /** @throws QuorateError DATABASE_CORRUPT when the file is not a sound database at the position that was said; IO_ERROR */
  async verify(filePath: string, { position }: SnapshotHeader): Promise<void> {
    const { fileWork = threadedFileWork } = this.#options.context;
    const found = await fileWork.run<AppliedPosition>({ task: 'check', file: filePath });
    if (found.txId !== position.txId || Buffer.compare(found.hash, position.hash) !== 0) {
      throw new QuorateError('DATABASE_CORRUPT', 'the snapshot is not at the position that was said', {
        hint: 'It is copied again; look at the upstream if that repeats itself.',
      });
    }
  }

  /**
   * Exchanges the content: everything is prepared and durable before the one atomic write that decides.
   * @param mayInstall is asked at the last moment
   * @throws QuorateError DISK_FULL, IO_ERROR, and what `mayInstall` throws
   */
  async install(filePath: string, header: SnapshotHeader, mayInstall: () => void): Promise<void> {
    const { runtime, directory, limits } = this.#options.context;
    await this.#saveUncertain(header);
    const content = this.#options.files.content + 1;
    const segmentSizeBytes = limits.logSegmentBytes;
    buildContent(runtime.files, { databaseDirectory: directory, content, header, filePath, segmentSizeBytes });
    mayInstall();
    await this.#options.changeContent(content);
  }

  /**
   * Within one term there is one history, so records of the snapshot's own term are in it. Others may have been committed by
   * a former primary alone; the upstream has dropped what they could be compared with, so they are saved before they go.
   */
  async #saveUncertain({ position }: SnapshotHeader): Promise<void> {
    const { context, files, sink, saveRecords } = this.#options;
    const { durable } = await sink().ends();
    if (durable.txId === 0 || durable.term === position.term || files.replaceThrough !== undefined) {
      return;
    }
    const { transactions, file } = await saveRecords();
    if (transactions > 0) {
      context.runtime.logger.warn(
        { database: context.name, transactions, file },
        'the log of an earlier term gives way to a snapshot and was saved: the upstream may not have all of it',
      );
    }
  }
}

/** Where a replica takes snapshots in: what an earlier life has received is there already. */
export function openInbox(options: SnapshotInstallerOptions): FileInbox {
  const installer = new SnapshotInstaller(options);
  const { runtime, directory, limits } = options.context;
  return new FileInbox({
    files: runtime.files,
    fileWork: options.context.fileWork,
    directory: path.join(directory, 'snapshot'),
    minFreeBytes: limits.minFreeBytes,
    isRequired: () => options.files.replaceThrough !== undefined,
    check: (header) => installer.check(header),
    verify: (filePath, header) => installer.verify(filePath, header),
    install: (filePath, header, mayInstall) => installer.install(filePath, header, mayInstall),
    promisedTerm: () => options.files.promise?.term ?? 0,
  });
}

function diverged(snapshotTxId: number, committedTxId: number, name: string): QuorateError {
  return new QuorateError(
    'DIVERGED',
    `the snapshot at transaction ${snapshotTxId} does not have transaction ${committedTxId}, which is committed here`,
    {
      hint: `Two nodes were primary at once, or the upstream was restored. If the history of the upstream counts: quorate database rejoin ${name}`,
      details: { snapshotTxId, committedTxId },
    },
  );
}
