import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { createNodeRuntime, machine, nullLogger } from '../runtime/interface.ts';
import { LocalFile } from './local-file.ts';
import { LocalGenerations } from './local-generations.ts';

const directory = mkdtempSync(path.join(os.tmpdir(), 'quorate-generations-'));
after(() => rmSync(directory, { recursive: true }));

const runtime = createNodeRuntime(nullLogger);

function opened(): LocalFile {
  return LocalFile.open(LocalGenerations.open({ directory, machine, ...runtime }), runtime, machine);
}

test('what was read in a file that was closed meanwhile is read again in the next one', () => {
  using file = opened();
  file.change((store) => store.commit([], [{ key: 'a', value: 'before' }]));
  let reads = 0;
  const value = file.read((store) => {
    reads += 1;
    const found = store.get('a')?.value;
    if (reads === 1) {
      using other = opened();
      other.takeOver();
      other.change((next) => next.commit([], [{ key: 'a', value: 'after' }]));
    }
    return found;
  });
  assert.deepEqual({ value, reads }, { value: 'after', reads: 2 });
});
