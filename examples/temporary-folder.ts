import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A folder for the data of an example, removed at its end. In your own program, give a folder that stays. */
export function temporaryFolder(): { readonly path: string } & Disposable {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'quorate-example-'));
  return { path: folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}
