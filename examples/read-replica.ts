/**
 * A read replica inside this process: the data lives here, reads cost no network, and the server stays the one that
 * writes. The server of this example is a second node of the same program; yours is `quorate server` on another machine.
 */
import { isQuorateError, Quorate } from 'quorate';
import { temporaryFolder } from './temporary-folder.ts';

using serverFolder = temporaryFolder();
await using server = await Quorate.open({
  directory: serverFolder.path,
  listen: { port: 0 },
  adminPassword: 'only for this example',
});
const primary = await server.openOrCreate('shop');
await primary.execute('CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT, price REAL)');
const { position } = await primary.execute("INSERT INTO product VALUES (1, 'Anvil', 49.5), (2, 'Rope', 8)");

using folder = temporaryFolder();
await using quorate = await Quorate.open({ directory: folder.path });
const replica = await quorate.replica('shop', {
  host: '127.0.0.1',
  port: server.address?.port,
  username: 'admin',
  password: 'only for this example',
});

// The first content is on its way; a token says what to wait for.
await replica.waitFor(position);
console.log(
  'On the replica:',
  replica.query('SELECT name, price FROM product ORDER BY id').map((row) => ({ ...row })),
);

try {
  await replica.execute('DELETE FROM product');
} catch (error) {
  console.log(`Writing to the replica: ${isQuorateError(error) ? error.code : error}`);
}
console.log(`The replica is ${(await replica.status()).open?.replication?.state}.`);
