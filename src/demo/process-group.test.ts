import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { findFreePorts } from './free-port.ts';
import { ProcessGroup } from './process-group.ts';
import type { ProcessEnd, ServerProcess } from './server-process.ts';

const directory = mkdtempSync(path.join(os.tmpdir(), 'quorate-group-'));
after(() => rmSync(directory, { recursive: true }));

function script(name: string, text: string): string {
  const file = path.join(directory, `${name}.mjs`);
  writeFileSync(file, text);
  return file;
}

/** Runs until SIGTERM, then says goodbye. */
const polite = script(
  'polite',
  `const alive = setInterval(() => {}, 1000);
   process.on('SIGTERM', () => { console.error('bye'); clearInterval(alive); });
   console.log('ready', process.env.SECRET);`,
);

function unexpected(): never {
  throw new Error('ended although nobody asked it to');
}

test('a group stops its members when it is disposed, and keeps their log with their names', async () => {
  const logFile = path.join(directory, 'polite.log');
  let member: ServerProcess | undefined;
  {
    await using group = new ProcessGroup(unexpected);
    member = group.start({ name: 'r1', argumentList: [], env: { SECRET: 'x' }, logFile, program: polite });
    assert.ok(await member.waitForLine((line) => line === 'ready x'));
  }
  assert.deepEqual(member.end, { code: 0, signal: null });
  assert.equal(readFileSync(logFile, 'utf8'), 'r1 | ready x\nr1 | bye\n');
});

test('a member that ends by itself is reported with its last lines, and not started again', async () => {
  const program = script('failing', "console.error('the port is taken'); process.exitCode = 17;");
  const reported = Promise.withResolvers<[ServerProcess, ProcessEnd]>();
  await using group = new ProcessGroup((member, end) => reported.resolve([member, end]));
  group.start({ name: 'r1', argumentList: [], logFile: path.join(directory, 'failing.log'), program });
  const [member, end] = await reported.promise;
  assert.equal(await member.waitForLine((line) => line === 'ready'), false);
  assert.deepEqual(end, { code: 17, signal: null });
  assert.deepEqual(member.lastLines, ['the port is taken']);
  assert.equal(group.members.length, 1);
});

test('a member that does not stop in time is killed', async () => {
  const stubborn = script(
    'stubborn',
    "process.on('SIGTERM', () => {}); console.log('ready'); setInterval(() => {}, 1000);",
  );
  await using group = new ProcessGroup(() => {});
  const member = group.start({
    name: 'r1',
    argumentList: [],
    logFile: path.join(directory, 's.log'),
    program: stubborn,
  });
  assert.ok(await member.waitForLine((line) => line === 'ready'));
  assert.deepEqual(await member.stop(50), { code: null, signal: 'SIGKILL' });
});

test('no member outlives an owner that is killed', async () => {
  const group = JSON.stringify(new URL('./process-group.ts', import.meta.url).href);
  const lifeline = JSON.stringify(new URL('../../bin/lifeline.mjs', import.meta.url).href);
  // The member watches its lifeline as bin/quorate does.
  const member = script('member', `import ${lifeline};\nsetInterval(() => {}, 1000);`);
  const owner = script(
    'owner',
    `import { ProcessGroup } from ${group};
     const members = new ProcessGroup(() => {});
     const member = members.start({ name: 'm', argumentList: [], logFile: ${JSON.stringify(path.join(directory, 'm.log'))}, program: ${JSON.stringify(member)} });
     console.log(member.pid);`,
  );
  const child = spawn(process.execPath, [owner], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const pid = Number(line);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await untilGone(pid);
});

/** Waits until no process has the id, or only its remains that nobody has collected yet. */
async function untilGone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
      if (/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) {
        return;
      }
    } catch {
      return;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a port that is taken is replaced by a free one, and no port is given twice', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const taken = (server.address() as { port: number }).port;
  const ports = await findFreePorts('127.0.0.1', [taken, taken, taken]);
  server.close();
  assert.equal(new Set([...ports, taken]).size, 4);
});
