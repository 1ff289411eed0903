import path from 'node:path';
import { asQuorateError, type ErrorCode } from '../../errors/interface.ts';
import { type FileHandle, isoTime, type Runtime } from '../../runtime/interface.ts';
import type { NodeIdentity } from '../node/node-directory.ts';
import { auditedRequest } from './audited-request.ts';

/** What was done or tried. */
export interface AuditedAction {
  /** Such as `user.create`. */
  readonly action: string;
  /** Name of the user; empty when nobody was recognized. */
  readonly user: string;
  /** Id of the token, if there was one. */
  readonly tokenId?: string | undefined;
  /** Where the request came from; empty for the node itself. */
  readonly address: string;
  /** What was asked for; secrets in it are left out. */
  readonly request: unknown;
}

export interface AuditLogOptions {
  readonly directory: string;
  readonly runtime: Runtime;
  readonly node: NodeIdentity;
  readonly maxFileBytes: number;
  readonly maxFiles: number;
}

const filePattern = /^audit-(\d+)\.jsonl$/;

/** Bytes of the longest entry; of a longer one the request is left out. */
const maxEntryBytes = 64 * 1024;

/**
 * Outcomes of requests that the node did not get to: nothing was done, and whoever is slowed down, or tries again and again,
 * must not push older entries out of the log.
 */
const unrecorded: ReadonlySet<ErrorCode> = new Set(['OVERLOADED', 'UNAVAILABLE']);

/** Digits of the number in a file's name, so that names sort as numbers do. */
const numberDigits = 8;

/**
 * The administrative actions of a node in files of JSON lines. An entry is on disk before its action is answered. Only
 * appending ever happens to a file, and when there are too many, the oldest goes.
 */
export class AuditLog implements Disposable {
  readonly #options: AuditLogOptions;
  #file: FileHandle;
  #number: number;
  #sizeBytes: number;
  /** The last entry could not be written. */
  #isBroken = false;
  #failures = 0;

  private constructor(options: AuditLogOptions, number: number, file: FileHandle) {
    this.#options = options;
    this.#number = number;
    this.#file = file;
    this.#sizeBytes = file.sizeSync();
  }

  /** Goes on with the newest file. @throws QuorateError IO_ERROR, DISK_FULL */
  static open(options: AuditLogOptions): AuditLog {
    const { files } = options.runtime;
    files.makeDirectorySync(options.directory);
    const newest = numbers(options).at(-1);
    const log =
      newest === undefined
        ? new AuditLog(options, 1, createFile(options, 1))
        : new AuditLog(options, newest, files.openSync(filePath(options, newest), 'readwrite'));
    log.#cutTornLine();
    return log;
  }

  /** Entries that could not be written since the start. */
  get failures(): number {
    return this.#failures;
  }

  /** Files that are kept, and bytes of the newest one. */
  usage(): { readonly files: number; readonly fileBytes: number } {
    return { files: numbers(this.#options).length, fileBytes: this.#sizeBytes };
  }

  /**
   * Runs an action and records it with its outcome. After an entry was lost no other action runs before the log can be
   * written again.
   * @throws QuorateError what the action throws; IO_ERROR or DISK_FULL when the log cannot be written
   */
  async run<T>(action: AuditedAction, run: () => Promise<T> | T): Promise<T> {
    if (this.#isBroken) {
      this.#append({ action: 'audit.resume', user: '', address: '', request: {} }, 'ok');
    }
    let result: T;
    try {
      result = await run();
    } catch (error) {
      const { code } = asQuorateError(error);
      if (!unrecorded.has(code)) {
        this.#append(action, code);
      }
      throw error;
    }
    this.#append(action, 'ok');
    return result;
  }

  #append({ action, user, tokenId, address, request }: AuditedAction, outcome: string): void {
    const { runtime, node } = this.#options;
    const entry = {
      time: isoTime(runtime.clock.nowMs()),
      node: node.nodeName,
      nodeId: node.nodeId,
      user: auditedRequest(user),
      ...(tokenId !== undefined && { tokenId }),
      address,
      action,
      request: auditedRequest(request),
      outcome,
    };
    try {
      const line = lineOf(entry);
      this.#write(line.length > maxEntryBytes ? lineOf({ ...entry, request: '[too long]' }) : line);
      this.#isBroken = false;
    } catch (error) {
      this.#isBroken = true;
      this.#failures += 1;
      runtime.logger.error({ err: error, action, user, outcome }, 'an entry of the audit log could not be written');
      throw error;
    }
  }

  #write(line: Uint8Array): void {
    if (this.#sizeBytes > 0 && this.#sizeBytes + line.length > this.#options.maxFileBytes) {
      this.#beginFile();
    }
    this.#file.writeSync(line, this.#sizeBytes);
    this.#file.syncSync();
    this.#sizeBytes += line.length;
  }

  #beginFile(): void {
    const next = createFile(this.#options, this.#number + 1);
    this.#file.closeSync();
    this.#file = next;
    this.#number += 1;
    this.#sizeBytes = 0;
    const { runtime, maxFiles } = this.#options;
    for (const old of numbers(this.#options).slice(0, -maxFiles)) {
      runtime.files.removeSync(filePath(this.#options, old));
    }
  }

  /** What a crash has left of a last line was never answered. */
  #cutTornLine(): void {
    const start = Math.max(0, this.#sizeBytes - maxEntryBytes);
    const tail = Buffer.alloc(this.#sizeBytes - start);
    this.#file.readSync(tail, start);
    const end = start + tail.lastIndexOf('\n') + 1;
    if (end < this.#sizeBytes) {
      this.#file.truncateSync(end);
      this.#sizeBytes = end;
    }
  }

  [Symbol.dispose](): void {
    this.#file.closeSync();
  }
}

function lineOf(entry: object): Buffer {
  return Buffer.from(`${JSON.stringify(entry)}\n`);
}

function createFile(options: AuditLogOptions, number: number): FileHandle {
  const { files } = options.runtime;
  const file = files.openSync(filePath(options, number), 'create');
  files.syncDirectorySync(options.directory);
  return file;
}

function filePath({ directory }: AuditLogOptions, number: number): string {
  return path.join(directory, `audit-${String(number).padStart(numberDigits, '0')}.jsonl`);
}

/** Of the files that there are, ascending. */
function numbers({ directory, runtime }: AuditLogOptions): number[] {
  return runtime.files.listSync(directory).flatMap((name) => {
    const match = filePattern.exec(name);
    return match === null ? [] : [Number(match[1])];
  });
}
