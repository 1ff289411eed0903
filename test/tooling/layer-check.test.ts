import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { findViolations } from '../../scripts/check-layers.ts';

/** Checks a tree that consists of the given files. */
function violationsOf(files: Readonly<Record<string, string>>): string[] {
  const root = mkdtempSync(path.join(os.tmpdir(), 'quorate-layers-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      const file = path.join(root, 'src', name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    return findViolations(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

const doors = {
  'log/interface.ts': 'export const log = 1;\n',
  'sqlite/interface.ts': 'export const sqlite = 1;\n',
  'database/interface.ts': 'export const database = 1;\n',
  'server/interface.ts': 'export const server = 1;\n',
  'library/interface.ts': 'export const library = 1;\n',
};

test('a tree that keeps to the layers has no violations', () => {
  const files = {
    ...doors,
    'sqlite/connection.ts': "import { DatabaseSync } from 'node:sqlite';\n",
    'database/writer.ts': "import type { log } from '../log/interface.ts';\nimport { x } from './part.ts';\n",
    'database/part.ts': "import type { Writer } from './writer.ts';\nexport const x = 1;\n",
    'library/embedded.ts': "import { server } from '../server/interface.ts';\n",
    'database/writer.test.ts': "import { DatabaseSync } from 'node:sqlite';\nimport '../log/segment.ts';\n",
  };
  assert.deepEqual(violationsOf(files), []);
});

const caught: readonly { name: string; files: Record<string, string>; message: RegExp }[] = [
  {
    name: 'an import of a higher layer',
    files: { 'log/a.ts': "import { database } from '../database/interface.ts';\n" },
    message: /src\/log\/a\.ts: the layer "log" must not use "database"/,
  },
  {
    name: 'an import of a neighbour on the same line',
    files: { 'log/a.ts': "import { sqlite } from '../sqlite/interface.ts';\n" },
    message: /the layer "log" must not use "sqlite"/,
  },
  {
    name: 'an import of a neighbour against its direction',
    files: { 'server/a.ts': "import { library } from '../library/interface.ts';\n" },
    message: /the layer "server" must not use "library"/,
  },
  {
    name: 'an import past the interface of a layer, also of types and over several lines',
    files: { 'log/b.ts': '', 'database/a.ts': "import type {\n  B,\n  C,\n} from '../log/b.ts';\n" },
    message: /src\/database\/a\.ts: imports src\/log\/b\.ts instead of src\/log\/interface\.ts/,
  },
  {
    name: 'a dynamic import of a higher layer',
    files: { 'log/a.ts': "const door = await import('../database/interface.ts');\n" },
    message: /must not use "database"/,
  },
  {
    name: 'a re-export of a higher layer',
    files: { 'log/a.ts': "export { database } from '../database/interface.ts';\n" },
    message: /must not use "database"/,
  },
  {
    name: 'an import of node:sqlite outside src/sqlite',
    files: { 'database/a.ts': "import { DatabaseSync } from 'node:sqlite';\n" },
    message: /src\/database\/a\.ts: imports node:sqlite/,
  },
  {
    name: 'a thread outside the layers that host them',
    files: { 'log/a.ts': "import { Worker } from 'node:worker_threads';\n" },
    message: /src\/log\/a\.ts: imports node:worker_threads/,
  },
  {
    name: 'a random number outside the runtime',
    files: { 'log/a.ts': 'export const x = Math.random();\n' },
    message: /src\/log\/a\.ts: uses Math\.random/,
  },
  {
    name: 'a cycle between files',
    files: {
      'log/a.ts': "import './b.ts';\n",
      'log/b.ts': "export { type X, y } from './c.ts';\n",
      'log/c.ts': "import './a.ts';\n",
    },
    message: /cycle: src\/log\/a\.ts > src\/log\/b\.ts > src\/log\/c\.ts > src\/log\/a\.ts/,
  },
  {
    name: 'a file that is too long',
    files: { 'log/a.ts': 'export {};\n'.repeat(401) },
    message: /src\/log\/a\.ts: has 401 lines; the limit is 400/,
  },
  {
    name: 'a folder that is no layer',
    files: { 'helpers/a.ts': "import { log } from '../log/interface.ts';\n" },
    message: /"helpers" is not a layer/,
  },
];

for (const { name, files, message } of caught) {
  test(`the layer check catches ${name}`, () => {
    const violations = violationsOf({ ...doors, ...files });
    assert.equal(violations.length >= 1, true, 'nothing was found');
    assert.match(violations.join('\n'), message);
  });
}
