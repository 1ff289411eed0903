import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { nodeFileSystem } from '../runtime/interface.ts';
import { addFlags, readFlags } from './command-flags.ts';
import { defineOptions } from './option.ts';
import { parseOptions } from './parse-options.ts';
import { replicationOptions } from './replication-options.ts';
import { serverOptions } from './server-options.ts';

const declarations = {
  ...replicationOptions,
  ...defineOptions('Sample', {
    waitMs: { type: 'duration', default: 30_000, help: 'How long to wait.' },
    grant: { type: 'string', placeholder: 'LIST', help: 'Permissions.' },
    token: { type: 'string', secret: true, default: 'never-shown', help: 'Token.' },
  }),
};

function run(...argv: string[]) {
  const program = new Command('quorate').exitOverride();
  const create = addFlags(program.command('create').argument('[name]'), declarations).exitOverride();
  let name: string | undefined;
  create.action((given: string | undefined) => {
    name = given;
  });
  program.parse(['create', ...argv], { from: 'user' });
  return { name, ...parseOptions(declarations, { flags: readFlags(create, declarations), files: nodeFileSystem }) };
}

test('a boolean flag takes no argument that follows it, and takes =true and =false', () => {
  assert.deepEqual(
    [run('--replication-enabled', 'replicadb')].map(({ name, values }) => [name, values.replicationEnabled]),
    [['replicadb', true]],
  );
  assert.equal(run('--replication-enabled=true', 'replicadb').values.replicationEnabled, true);
  assert.equal(run('--replication-enabled=false', 'replicadb').values.replicationEnabled, false);
  assert.equal(run('--no-replication-enabled').values.replicationEnabled, false);
  assert.equal(run('replicadb').values.replicationEnabled, undefined);
});

test('a list may come in several flags', () => {
  assert.equal(run('--grant', 'read:shop', '--grant=write:stock').values.grant, 'read:shop,write:stock');
  assert.equal(run('--grant', 'read:shop,write:stock').values.grant, 'read:shop,write:stock');
});

test('a boolean flag with another word is refused', () => {
  assert.throws(() => run('--replication-enabled=maybe'), {
    code: 'INVALID_ARGUMENT',
    message: /--replication-enabled/,
  });
});

test('the older names of the replication flags mean the newer ones', () => {
  const { values, name } = run(
    '--replication-enabled=true',
    '--replication-master-address=10.0.0.1',
    '--replication-master-port=4000',
    '--replication-master-database=defaultdb',
    '--replication-follower-username=admin',
    '--replication-follower-password=pw',
    'replicadb',
  );
  assert.equal(name, 'replicadb');
  assert.deepEqual(
    {
      host: values.replicationPrimaryHost,
      port: values.replicationPrimaryPort,
      database: values.replicationPrimaryDatabase,
      username: values.replicationPrimaryUsername,
      password: values.replicationPrimaryPassword,
    },
    { host: '10.0.0.1', port: 4000, database: 'defaultdb', username: 'admin', password: 'pw' },
  );
});

test('only what was given counts as given, so that an update changes nothing else', () => {
  assert.deepEqual([...run('--replication-primary-port', '3322').given], ['replicationPrimaryPort']);
});

test('the help shows units, defaults and variables, and neither older names nor secrets', () => {
  const help = addFlags(new Command('create'), declarations).helpInformation().replace(/\s+/g, ' ');
  assert.match(help, /--wait <duration> How long to wait\. \(default: 30s, env: QUORATE_WAIT\)/);
  assert.match(help, /Replication: --replication-enabled/);
  assert.match(help, /--token-file <FILE>/);
  assert.doesNotMatch(help, /master|follower|never-shown|--no-/);
});

test('no two options of the server share a flag or a variable', () => {
  const command = new Command('server');
  assert.doesNotThrow(() => addFlags(command, serverOptions));
  const variables = command.options.flatMap(
    (option) => /env: (\w+)/.exec(option.hidden ? '' : option.description)?.[1] ?? [],
  );
  assert.equal(new Set(variables).size, variables.length);
});
