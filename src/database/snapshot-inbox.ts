import path from 'node:path';
import * as v from 'valibot';
import { asQuorateError, QuorateError } from '../errors/interface.ts';
import type { Term } from '../log/interface.ts';
import type { FileSystem } from '../runtime/interface.ts';
import { requireFreeBytes } from './disk-floor.ts';
import { type FileWork, threadedFileWork } from './file-work.ts';
import { ReceivedFile } from './received-file.ts';
import { staleTerm } from './terms.ts';
import type { SnapshotHeader, SnapshotInbox } from './types.ts';

export interface FileInboxOptions {
  readonly files: FileSystem;
  /** See DatabaseContext. */
  readonly fileWork?: FileWork | undefined;
  /** Folder of what is received. */
  readonly directory: string;
  readonly minFreeBytes: number;
  /** Whether nothing but a snapshot is wanted. */
  readonly isRequired: () => boolean;
  /** Refuses a snapshot that does not fit this database. */
  readonly check: (header: SnapshotHeader) => Promise<void>;
  /** Looks at the content of the complete file. @throws QuorateError DATABASE_CORRUPT when it is not what it should be */
  readonly verify: (filePath: string, header: SnapshotHeader) => Promise<void>;
  /** Takes over the complete file, which is durable and verified; `mayInstall` throws when it is not to be after all. */
  readonly install: (filePath: string, header: SnapshotHeader, mayInstall: () => void) => Promise<void>;
  /** The highest term that was promised. */
  readonly promisedTerm: () => Term;
}

const hexadecimal = v.pipe(
  v.string(),
  v.transform((text) => Uint8Array.from(Buffer.from(text, 'hex'))),
);

const stateSchema = v.object({
  snapshotId: v.string(),
  sizeBytes: v.number(),
  databaseId: hexadecimal,
  position: v.object({ txId: v.number(), term: v.number(), hash: hexadecimal }),
});

/**
 * A snapshot on its way in: `state.json` says which one, and the size of the file how much of it. Nothing waits for an fsync on
 * the way, since the hash of the whole file tells whether a power loss has taken some of it.
 */
export class FileInbox implements SnapshotInbox {
  readonly #options: FileInboxOptions;
  #header: SnapshotHeader | undefined;
  #file: ReceivedFile | undefined;
  #sizeBytes = 0;
  /** What the sender was told. */
  #promisedTerm = 0;

  constructor(options: FileInboxOptions) {
    this.#options = options;
    this.#header = this.#readState();
    this.#sizeBytes = this.#header === undefined ? 0 : options.files.fileSizeSync(this.#filePath);
  }

  get #statePath(): string {
    return path.join(this.#options.directory, 'state.json');
  }

  get #filePath(): string {
    return path.join(this.#options.directory, 'data.sqlite');
  }

  get isRequired(): boolean {
    return this.#options.isRequired();
  }

  received(): { snapshotId: string; bytes: number } {
    return { snapshotId: this.#header?.snapshotId ?? '', bytes: this.#sizeBytes };
  }

  async begin(header: SnapshotHeader, offset: number, promisedTerm: Term): Promise<void> {
    this.#promisedTerm = promisedTerm;
    this.#checkTerm();
    const { files, fileWork = threadedFileWork, directory, minFreeBytes, check } = this.#options;
    await check(header);
    const goesOn = this.#header?.snapshotId === header.snapshotId && offset > 0;
    if (goesOn ? offset !== this.#sizeBytes : offset !== 0) {
      throw new QuorateError('PROTOCOL_ERROR', `the snapshot begins at ${offset}, but ${this.#sizeBytes} are here`);
    }
    if (!goesOn) {
      await this.discard();
      files.makeDirectorySync(directory);
      requireFreeBytes(files, directory, header.sizeBytes, minFreeBytes);
      this.#writeState(header);
      files.openSync(this.#filePath, 'create').closeSync();
    }
    this.#header = header;
    await this.pause();
    this.#file = new ReceivedFile(files, this.#filePath, this.#sizeBytes, fileWork);
  }

  /** The sender may have been overtaken by a primary of a later term since it was asked. */
  #checkTerm(): void {
    const latest = this.#options.promisedTerm();
    if (latest > this.#promisedTerm) {
      throw staleTerm(this.#promisedTerm, latest);
    }
  }

  async write(offset: number, content: Uint8Array): Promise<void> {
    if (this.#file === undefined || this.#header === undefined) {
      throw new QuorateError('PROTOCOL_ERROR', 'a piece of a snapshot came before its header');
    }
    if (offset !== this.#sizeBytes || offset + content.length > this.#header.sizeBytes) {
      throw new QuorateError('PROTOCOL_ERROR', `a piece of the snapshot at ${offset} came at ${this.#sizeBytes}`);
    }
    await this.#file.append(content);
    this.#sizeBytes += content.length;
  }

  async install(sha256: Uint8Array): Promise<void> {
    const header = this.#header;
    const file = this.#file;
    if (header === undefined || file === undefined || this.#sizeBytes !== header.sizeBytes) {
      throw new QuorateError('PROTOCOL_ERROR', `the snapshot ended after ${this.#sizeBytes} bytes`);
    }
    const { check, verify, install } = this.#options;
    try {
      await file.complete(sha256, () => verify(this.#filePath, header));
      await this.pause();
      await check(header);
      await install(this.#filePath, header, () => this.#checkTerm());
    } catch (error) {
      await this.#keepIfUsable(asQuorateError(error));
      throw error;
    }
    await this.discard();
  }

  /** After a lack of space, say, the next attempt goes on with what is here. */
  async #keepIfUsable(reason: QuorateError): Promise<void> {
    const isDamaged = reason.code === 'DATABASE_CORRUPT' || reason.code === 'PROTOCOL_ERROR';
    if (isDamaged || !this.#options.files.existsSync(this.#filePath)) {
      await this.discard();
    }
  }

  async pause(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async discard(): Promise<void> {
    await this.pause();
    this.#header = undefined;
    this.#sizeBytes = 0;
    this.#options.files.removeSync(this.#options.directory);
  }

  #writeState({ snapshotId, sizeBytes, databaseId, position }: SnapshotHeader): void {
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
    const { txId, term, hash } = position;
    const state = { snapshotId, sizeBytes, databaseId: hex(databaseId), position: { txId, term, hash: hex(hash) } };
    this.#options.files.writeFileAtomicSync(this.#statePath, Buffer.from(`${JSON.stringify(state, null, 2)}\n`));
  }

  /** What cannot be read is of no use: the copy begins anew. */
  #readState(): SnapshotHeader | undefined {
    const { files } = this.#options;
    if (!files.existsSync(this.#statePath) || !files.existsSync(this.#filePath)) {
      return undefined;
    }
    try {
      return v.parse(stateSchema, JSON.parse(Buffer.from(files.readFileSync(this.#statePath)).toString()));
    } catch {
      return undefined;
    }
  }
}
