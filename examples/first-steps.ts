/** Open a node inside this process, make a database, write and read. */
import { Quorate } from 'quorate';
import { temporaryFolder } from './temporary-folder.ts';

using folder = temporaryFolder();
await using quorate = await Quorate.open({ directory: folder.path });
const db = await quorate.openOrCreate('shop');

await db.execute('CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT)');

// A write resolves when it is durable, and reads on this node see it.
const { lastInsertRowid } = await db.execute('INSERT INTO customer (name, city) VALUES (?, ?)', ['Ada', 'London']);
await db.execute('INSERT INTO customer (name, city) VALUES (:name, :city)', { name: 'Grace', city: 'New York' });

// Reads are synchronous: they run right here, on a connection of this thread.
const ada = db.queryOne('SELECT name, city FROM customer WHERE id = ?', [lastInsertRowid]);
console.log(`Customer ${lastInsertRowid} is ${ada?.name} of ${ada?.city}.`);

for (const { id, name } of db.query('SELECT id, name FROM customer ORDER BY name')) {
  console.log(`${id}: ${name}`);
}
