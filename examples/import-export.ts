/** Bring a SQLite file of yours in, and take a plain SQLite file out, while the database is in use. */
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Quorate } from 'quorate';
import { temporaryFolder } from './temporary-folder.ts';

using folder = temporaryFolder();
const yourFile = path.join(folder.path, 'yours.sqlite');
{
  using yours = new DatabaseSync(yourFile);
  yours.exec(`
    CREATE TABLE city (name TEXT PRIMARY KEY, population INTEGER);
    INSERT INTO city VALUES ('Lima', 10092000), ('Oslo', 717710), ('Quito', 2011388);
    CREATE VIEW large_city AS SELECT name FROM city WHERE population > 1000000;
  `);
}

await using quorate = await Quorate.open({ directory: path.join(folder.path, 'node') });

// Everything in the file becomes transactions of the log, so replicas receive it like any other write.
const db = await quorate.importDatabase('world', yourFile);
await db.execute("INSERT INTO city VALUES ('Kyiv', 2952301)");
console.log(
  'Large:',
  db
    .query('SELECT name FROM large_city ORDER BY name')
    .map(({ name }) => name)
    .join(', '),
);

const copy = path.join(folder.path, 'copy.sqlite');
await db.exportTo(copy);
using plain = new DatabaseSync(copy, { readOnly: true });
console.log('Cities in the exported file:', plain.prepare('SELECT count(*) AS count FROM city').get()?.count);
