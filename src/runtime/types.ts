import type { Logger } from './logger.ts';

export interface Clock {
  /** Wall clock, milliseconds since 1970. May jump. */
  nowMs(): number;
  /** Milliseconds since some fixed moment, the same for all threads; never goes back, and goes on while the process is stopped. */
  monotonicMs(): number;
}

export interface Timer {
  cancel(): void;
}

export interface Timers {
  /** Calls `action` once, after at least `delayMs`. The timer keeps no process alive. */
  after(delayMs: number, action: () => void): Timer;
  /** Resolves after at least `delayMs`; rejects with `CANCELLED` when the signal aborts. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** `size` random bytes. */
  bytes(size: number): Uint8Array;
}

/** An open file. Synchronous calls are for the writer thread, where nothing else waits. */
export interface FileHandle {
  /** Number by which other threads of this process can read while the file is open; -1 when they cannot. */
  readonly descriptor: number;
  /** Reads up to `target.length` bytes at `position`; returns how many were read, 0 at the end. */
  readSync(target: Uint8Array, position: number): number;
  /** The same without blocking the thread, for the network thread. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** Writes all of `source` at `position`. @throws QuorateError DISK_FULL, IO_ERROR */
  writeSync(source: Uint8Array, position: number): void;
  /** The same without blocking the thread. */
  write(source: Uint8Array, position: number): Promise<void>;
  /** Returns when everything written to this file survives a power loss. @throws QuorateError DISK_FULL, IO_ERROR */
  syncSync(): void;
  /** The same without blocking the thread. */
  sync(): Promise<void>;
  truncateSync(sizeBytes: number): void;
  sizeSync(): number;
  closeSync(): void;
}

/** Files. Paths are absolute. Everything throws QuorateError IO_ERROR or DISK_FULL with the system's error as cause. */
export interface FileSystem {
  /** 'read': must exist. 'readwrite': must exist. 'create': must not exist. */
  openSync(path: string, mode: 'read' | 'readwrite' | 'create'): FileHandle;
  existsSync(path: string): boolean;
  /** Bytes of a file, without opening it; 0 if there is none. */
  fileSizeSync(path: string): number;
  /** The names in a directory, sorted; empty if there is no such directory. */
  listSync(path: string): string[];
  /** Creates the directory and its parents. */
  makeDirectorySync(path: string): void;
  renameSync(from: string, to: string): void;
  /** Removes a file or a whole directory; nothing happens if there is none. */
  removeSync(path: string): void;
  /** Makes creations, renames and removals in a directory durable. */
  syncDirectorySync(path: string): void;
  readFileSync(path: string): Uint8Array;
  /** Replaces a file atomically and durably: temporary file, fsync, rename, fsync of the directory. */
  writeFileAtomicSync(path: string, content: Uint8Array, mode?: number): void;
  /** Bytes that this process may still write on the file system of an existing path. */
  freeBytesSync(path: string): number;
}

/** What a node is built on. */
export interface Runtime {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly files: FileSystem;
  readonly logger: Logger;
}
