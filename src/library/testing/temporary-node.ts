import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Quorate } from '../interface.ts';
import type { QuorateOptions } from '../options.ts';

/** A folder that is removed when it is disposed of. */
export function temporaryFolder(): { readonly path: string } & Disposable {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'quorate-library-'));
  return { path: folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A node in a folder of its own; both go when it is disposed of. */
export async function temporaryNode(options: Omit<QuorateOptions, 'directory'> = {}) {
  const folder = temporaryFolder();
  const node = await Quorate.open({ directory: folder.path, ...options });
  return {
    node,
    folder: folder.path,
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

/** Blocks this thread, event loop and all, until the condition holds. */
export function blockUntil(condition: () => boolean, limitMs = 10_000): void {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) {
      throw new Error(`the condition did not hold within ${limitMs} ms`);
    }
  }
}
