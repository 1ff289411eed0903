/** The unit of systemd and the Dockerfile: nothing here runs them, so what they refer to is looked at. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TestAuthority } from './certificates.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (name: string) => readFileSync(path.join(root, name), 'utf8');
const unitPath = path.join(root, 'deploy/systemd/quorate.service');
const unit = read('deploy/systemd/quorate.service');
const dockerfile = read('deploy/docker/Dockerfile');
const options = read('docs/options.md');

/** Instructions, with their arguments; lines that go on are one. */
const instructions = dockerfile
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => ({ name: line.split(' ')[0] ?? '', rest: line.slice(line.indexOf(' ') + 1) }));

const argumentOf = (instruction: string) => instructions.find(({ name }) => name === instruction)?.rest ?? '';

/** The default of an option, as docs/options.md shows it. */
function defaultOf(flag: string): string {
  return new RegExp(`^\\| \`--${flag}\` \\|.*?\\|.*?\\| \`(.*?)\``, 'm').exec(options)?.[1] ?? assert.fail(flag);
}

test('every variable and flag in deploy/ is an option', () => {
  for (const text of [unit, dockerfile, read('deploy/docker/health.mjs')]) {
    for (const [variable] of text.matchAll(/QUORATE_[A-Z_]+/g)) {
      assert.ok(options.includes(`\`${variable}\``), variable);
    }
  }
  const command = `${/^ExecStart=.* quorate (server .*)$/m.exec(unit)?.[1]} ${JSON.parse(argumentOf('CMD')).join(' ')}`;
  for (const [flag] of command.matchAll(/--[a-z-]+/g)) {
    assert.ok(flag === '--json' || options.includes(`\`${flag}\``), flag);
  }
});

test('systemd finds nothing wrong with the unit', { skip: hasSystemd() ? false : 'no systemd-analyze here' }, () => {
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', unitPath], { encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, '']);
});

test('a node that is told to stop has time to drain before systemd kills it', () => {
  const seconds = (text: string) =>
    text.endsWith('ms') ? Number.parseInt(text, 10) / 1000 : Number.parseInt(text, 10);
  const timeout = seconds(/^TimeoutStopSec=(.*)$/m.exec(unit)?.[1] ?? '');
  assert.ok(timeout > seconds(defaultOf('drain-delay')) + seconds(defaultOf('drain-timeout')));
});

test('the Dockerfile has known instructions, a Node that the package takes, the ports of the server and no root', () => {
  const known = [
    'FROM',
    'COPY',
    'RUN',
    'USER',
    'VOLUME',
    'EXPOSE',
    'ENV',
    'HEALTHCHECK',
    'STOPSIGNAL',
    'ENTRYPOINT',
    'CMD',
  ];
  const names = instructions.map(({ name }) => name);
  assert.deepEqual(
    names.filter((name) => !known.includes(name)),
    [],
  );
  assert.equal(names[0], 'FROM');
  const { bin, engines } = JSON.parse(read('package.json'));
  const major = Number(/^node:(\d+)-/.exec(argumentOf('FROM'))?.[1]);
  assert.ok(major >= Number.parseInt(engines.node.replace(/\D*/, ''), 10));
  assert.equal(argumentOf('EXPOSE'), `${defaultOf('port')} ${defaultOf('http-port')}`);
  assert.ok(names.indexOf('USER') < names.indexOf('ENTRYPOINT') && argumentOf('USER') !== 'root');
  assert.ok(JSON.parse(argumentOf('ENTRYPOINT'))[0] in bin);
  const script = /node_modules\/quorate\/([a-z/.]+)/.exec(argumentOf('HEALTHCHECK'))?.[1] ?? '';
  assert.ok(existsSync(path.join(root, script)), script);
});

test('the health check of the container asks over HTTP and HTTPS', async (t) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'quorate-deploy-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const authority = await TestAuthority.create(folder);
  const { certPath, keyPath } = await authority.issue('node');
  const cert = readFileSync(certPath);
  const secure = { QUORATE_TLS_CERT: certPath, QUORATE_TLS_KEY: keyPath };
  let status = 200;
  const answer: RequestListener = ({ url }, response) => response.writeHead(url === '/liveness' ? status : 404).end();
  const plainServer = createServer(answer).listen(0, '127.0.0.1');
  const secureServer = createSecureServer(
    { cert, key: readFileSync(keyPath), requestCert: true, ca: readFileSync(authority.caPath) },
    answer,
  ).listen(0, '127.0.0.1');
  for (const [server, env] of [
    [plainServer, {}],
    [secureServer, secure],
  ] as const) {
    t.after(() => server.close());
    if (!server.listening) {
      await once(server, 'listening');
    }
    const port = String((server.address() as AddressInfo).port);
    const outcome = async () => {
      const script = path.join(root, 'deploy/docker/health.mjs');
      const child = spawn(process.execPath, [script], { env: { ...env, QUORATE_HTTP_PORT: port } });
      return (await once(child, 'exit'))[0];
    };
    status = 200;
    assert.equal(await outcome(), 0);
    status = 503;
    assert.equal(await outcome(), 1);
  }
});

function hasSystemd(): boolean {
  return spawnSync('systemd-analyze', ['--version']).status === 0;
}
