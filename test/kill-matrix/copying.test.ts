import { test } from 'node:test';
import { rounds } from './rounds.ts';
import { seedingRounds } from './seeding.ts';

test(`nodes that are killed and stopped ${rounds.copying} times while a replica copies a snapshot keep every acknowledged write and end equal`, async (t) => {
  await seedingRounds(t, 'copying');
});
