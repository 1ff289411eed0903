/** Of the seeds of groups that every run of the tests goes through one half, so that two processes share them. */
import { test } from 'node:test';
import { runGroupSeeds } from './seed-range.ts';

test('groups under many seeds lose nothing, have one primary in a term, and find one when all is well (second half)', async () => {
  await runGroupSeeds(501, 500);
});
