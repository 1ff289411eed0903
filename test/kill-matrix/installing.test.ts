import { test } from 'node:test';
import { rounds } from './rounds.ts';
import { seedingRounds } from './seeding.ts';

test(`nodes that are killed and stopped ${rounds.installing} times while a replica installs a snapshot keep every acknowledged write and end equal`, async (t) => {
  await seedingRounds(t, 'installing');
});
