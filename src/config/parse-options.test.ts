import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { isQuorateError, type QuorateError } from '../errors/interface.ts';
import { nodeFileSystem } from '../runtime/interface.ts';
import { defineOptions } from './option.ts';
import { type OptionSources, parseOptions } from './parse-options.ts';
import { serverOptions } from './server-options.ts';

const directory = mkdtempSync(path.join(os.tmpdir(), 'quorate-options-'));
after(() => rmSync(directory, { recursive: true }));

const sample = defineOptions('Sample', {
  config: { type: 'path', help: 'Config file.' },
  host: { type: 'address', default: '127.0.0.1', help: 'Host.', aliases: ['old-host'] },
  port: { type: 'integer', default: 3322, min: 1, max: 65_535, help: 'Port.' },
  enabled: { type: 'boolean', help: 'Enabled.' },
  waitMs: { type: 'duration', default: 30_000, min: 1, max: 60_000, help: 'Wait.' },
  cacheBytes: { type: 'bytes', default: 1024, help: 'Cache.' },
  level: { type: 'choice', choices: ['low', 'high'], default: 'low', help: 'Level.' },
  password: { type: 'string', secret: true, help: 'Password.', aliases: ['old-password'] },
});

function file(name: string, content: string): string {
  const filePath = path.join(directory, name);
  writeFileSync(filePath, content);
  return filePath;
}

function parse(flags: Record<string, unknown> = {}, env: OptionSources['env'] = {}) {
  return parseOptions(sample, { flags: new Map(Object.entries(flags)), env, files: nodeFileSystem });
}

function errorOf(action: () => unknown): QuorateError {
  try {
    action();
  } catch (error) {
    assert.ok(isQuorateError(error), `not a QuorateError: ${error}`);
    return error;
  }
  throw new assert.AssertionError({ message: 'nothing was thrown' });
}

test('an option that nobody gives has its default, or is undefined without one', () => {
  const { values, given } = parse();
  assert.equal(values.port, 3322);
  assert.equal(values.waitMs, 30_000);
  assert.equal(values.password, undefined);
  assert.equal(values.enabled, undefined);
  assert.equal(given.size, 0);
});

test('a flag wins over the environment, the environment over the config file, the file over the default', () => {
  const config = file('order.json', '{"port": 1, "wait": "1s", "level": "high"}');
  const { values, report } = parse({ config, port: '3' }, { QUORATE_PORT: '2', QUORATE_WAIT: '2s' });
  assert.equal(values.port, 3);
  assert.equal(values.waitMs, 2000);
  assert.equal(values.level, 'high');
  const sources = Object.fromEntries(report.map((entry) => [entry.flag, entry.source]));
  assert.deepEqual(
    [sources.port, sources.wait, sources.level, sources.host],
    ['--port', 'QUORATE_WAIT', config, 'default'],
  );
});

test('a config file can be named by its variable and may use the types of JSON', () => {
  const config = file('types.json', '{"enabled": false, "cache-bytes": 4096, "port": 8080}');
  const { values } = parse({}, { QUORATE_CONFIG: config });
  assert.deepEqual([values.enabled, values.cacheBytes, values.port], [false, 4096, 8080]);
});

test('sizes and durations are read with their units', () => {
  const { values } = parse({ 'cache-bytes': '1.5MiB', wait: '250ms' });
  assert.deepEqual([values.cacheBytes, values.waitMs], [1_572_864, 250]);
});

const refused: readonly [string, string, unknown, RegExp][] = [
  ['a word for a number', 'port', 'many', /whole number/],
  ['a fraction for a number', 'port', '1.5', /whole number/],
  ['a hexadecimal number', 'port', '0x10', /whole number/],
  ['a number above its limit', 'port', '65536', /from 1 to 65535/],
  ['a number below its limit', 'port', '0', /from 1 to 65535/],
  ['a duration without a unit', 'wait', '30', /with its unit/],
  ['a duration above its limit', 'wait', '2m', /from 1ms to 1m/],
  ['a size with an unknown unit', 'cache-bytes', '3potatoes', /with its unit/],
  ['a choice that there is not', 'level', 'middle', /low, high/],
  ['a host with a port', 'host', 'example.org:3322', /without a port/],
  ['a host with a scheme', 'host', 'http://example.org', /without a port/],
  ['an empty host', 'host', '', /host name/],
  ['a boolean in words', 'enabled', 'perhaps', /true or false/],
];

