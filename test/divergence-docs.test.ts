/** The commands of docs/divergence.md, run as they stand there. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { quorate } from './command-line.ts';
import { adminPassword, follow, ServerFixture, type ServerProcess, sqliteFile } from './server-process.ts';

const page = readFileSync(new URL('../docs/divergence.md', import.meta.url), 'utf8');

interface DocumentedCommand {
  readonly args: readonly string[];
  readonly exitCode: number;
}

/** Commands of the page in their order, for servers on other ports than those of the page. */
function documented(primary: ServerProcess, replica: ServerProcess): DocumentedCommand[] {
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text]) => text ?? '');
  return blocks.flatMap((block) =>
    block
      .trimEnd()
      .split('\n')
      .map((line) => {
        const [command = '', comment = ''] = line.split('#');
        const [program, ...args] = command
          .trim()
          .replaceAll('3322', String(primary.port))
          .replaceAll('3422', String(replica.port))
          .split(/\s+/);
        assert.equal(program, 'bin/quorate');
        return { args, exitCode: Number(/exit code (\d+)/.exec(comment)?.[1] ?? 0) };
      }),
  );
}

test('the commands of the page find a difference, repair it, and let a replica rejoin', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const before = await fixture.start('replica', ...follow(primary));
  const txId = await primary.execute(
    'defaultdb',
    'CREATE TABLE t (id INTEGER PRIMARY KEY, v)',
    'INSERT INTO t VALUES (1, 1)',
  );
  await before.until('defaultdb', ({ appliedTxId }) => appliedTxId >= txId);
  await before.stop();
  const file = new DatabaseSync(sqliteFile(path.join(fixture.root, 'replica'), 'defaultdb'));
  file.exec('UPDATE t SET v = 2');
  file.close();
  const replica = await fixture.start('replica', ...follow(primary));
  writeFileSync(path.join(fixture.root, 'password'), `${adminPassword}\n`);
  const options = { cwd: fixture.root, env: { XDG_CONFIG_HOME: path.join(fixture.root, 'config') } };
  const settings = (await replica.database('defaultdb')).replication!;
  const client = await replica.client();
  const unchanged = {
    database: 'defaultdb',
    ...{ role: undefined, replicationEnabled: undefined, primaryHost: undefined, primaryPort: undefined },
    ...{ primaryDatabase: undefined, primaryUsername: undefined, primaryPassword: undefined },
  };
  for (const { args, exitCode } of documented(primary, replica)) {
    if (args.includes('rejoin') && !args.includes('--snapshot')) {
      // The former primary comes back with a higher term than the one it was replaced by: only then are histories compared.
      await client.updateDatabase({ ...unchanged, role: 'primary' });
      await replica.execute('defaultdb', 'INSERT INTO t VALUES (2, 2)');
      await promoteAgain(primary, replica);
      await client.updateDatabase({
        ...unchanged,
        ...settings,
        primaryPassword: adminPassword,
        replicationEnabled: true,
        role: 'replica',
      });
      await replica.until('defaultdb', ({ replicator }) => replicator?.state === 'diverged');
    }
    const result = await quorate(args, options);
    assert.equal(result.exitCode, exitCode, `${args.join(' ')}: ${result.stdout}${result.stderr}`);
  }
  assert.deepEqual(
    await replica.query('defaultdb', 'SELECT * FROM t'),
    await primary.query('defaultdb', 'SELECT * FROM t'),
  );
});

/** Gives the primary a term above that of the other one: made a replica and primary twice, it grows. */
async function promoteAgain(primary: ServerProcess, other: ServerProcess): Promise<void> {
  const client = await primary.client();
  const { term } = await other.database('defaultdb');
  const change = {
    database: 'defaultdb',
    ...{ primaryHost: undefined, primaryPort: undefined, primaryDatabase: undefined },
    ...{ primaryUsername: undefined, primaryPassword: undefined, replicationEnabled: undefined },
  };
  for (let own = 0; own <= term; own = (await primary.database('defaultdb')).term) {
    await client.updateDatabase({ ...change, role: 'replica' });
    await client.updateDatabase({ ...change, role: 'primary' });
  }
  await primary.execute('defaultdb', 'INSERT INTO t VALUES (3, 3)');
}
