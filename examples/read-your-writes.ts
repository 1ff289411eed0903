/** Write on the primary, then read that write on a replica: the token of the write says what to wait for. */
import { isQuorateError, Quorate } from 'quorate';
import { temporaryFolder } from './temporary-folder.ts';

const adminPassword = 'only for this example';
using primaryFolder = temporaryFolder();
using replicaFolder = temporaryFolder();
await using server = await Quorate.open({ directory: primaryFolder.path, listen: { port: 0 }, adminPassword });
await using edge = await Quorate.open({ directory: replicaFolder.path });

const primary = await server.openOrCreate('notes');
await primary.execute('CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)');
const replica = await edge.replica('notes', {
  host: '127.0.0.1',
  port: server.address?.port,
  username: 'admin',
  password: adminPassword,
});

/** What a web application does: the token travels with the user, in a cookie or a header. */
async function addNote(text: string): Promise<string> {
  const { position } = await primary.execute('INSERT INTO note (text) VALUES (?)', [text]);
  return position;
}

async function countNotes(token: string): Promise<number> {
  await replica.waitFor(token, { timeoutMs: 5_000 });
  return replica.queryOne<{ count: number }>('SELECT count(*) AS count FROM note')?.count ?? 0;
}

for (const text of ['buy milk', 'call Ada', 'sleep']) {
  console.log(`After "${text}" the replica shows ${await countNotes(await addNote(text))} notes.`);
}

// A token of the future is not reached; the error says so and can be tried again.
await edge.updateDatabase('notes', { replicationEnabled: false });
const unseen = await addNote('never arrives');
try {
  await replica.waitFor(unseen, { timeoutMs: 50 });
} catch (error) {
  console.log(isQuorateError(error) ? `${error.code}, retryable: ${error.retryable}` : error);
}