for (const [name, flag, raw, hint] of refused) {
  test(`${name} is refused with the name of the option and what to give instead`, () => {
    const error = errorOf(() => parse({ [flag]: raw }));
    assert.equal(error.code, 'INVALID_ARGUMENT');
    assert.match(error.message, new RegExp(`--${flag}`));
    assert.match(error.hint ?? '', hint);
  });
}

test('IPv6 addresses are addresses', () => {
  assert.equal(parse({ host: '::1' }).values.host, '::1');
  assert.equal(parse({ host: 'fe80::1%eth0' }).values.host, 'fe80::1%eth0');
});

test('an older name of a flag gives the value, and both names at once are refused', () => {
  const { values, given } = parse({ 'old-host': 'db1' });
  assert.equal(values.host, 'db1');
  assert.ok(given.has('host'));
  assert.match(errorOf(() => parse({ 'old-host': 'a', host: 'b' })).message, /--host and --old-host/);
});

test('a secret can come from a file, by flag, older flag, variable or config file', () => {
  const secret = file('secret', 'hunter2\nsecond line\n');
  const config = file('secret.json', JSON.stringify({ 'password-file': secret }));
  assert.equal(parse({ 'password-file': secret }).values.password, 'hunter2');
  assert.equal(parse({ 'old-password-file': secret }).values.password, 'hunter2');
  assert.equal(parse({}, { QUORATE_PASSWORD_FILE: secret }).values.password, 'hunter2');
  assert.equal(parse({ config }).values.password, 'hunter2');
});

test('a secret on the command line wins over its file in the environment', () => {
  const secret = file('other-secret', 'from-file');
  assert.equal(parse({ password: 'direct' }, { QUORATE_PASSWORD_FILE: secret }).values.password, 'direct');
});

test('a secret and its file in the same place are refused, and an empty file too', () => {
  const empty = file('empty', '\n');
  assert.match(errorOf(() => parse({ password: 'a', 'password-file': empty })).message, /both given/);
  assert.match(errorOf(() => parse({ 'password-file': empty })).message, /is empty/);
});

test('no error and no report shows a secret', () => {
  const tooLong = `s3cret${'x'.repeat(5000)}`;
  const error = errorOf(() => parse({ password: tooLong }));
  assert.doesNotMatch(`${error.message} ${error.hint} ${JSON.stringify(error.details)}`, /s3cret/);
  const broken = file('broken.json', '{"password": "s3cret" "port": 1}');
  const syntaxError = errorOf(() => parse({ config: broken }));
  assert.doesNotMatch(`${syntaxError.message} ${syntaxError.hint} ${syntaxError.cause}`, /s3cret/);
  assert.doesNotMatch(JSON.stringify(parse({ password: 's3cret' }).report), /s3cret/);
});

test('a config file with an unknown name, or that is no object, is refused with its path', () => {
  const unknown = file('unknown.json', '{"prot": 1}');
  assert.match(errorOf(() => parse({ config: unknown })).message, /unknown\.json.*"prot"/);
  assert.match(errorOf(() => parse({ config: file('list.json', '[1]') })).message, /does not hold a JSON object/);
  assert.match(errorOf(() => parse({ config: file('bad.json', '{') })).message, /is not valid JSON/);
  assert.equal(errorOf(() => parse({ config: path.join(directory, 'absent.json') })).code, 'IO_ERROR');
});

test('a value of the wrong JSON type in a config file is refused with the file and the name', () => {
  const config = file('wrong-type.json', '{"port": {"a": 1}}');
  assert.match(errorOf(() => parse({ config })).message, /wrong-type\.json: "port"/);
});

test('every default of the server lies within its own limits', () => {
  const flags = new Map(
    parseOptions(serverOptions, { files: nodeFileSystem })
      .report.filter((entry) => entry.value !== undefined)
      .map((entry) => [entry.flag, entry.value]),
  );
  flags.delete('config');
  const { values } = parseOptions(serverOptions, { flags, files: nodeFileSystem });
  assert.deepEqual(values, parseOptions(serverOptions, { files: nodeFileSystem }).values);
});
