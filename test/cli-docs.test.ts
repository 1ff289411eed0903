import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findFreePorts } from '../src/demo/free-port.ts';

const page = fileURLToPath(new URL('../docs/cli.md', import.meta.url));
const program = fileURLToPath(new URL('../bin/quorate', import.meta.url));

/** What each background command prints when it has begun its work. */
const begun = /is ready|streaming/;

const pagePorts = [3322, 3323, 3380, 3381];

/** The blocks of the page, with ports that are free on this machine. */
async function readBlocks(): Promise<{ background: boolean; script: string }[]> {
  const free = await findFreePorts('127.0.0.1', [0, 0, 0, 0]);
  const text = readFileSync(page, 'utf8').replaceAll(new RegExp(`\\b(${pagePorts.join('|')})\\b`, 'g'), (port) =>
    String(free[pagePorts.indexOf(Number(port))]),
  );
  return [...text.matchAll(/^```sh( background)?\n(.*?)^```$/gms)].map((match) => ({
    background: match[1] !== undefined,
    script: match[2] as string,
  }));
}

/** A folder with the program as `quorate` in its own `bin`, and a config folder for the tokens. */
function sandbox(root: string, port: string): NodeJS.ProcessEnv {
  const bin = path.join(root, 'bin');
  mkdirSync(bin);
  writeFileSync(path.join(bin, 'quorate'), `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`);
  chmodSync(path.join(bin, 'quorate'), 0o755);
  return {
    ...process.env,
    PATH: `${bin}${path.delimiter}${process.env['PATH']}`,
    XDG_CONFIG_HOME: path.join(root, 'config'),
    QUORATE_PORT: port,
  };
}

function startInBackground(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const child = spawn('sh', ['-c', `exec ${script.trim()}`], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (begun.test(output)) {
          resolve(child);
        }
      });
    }
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code}: ${output}`)));
  });
}

test('every command of docs/cli.md works, in the order of the page', async (t) => {
  const root = mkdtempSync(path.join(os.tmpdir(), 'quorate-docs-'));
  const background: ChildProcess[] = [];
  t.after(async () => {
    for (const child of background.reverse()) {
      const closed = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGTERM');
      await closed;
    }
    rmSync(root, { recursive: true, force: true });
  });
  const blocks = await readBlocks();
  const port = /--port (\d+)/.exec(blocks.find((block) => block.background)?.script ?? '')?.[1] as string;
  const env = sandbox(root, port);
  const outputs: string[] = [];
  for (const { background: stays, script } of blocks) {
    if (stays) {
      background.push(await startInBackground(script, root, env));
    } else {
      outputs.push(execFileSync('sh', ['-e', '-c', script], { cwd: root, env, encoding: 'utf8' }));
    }
  }
  assert.ok(blocks.length >= 12);
  const digests = [...outputs.join('').matchAll(/^[0-9a-f]{64}/gm)].map(([digest]) => digest);
  assert.equal(digests.length, 2);
  assert.equal(digests[0], digests[1]);
});
