import os from 'node:os';
import path from 'node:path';
import * as v from 'valibot';
import { QuorateError } from '../../errors/interface.ts';
import type { Runtime } from '../../runtime/interface.ts';
import { FileLock } from '../../sqlite/interface.ts';

const identitySchema = v.object({ nodeId: v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/)), nodeName: v.string() });

/** Who a node is, from its first start on. */
export interface NodeIdentity {
  /** 16 hexadecimal digits. */
  readonly nodeId: string;
  readonly nodeName: string;
}

/** The files of a node:
 *
 *     lock              held while the node runs
 *     node.json         its identity
 *     token-keys.json   sign the tokens it issues
 *     audit/            what was administered, by whom
 *     databases/NAME/   one database
 *     databases/NAME/unloaded   present when people have unloaded it
 *     work/             unfinished imports, exports and deletions; emptied at each start
 */
export class NodeDirectory implements Disposable {
  readonly #root: string;
  readonly #runtime: Runtime;
  readonly #lock: FileLock;
  #nextWorkName = 1;

  private constructor(root: string, runtime: Runtime, lock: FileLock) {
    this.#root = root;
    this.#runtime = runtime;
    this.#lock = lock;
  }

  /** Creates or opens the folder and keeps other processes out of it. @throws QuorateError DATABASE_LOCKED, IO_ERROR */
  static open(directory: string, runtime: Runtime): NodeDirectory {
    const root = path.resolve(directory);
    runtime.files.makeDirectorySync(root);
    const opened = new NodeDirectory(root, runtime, FileLock.acquire(path.join(root, 'lock')));
    runtime.files.removeSync(opened.#workPath);
    runtime.files.makeDirectorySync(opened.#workPath);
    runtime.files.makeDirectorySync(opened.#databasesPath);
    return opened;
  }

  get #workPath(): string {
    return path.join(this.#root, 'work');
  }

  get #databasesPath(): string {
    return path.join(this.#root, 'databases');
  }

  get tokenKeyPath(): string {
    return path.join(this.#root, 'token-keys.json');
  }

  get auditPath(): string {
    return path.join(this.#root, 'audit');
  }

  /** The identity of this node; made at the first start. `name` renames it. */
  identity(name: string | undefined): NodeIdentity {
    const file = path.join(this.#root, 'node.json');
    const stored = this.#runtime.files.existsSync(file) ? this.#readIdentity(file) : undefined;
    const identity = {
      nodeId: stored?.nodeId ?? Buffer.from(this.#runtime.random.bytes(8)).toString('hex'),
      nodeName: name ?? stored?.nodeName ?? os.hostname(),
    };
    if (identity.nodeName !== stored?.nodeName) {
      this.#runtime.files.writeFileAtomicSync(file, Buffer.from(`${JSON.stringify(identity, null, 2)}\n`));
    }
    return identity;
  }

  #readIdentity(file: string): NodeIdentity {
    try {
      return v.parse(identitySchema, JSON.parse(Buffer.from(this.#runtime.files.readFileSync(file)).toString()));
    } catch (cause) {
      throw new QuorateError('INVALID_ARGUMENT', `${file} is not what Quorate wrote`, {
        cause,
        hint: 'Restore it from a backup: replicas know this node by the id in it.',
      });
    }
  }

  databaseNames(): string[] {
    return this.#runtime.files.listSync(this.#databasesPath);
  }

  databasePath(name: string): string {
    return path.join(this.#databasesPath, name);
  }

  isUnloaded(name: string): boolean {
    return this.#runtime.files.existsSync(path.join(this.databasePath(name), 'unloaded'));
  }

  setUnloaded(name: string, unloaded: boolean): void {
    const marker = path.join(this.databasePath(name), 'unloaded');
    if (unloaded) {
      this.#runtime.files.writeFileAtomicSync(marker, new Uint8Array(0));
    } else {
      this.#runtime.files.removeSync(marker);
      this.#runtime.files.syncDirectorySync(this.databasePath(name));
    }
  }

  /** A path for something unfinished; whoever asks for it removes it. */
  newWorkPath(): string {
    const name = String(this.#nextWorkName);
    this.#nextWorkName += 1;
    return path.join(this.#workPath, name);
  }

  /** Makes a finished folder the folder of a database. */
  adoptDatabase(from: string, name: string): void {
    this.#runtime.files.renameSync(from, this.databasePath(name));
    this.#runtime.files.syncDirectorySync(this.#databasesPath);
  }

  /** After a crash a database is there or it is not; it is never half deleted. */
  deleteDatabase(name: string): void {
    const doomed = this.newWorkPath();
    this.#runtime.files.renameSync(this.databasePath(name), doomed);
    this.#runtime.files.syncDirectorySync(this.#databasesPath);
    this.#runtime.files.removeSync(doomed);
  }

  /** Removes what an unsuccessful creation has left. */
  discardDatabase(name: string): void {
    this.#runtime.files.removeSync(this.databasePath(name));
  }

  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }
}
