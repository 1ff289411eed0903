import path from 'node:path';
import { QuorateError } from '../errors/interface.ts';
import { SimulatedFile } from './simulated-file.ts';
import type { FileHandle, FileSystem, Random } from './types.ts';

/** One call that changes something, as the fault plan sees it. */
export interface SimulatedOperation {
  /** 0, 1, 2 … over the life of the file system. */
  readonly index: number;
  readonly kind: 'create' | 'write' | 'truncate' | 'sync' | 'make-directory' | 'rename' | 'remove' | 'sync-directory';
  readonly path: string;
}

/**
 * What goes wrong with an operation. `disk-full`: a write does a part of its work, everything else nothing. `io-error`:
 * a write does a part or all of it, a sync leaves some sectors unwritten for good. `power-loss`: it and everything after it fails until
 * `restart`; the operation itself may or may not have its effect.
 */
export type SimulatedFault = 'disk-full' | 'io-error' | 'power-loss';

export type FaultPlan = (operation: SimulatedOperation) => SimulatedFault | undefined;

type Node = SimulatedFile | 'directory';

type NameChange =
  | { readonly kind: 'link'; readonly path: string; readonly node: Node }
  | { readonly kind: 'unlink'; readonly path: string }
  | { readonly kind: 'rename'; readonly path: string; readonly from: string };

/**
 * Files in memory that behave like a disk behind a page cache. What was not fsynced may be lost, sector by sector; what
 * was done to a directory and not synced may be lost, change by change. All chance comes from the given `Random`.
 */
export class SimulatedFileSystem implements FileSystem {
  readonly #random: Random;
  #names = new Map<string, Node>([['/', 'directory']]);
  #durableNames = new Map(this.#names);
  #pendingNames: NameChange[] = [];
  #plan: FaultPlan = () => undefined;
  #operations = 0;
  /** Grows with every restart; handles of an earlier life do not work any more. */
  #life = 0;
  #hasPower = true;
  #freeBytes = Number.MAX_SAFE_INTEGER;

  constructor(random: Random) {
    this.#random = random;
  }

  /** How many changing operations were begun. */
  get operations(): number {
    return this.#operations;
  }

  /** Decides from now on which operations fail. */
  planFaults(plan: FaultPlan): void {
    this.#plan = plan;
  }

