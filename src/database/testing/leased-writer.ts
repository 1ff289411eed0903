/**
 * A process with a primary whose lease ends so many milliseconds after it began: writes without end, and prints the outcome
 * of each write as a line of JSON, with whether the lease had ended when it was sent. What was answered just before the process
 * was stopped may be looked at only afterwards, so that the moment of the answer says nothing.
 */

import { asQuorateError } from '../../errors/interface.ts';
import { createNodeRuntime } from '../../runtime/interface.ts';
import { Database, defaultDatabaseLimits } from '../interface.ts';

const [directory = '', leaseMs = '0'] = process.argv.slice(2);
const runtime = createNodeRuntime();
const { clock } = runtime;
const database = await Database.create(
  { runtime, name: 'shop', directory: `${directory}/shop`, origin: 1n, limits: defaultDatabaseLimits },
  { role: 'primary', term: 1, replication: { enabled: false } },
);
await database.writer.transact([{ sql: 'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)' }]);
const untilMs = clock.monotonicMs() + Number(leaseMs);
await database.leadership.lead({ term: 2, candidate: 'a', leaseUntilMs: untilMs });

async function writeOn(): Promise<void> {
  for (;;) {
    const isLate = clock.monotonicMs() >= untilMs;
    const answer = await database.writer.transact([{ sql: "INSERT INTO t (v) VALUES ('a')" }]).then(
      () => 'committed',
      (error: unknown) => asQuorateError(error).code,
    );
    process.stdout.write(`${JSON.stringify({ answer, isLate })}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, writeOn));
