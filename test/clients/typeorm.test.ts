import assert from 'node:assert/strict';
import { test } from 'node:test';
import Libsql from 'libsql';
import { DataSource, EntitySchema } from 'typeorm';
import { createDatabase, startHranaServer } from '../hrana-server.ts';

interface Author {
  id: number;
  name: string;
  books: Book[];
}

interface Book {
  id: number;
  title: string;
  author: Author;
}

const author = new EntitySchema<Author>({
  name: 'author',
  columns: { id: { type: Number, primary: true, generated: true }, name: { type: String, unique: true } },
  relations: { books: { type: 'one-to-many', target: 'book', inverseSide: 'author', cascade: true } },
});

const book = new EntitySchema<Book>({
  name: 'book',
  columns: { id: { type: Number, primary: true, generated: true }, title: { type: String } },
  relations: { author: { type: 'many-to-one', target: 'author', inverseSide: 'books', onDelete: 'CASCADE' } },
});

const hrana = await startHranaServer();

/** What TypeORM takes for better-sqlite3: the native driver of libSQL, with the token that TypeORM has no option for. */
class RemoteDatabase extends Libsql {
  constructor(path: string, options: object) {
    super(path, { ...options, authToken: hrana.token } as Libsql.Options);
  }
}

test('TypeORM through libsql: schema, relations, transactions', async (t) => {
  const database = hrana.url('http', await createDatabase(hrana, 'typeorm'));
  const source = new DataSource({
    type: 'better-sqlite3',
    database,
    driver: RemoteDatabase,
    entities: [author, book],
    synchronize: true,
  });
  await source.initialize();
  t.after(() => source.destroy());
  const authors = source.getRepository(author);

  await authors.save({ name: 'Ada', books: [{ title: 'Notes' }, { title: 'Letters' }] });
  const [found] = await authors.find({ relations: { books: true } });
  assert.deepEqual([found?.name, found?.books.map(({ title }) => title).sort()], ['Ada', ['Letters', 'Notes']]);

  await assert.rejects(
    source.transaction(async (manager) => {
      await manager.save(author, { name: 'Alan' });
      await manager.save(author, { name: 'Ada' });
    }),
    /UNIQUE/,
  );
  await source.transaction(async (manager) => {
    await manager.save(author, { name: 'Grace' });
  });
  const names = (await authors.find({ order: { id: 'ASC' } })).map(({ name }) => name);
  assert.deepEqual(names, ['Ada', 'Grace']);

  await authors.delete({ name: 'Ada' });
  assert.equal(await source.getRepository(book).count(), 0);
});
