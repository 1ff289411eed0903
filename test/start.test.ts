import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findFreePorts } from '../src/demo/free-port.ts';

const repository = fileURLToPath(new URL('..', import.meta.url));
const temporary = mkdtempSync(path.join(os.tmpdir(), 'quorate-start-'));
after(() => rmSync(temporary, { recursive: true }));

/** `npm start` without a terminal, with what it has printed so far. */
class Demo implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly child: ChildProcess;
  readonly #news: (() => void)[] = [];

  constructor(argv: readonly string[]) {
    this.child = spawn(process.execPath, ['scripts/run.mjs', 'start', ...argv], {
      cwd: repository,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const input of [this.child.stdout, this.child.stderr]) {
      assert.ok(input !== null);
      createInterface({ input }).on('line', (line) => {
        this.lines.push(line);
        this.#wake();
      });
    }
    this.child.on('close', () => this.#wake());
  }

  static async start(...argv: string[]): Promise<Demo> {
    const [port = 0, httpPort = 0] = await findFreePorts('127.0.0.1', [0, 0]);
    return new Demo(['--port', String(port), '--http-port', String(httpPort), ...argv]);
  }

  /** The first line from a place on that fits. */
  async line(pattern: RegExp, from = 0): Promise<RegExpMatchArray> {
    for (;;) {
      const found = this.lines
        .slice(from)
        .map((line) => pattern.exec(line))
        .find((match) => match !== null);
      if (found !== undefined) {
        return found;
      }
      assert.equal(this.child.exitCode, null, `ended without ${pattern}:\n${this.lines.join('\n')}`);
      await new Promise<void>((resolve) => this.#news.push(resolve));
    }
  }

  async stop(signal: NodeJS.Signals): Promise<number | null> {
    const closed = once(this.child, 'close');
    this.child.kill(signal);
    const [code] = await closed;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      await this.stop('SIGTERM');
    }
  }

  #wake(): void {
    for (const resolve of this.#news.splice(0)) {
      resolve();
    }
  }
}

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command that the demo has printed, as a person would who copies it into a shell. */
function runPrinted(command: string): Promise<Outcome> {
  const env = { ...process.env, XDG_CONFIG_HOME: temporary };
  return new Promise((resolve) => {
    execFile('sh', ['-c', command], { cwd: repository, env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

/** The command that stands below a remark of the guide. */
async function commandBelow(demo: Demo, remark: RegExp): Promise<string> {
  await demo.line(/Ctrl-C stops everything/);
  const index = demo.lines.findIndex((line) => remark.test(line));
  return demo.lines[index + 1] ?? '';
}

async function logIn(demo: Demo): Promise<void> {
  await demo.line(/Ctrl-C stops everything/);
  const commands = demo.lines.filter((line) => /bin\/quorate login/.test(line));
  assert.equal(commands.length, 2);
  for (const command of commands) {
    assert.equal((await runPrinted(command)).code, 0);
  }
}

test('npm start shows a store on three nodes, and what it invites to try works', { timeout: 180_000 }, async () => {
  await using demo = await Demo.start();
  await logIn(demo);
  const read = await runPrinted(await commandBelow(demo, /read from a replica/));
  assert.match(read.stdout, /revenue_cents/);
  const write = await runPrinted(await commandBelow(demo, /write at any node/));
  assert.equal(write.code, 0, write.stderr);
  await demo.line(/^node-1 +primary +open/);
  await demo.line(/^node-2 +replica +streaming/);

  assert.equal((await runPrinted(await commandBelow(demo, /kill the primary/))).code, 0);
  await demo.line(/node-1 was ended by SIGKILL; start it again with/);
  await demo.line(/^node-[23] +primary +open/);
  const explained = await runPrinted(await commandBelow(demo, /who was elected/));
  assert.match(explained.stdout, /store: node-[23] became primary of term/);

  const command = (await commandBelow(demo, /start it again/)).trim();
  const restarted = spawn('sh', ['-c', `exec ${command}`], { cwd: repository, stdio: 'ignore' });
  const ended = once(restarted, 'exit');
  try {
    await demo.line(/^node-1 +replica +streaming +[\d,]+ +[01] /, demo.lines.length);
    const back = await runPrinted(await commandBelow(demo, /give it its place back/));
    assert.equal(back.code, 0, back.stderr);
    await demo.line(/^node-1 +primary +open/, demo.lines.length);
    assert.deepEqual(
      demo.lines.filter((line) => /an order failed/.test(line)),
      [],
    );
  } finally {
    restarted.kill('SIGTERM');
    await ended;
  }
});

test('npm start leaves no process and no temporary folder behind', { timeout: 180_000 }, async () => {
  await using demo = await Demo.start();
  const [, directory = ''] = await demo.line(/data and logs in (\S+)/);
  const pids = demo.lines.flatMap((line) => /process (\d+)$/.exec(line)?.[1] ?? []);
  await demo.line(/Ctrl-C stops everything/);
  assert.equal(pids.length, 3);
  assert.equal(existsSync(directory), true);
  assert.equal(await demo.stop('SIGINT'), 0);
  assert.equal(existsSync(directory), false);
  for (const pid of pids) {
    assert.throws(() => process.kill(Number(pid), 0), { code: 'ESRCH' });
  }
});

test('npm start -- --import replicates the file that it is given', { timeout: 180_000 }, async () => {
  const file = path.join(temporary, 'My Notes.sqlite');
  const source = new DatabaseSync(file);
  source.exec("CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('from the file')");
  source.close();
  await using demo = await Demo.start('--import', file);
  await demo.line(/Ctrl-C stops everything/);
  await runPrinted(demo.lines.filter((line) => /bin\/quorate login/.test(line))[1] ?? '');
  await demo.line(/^node-2 +replica +streaming +\d+ /);
  const [, port] = await demo.line(/node-2 .*:(\d+) +HTTP/);
  const { stdout, stderr } = await runPrinted(`bin/quorate query my-notes 'SELECT text FROM note' --port ${port}`);
  assert.match(stdout, /from the file/, stderr);
});

test('npm start says what is wrong with a file that it cannot import', { timeout: 180_000 }, async () => {
  const file = path.join(temporary, 'text.sqlite');
  writeFileSync(file, 'this is not a database');
  const demo = await Demo.start('--import', file);
  const [code] = await once(demo.child, 'close');
  assert.notEqual(code, 0);
  assert.match(demo.lines.join('\n'), /cannot import .*text\.sqlite/);
});
