import { accessSync, constants } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';

/** Where a program is: on the search path, or where `go install` puts what it has built; undefined when it is nowhere. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), path.join(os.homedir(), 'go', 'bin')];
  return folders.map((folder) => path.join(folder, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
