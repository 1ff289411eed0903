/** What docs/following-client.md shows is run as one program, against two servers. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { adminPassword } from '../server-process.ts';
import { HandmadeGroup } from './group.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(path.join(repository, 'docs', 'following-client.md'), 'utf8');
const program = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code).join('\n');

test('the snippets of docs/following-client.md compile, and print what the page says', async (t) => {
  const group = await HandmadeGroup.start(t, []);
  const folder = path.join(group.root, 'docs');
  mkdirSync(path.join(folder, 'node_modules', '@types'), { recursive: true });
  symlinkSync(repository, path.join(folder, 'node_modules', 'quorate'));
  symlinkSync(path.join(repository, 'node_modules/@types/node'), path.join(folder, 'node_modules/@types/node'));
  writeFileSync(path.join(folder, 'package.json'), '{"type": "module"}');
  writeFileSync(path.join(folder, 'program.ts'), program);
  const { compilerOptions } = JSON.parse(readFileSync(path.join(repository, 'tsconfig.json'), 'utf8'));
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
  const run = promisify(execFile);
  await run(path.join(repository, 'node_modules', '.bin', 'tsc'), ['-p', '.'], { cwd: folder });
  const env = { ...process.env, QUORATE_NODES: group.replicas[0]?.httpUrl, QUORATE_PASSWORD: adminPassword };
  const options = { cwd: folder, env, timeout: 60_000 };
  const { stdout } = await run(process.execPath, ['--conditions=quorate-source', 'program.ts'], options);
  const expected = [...program.matchAll(/ \/\/ → (.*)$/gm)].map(([, text]) => text);
  assert.deepEqual(stdout.trimEnd().split('\n'), expected);
});
