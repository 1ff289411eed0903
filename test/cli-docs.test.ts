import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findFreePorts } from '../src/demo/free-port.ts';

const pages = fileURLToPath(new URL('../docs/', import.meta.url));
const program = fileURLToPath(new URL('../bin/quorate', import.meta.url));

/** What each background command prints when it has begun its work. */
const begun = /is ready|streaming/;

/** How long one block may take on a busy machine. */
const patienceMs = 60_000;

const pagePorts = [3322, 3323, 3324, 3380, 3381, 3382];

/** The blocks of the page, with ports that are free on this machine. */
async function readBlocks(page: string): Promise<{ background: boolean; script: string }[]> {
  const free = await findFreePorts(
    '127.0.0.1',
    pagePorts.map(() => 0),
  );
  const text = readFileSync(path.join(pages, page), 'utf8').replaceAll(
    new RegExp(`\\b(${pagePorts.join('|')})\\b`, 'g'),
    (port) => String(free[pagePorts.indexOf(Number(port))]),
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

/** Runs the commands of a page in their order, and returns what each block in the foreground has printed. */
async function runPage(t: TestContext, page: string): Promise<string[]> {
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
  const blocks = await readBlocks(page);
  const port = /--port (\d+)/.exec(blocks.find((block) => block.background)?.script ?? '')?.[1] as string;
  const env = sandbox(root, port);
  const outputs: string[] = [];
  for (const { background: stays, script } of blocks) {
    if (stays) {
      background.push(await startInBackground(script, root, env));
    } else {
      outputs.push(execFileSync('sh', ['-e', '-c', script], { cwd: root, env, encoding: 'utf8', timeout: patienceMs }));
    }
  }
  return outputs;
}

/** The digests that some blocks have printed. */
function digestsIn(output = ''): string[] {
  return [...output.matchAll(/^[0-9a-f]{64}/gm)].map(([digest]) => digest);
}

test('every command of docs/cli.md works, in the order of the page', async (t) => {
  const outputs = await runPage(t, 'cli.md');
  assert.ok(outputs.length >= 10);
  const digests = digestsIn(outputs.join(''));
  assert.equal(digests.length, 2);
  assert.equal(digests[0], digests[1]);
});

test('every command of docs/security.md works', async (t) => {
  const outputs = await runPage(t, 'security.md');
  assert.match(outputs.join(''), /^ada +active .* write:shop$/m);
  assert.match(outputs.join(''), /answers over TLS, certificate valid until/);
  assert.match(outputs.join(''), /"action":"token\.revoke","request":\{"id":"[0-9a-f-]{36}"\},"outcome":"ok"/);
});

test('every command of docs/topologies.md works, and a promoted delayed replica has what it held', async (t) => {
  const outputs = await runPage(t, 'topologies.md');
  assert.match(outputs.join(''), /^shop +replica/m);
  assert.match(outputs.join(''), /delay 30m/);
  const [primary, promoted] = digestsIn(outputs.at(-1));
  assert.ok(primary);
  assert.equal(promoted, primary);
});

test('every command of docs/acknowledgements.md works', async (t) => {
  const outputs = await runPage(t, 'acknowledgements.md');
  assert.match(outputs.join(''), /transaction 2 of shop is committed/);
});

test('every command of docs/failover.md works: three nodes, a group, a switchover', async (t) => {
  const outputs = await runPage(t, 'failover.md');
  assert.match(outputs.join(''), /two is primary of shop; writes waited for \d+ ms/);
  assert.match(outputs.join(''), /shop: two became primary of term \d+/);
  assert.match(outputs.join(''), /paused until/);
});

test('every command of the README works, and what is written on the first server is read on the second', async (t) => {
  const outputs = await runPage(t, '../README.md');
  assert.match(outputs.join(''), /1 +hello/);
  assert.match(outputs.join(''), /defaultdb +replica +open/);
});
