import path from 'node:path';
import type { FileHandle, FileSystem } from '../runtime/interface.ts';

/** Bytes collected before they are written. */
const bufferBytes = 256 * 1024;

/** The folder for what people may want to see again; made when it is missing. */
export function savedFolder(files: FileSystem, databaseDirectory: string): string {
  const folder = path.join(databaseDirectory, 'saved');
  if (!files.existsSync(folder)) {
    files.makeDirectorySync(folder);
    files.syncDirectorySync(databaseDirectory);
  }
  return folder;
}

/** A file of JSON lines beside a database, for people: what was taken back or repaired. Durable when it is closed. */
export class SavedLines implements Disposable {
  readonly path: string;
  readonly #files: FileSystem;
  readonly #file: FileHandle;
  #position: number;
  #waiting: string[] = [];
  #waitingLength = 0;

  private constructor(files: FileSystem, filePath: string, file: FileHandle) {
    this.path = filePath;
    this.#files = files;
    this.#file = file;
    this.#position = file.sizeSync();
  }

  /** Opens `saved/NAME` in the folder of a database, at its end if it exists. @throws QuorateError IO_ERROR, DISK_FULL */
  static open(files: FileSystem, databaseDirectory: string, name: string): SavedLines {
    const filePath = path.join(savedFolder(files, databaseDirectory), name);
    const mode = files.existsSync(filePath) ? 'readwrite' : 'create';
    return new SavedLines(files, filePath, files.openSync(filePath, mode));
  }

  add(line: unknown): void {
    const text = `${JSON.stringify(line)}\n`;
    this.#waiting.push(text);
    this.#waitingLength += text.length;
    if (this.#waitingLength >= bufferBytes) {
      this.#write();
    }
  }

  /** Returns when all lines survive a power loss. @throws QuorateError IO_ERROR, DISK_FULL */
  sync(): void {
    this.#write();
    this.#file.syncSync();
    this.#files.syncDirectorySync(path.dirname(this.path));
  }

  #write(): void {
    const bytes = Buffer.from(this.#waiting.join(''));
    this.#waiting = [];
    this.#waitingLength = 0;
    this.#file.writeSync(bytes, this.#position);
    this.#position += bytes.length;
  }

  [Symbol.dispose](): void {
    this.#file.closeSync();
  }
}