  /** What the machine finds after a power loss: a random part of everything that was not synced is gone. */
  losePower(): void {
    for (const change of this.#pendingNames) {
      if (this.#random.next() < 0.5) {
        applyNameChange(this.#durableNames, change);
      }
    }
    const survivors = new Map<Node, Node>();
    for (const [name, node] of this.#durableNames) {
      if (hasParent(this.#durableNames, name)) {
        survivors.set(node, survivors.get(node) ?? (node === 'directory' ? node : node.afterPowerLoss(this.#random)));
      } else {
        this.#durableNames.delete(name);
      }
    }
    this.#durableNames = new Map([...this.#durableNames].map(([name, node]) => [name, survivors.get(node) ?? node]));
    this.#names = new Map(this.#durableNames);
    this.#pendingNames = [];
    this.restart();
  }

  /** Ends the process that used the files, as kill -9 does: its handles are gone, and the page cache stays. */
  restart(): void {
    this.#life += 1;
    this.#hasPower = true;
    this.#plan = () => undefined;
  }

  openSync(filePath: string, mode: 'read' | 'readwrite' | 'create'): FileHandle {
    this.#checkPower();
    const existing = this.#names.get(filePath);
    if (mode === 'create') {
      return this.#createFile(filePath, existing);
    }
    return this.#handle(filePath, this.#fileAt(filePath, existing), mode === 'readwrite');
  }

  existsSync(filePath: string): boolean {
    this.#checkPower();
    return this.#names.has(filePath);
  }

  fileSizeSync(filePath: string): number {
    this.#checkPower();
    const node = this.#names.get(filePath);
    return node === undefined || node === 'directory' ? 0 : node.sizeBytes;
  }

  listSync(directory: string): string[] {
    this.#checkPower();
    const children = [...this.#names.keys()].filter((name) => name !== '/' && path.posix.dirname(name) === directory);
    return children.map((name) => path.posix.basename(name)).sort();
  }

  makeDirectorySync(directory: string): void {
    if (this.#names.get(directory) !== 'directory') {
      this.makeDirectorySync(path.posix.dirname(directory));
      this.#begin('make-directory', directory);
      this.#change({ kind: 'link', path: directory, node: 'directory' });
    }
  }

  renameSync(from: string, to: string): void {
    this.#fileAt(from, this.#names.get(from));
    this.#begin('rename', from);
    this.#change({ kind: 'rename', path: to, from });
  }

  removeSync(filePath: string): void {
    this.#checkPower();
    const below = [...this.#names.keys()].filter((name) => name === filePath || name.startsWith(`${filePath}/`));
    for (const name of below.reverse()) {
      this.#begin('remove', name);
      this.#change({ kind: 'unlink', path: name });
    }
  }

  syncDirectorySync(directory: string): void {
    this.#begin('sync-directory', directory);
    const belongs = (change: NameChange) => path.posix.dirname(change.path) === directory;
    for (const change of this.#pendingNames.filter(belongs)) {
      applyNameChange(this.#durableNames, change);
    }
    this.#pendingNames = this.#pendingNames.filter((change) => !belongs(change));
  }

  readFileSync(filePath: string): Uint8Array {
    this.#checkPower();
    return this.#fileAt(filePath, this.#names.get(filePath)).bytes.slice();
  }

  writeFileAtomicSync(filePath: string, content: Uint8Array): void {
    const temporary = `${filePath}.tmp`;
    this.removeSync(temporary);
    const handle = this.openSync(temporary, 'create');
    handle.writeSync(content, 0);
    handle.syncSync();
    handle.closeSync();
    this.renameSync(temporary, filePath);
    this.syncDirectorySync(path.posix.dirname(filePath));
  }

  freeBytesSync(_filePath: string): number {
    this.#checkPower();
    return this.#freeBytes;
  }

  /** What `freeBytesSync` answers from now on; writes still succeed unless a fault is planned. */
  setFreeBytes(freeBytes: number): void {
    this.#freeBytes = freeBytes;
  }

  #createFile(filePath: string, existing: Node | undefined): FileHandle {
    if (existing !== undefined || !this.#names.has(path.posix.dirname(filePath))) {
      throw fileError(filePath, existing === undefined ? 'ENOENT' : 'EEXIST');
    }
    this.#begin('create', filePath);
    const file = new SimulatedFile();
    this.#change({ kind: 'link', path: filePath, node: file });
    return this.#handle(filePath, file, true);
  }

  #fileAt(filePath: string, node: Node | undefined): SimulatedFile {
    if (node === undefined || node === 'directory') {
      throw fileError(filePath, node === undefined ? 'ENOENT' : 'EISDIR');
    }
    return node;
  }

  #change(change: NameChange): void {
    applyNameChange(this.#names, change);
    this.#pendingNames.push(change);
  }

  #checkPower(): void {
    if (!this.#hasPower) {
      throw fileError('the machine', 'POWER');
    }
  }

  /** Counts an operation and lets it fail if that is planned. `onFault` does what a failing one has still done. */
  #begin(
    kind: SimulatedOperation['kind'],
    filePath: string,
    onFault: (fault: SimulatedFault) => void = () => {},
  ): void {
    this.#checkPower();
    const fault = this.#plan({ index: this.#operations, kind, path: filePath });
    this.#operations += 1;
    if (fault !== undefined) {
      onFault(fault);
      this.#hasPower = fault !== 'power-loss';
      throw fileError(filePath, { 'disk-full': 'ENOSPC', 'io-error': 'EIO', 'power-loss': 'POWER' }[fault]);
    }
  }

  #handle(filePath: string, file: SimulatedFile, writable: boolean): FileHandle {
    const life = this.#life;
    let open = true;
    const check = (mayWrite: boolean) => {
      this.#checkPower();
      if (!open || life !== this.#life || (mayWrite && !writable)) {
        throw fileError(filePath, 'EBADF');
      }
    };
    const readSync = (target: Uint8Array, position: number) => {
      check(false);
      const bytes = file.bytes.subarray(position, position + target.length);
      target.set(bytes);
      return bytes.length;
    };
    const writeSync = (source: Uint8Array, position: number) => {
      check(true);
      this.#begin('write', filePath, (fault) => this.#writePart(file, source, position, fault));
      file.write(position, source);
    };
    const syncSync = () => {
      check(false);
      this.#begin('sync', filePath, (fault) => fault === 'io-error' && file.failToSync(this.#random));
      file.sync();
    };
    return {
      descriptor: -1,
      readSync,
      read: (target, position) => Promise.resolve().then(() => readSync(target, position)),
      writeSync,
      write: (source, position) => Promise.resolve().then(() => writeSync(source, position)),
      truncateSync: (sizeBytes) => {
        check(true);
        this.#begin('truncate', filePath);
        file.truncate(sizeBytes);
      },
      syncSync,
      sync: () => Promise.resolve().then(syncSync),
      sizeSync: () => {
        check(false);
        return file.sizeBytes;
      },
      closeSync: () => {
        open = false;
      },
    };
  }

  /** A disk gets full in the middle of a write; other faults may strike when the bytes have arrived already. */
  #writePart(file: SimulatedFile, source: Uint8Array, position: number, fault: SimulatedFault): void {
    const isWhole = fault === 'power-loss' || (fault === 'io-error' && this.#random.next() < 0.5);
    const length = isWhole ? source.length : Math.floor(this.#random.next() * source.length);
    file.write(position, source.subarray(0, length));
  }
}

function hasParent(names: ReadonlyMap<string, Node>, name: string): boolean {
  return name === '/' || (names.has(path.posix.dirname(name)) && hasParent(names, path.posix.dirname(name)));
}

function applyNameChange(names: Map<string, Node>, change: NameChange): void {
  if (change.kind === 'link') {
    names.set(change.path, change.node);
  } else if (change.kind === 'unlink') {
    names.delete(change.path);
  } else {
    const node = names.get(change.from);
    if (node !== undefined) {
      names.delete(change.from);
      names.set(change.path, node);
    }
  }
}

function fileError(filePath: string, systemCode: string): QuorateError {
  const code = systemCode === 'ENOSPC' ? 'DISK_FULL' : 'IO_ERROR';
  return new QuorateError(code, `simulated file system: ${systemCode} for ${filePath}`, {
    details: { path: filePath, systemCode },
  });
}
