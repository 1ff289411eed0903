import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { DataTypes, Sequelize } from 'sequelize';
import { createDatabase, startHranaServer, transports } from '../hrana-server.ts';

const hrana = await startHranaServer();
const dialectModule = createRequire(import.meta.url)('@libsql/sqlite3') as object;

for (const transport of transports) {
  test(`Sequelize over ${transport} through @libsql/sqlite3: schema, relations, transactions`, async (t) => {
    const url = hrana.url(transport, await createDatabase(hrana, `sequelize-${transport}`));
    const sequelize = new Sequelize({
      dialect: 'sqlite',
      dialectModule,
      storage: `${url}?authToken=${hrana.token}`,
      logging: false,
    });
    t.after(() => sequelize.close());
    const User = sequelize.define('user', { name: { type: DataTypes.STRING, unique: true } });
    const Task = sequelize.define('task', { title: DataTypes.STRING, due: DataTypes.DATE });
    User.hasMany(Task, { onDelete: 'CASCADE' });
    Task.belongsTo(User);
    await sequelize.sync();

    const due = new Date(1_700_000_000_000);
    const ada = await User.create({ name: 'Ada' });
    await Task.create({ title: 'Notes', due, userId: ada.get('id') });
    const found = await User.findOne({ include: Task, rejectOnEmpty: true });
    const [task] = found.get('tasks') as { title: string; due: Date }[];
    assert.deepEqual([task?.title, task?.due], ['Notes', due]);

    await assert.rejects(
      sequelize.transaction(async (transaction) => {
        await User.create({ name: 'Alan' }, { transaction });
        throw new Error('no');
      }),
      /no/,
    );
    await sequelize.transaction(async (transaction) => {
      await User.create({ name: 'Grace' }, { transaction });
    });
    const names = (await User.findAll({ order: ['id'] })).map((user) => user.get('name'));
    assert.deepEqual(names, ['Ada', 'Grace']);
    await assert.rejects(User.create({ name: 'Ada' }));
  });
}
