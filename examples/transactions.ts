/** Transactions that read what they write, rows with types, all-or-nothing batches, and errors with codes. */
import { isQuorateError, Quorate } from 'quorate';
import { temporaryFolder } from './temporary-folder.ts';

interface Account {
  readonly id: number;
  readonly owner: string;
  readonly balance: number;
}

using folder = temporaryFolder();
await using quorate = await Quorate.open({ directory: folder.path });
const db = await quorate.openOrCreate('bank');

await db.executeScript(`
  CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    balance INTEGER NOT NULL CHECK (balance >= 0)
  ) STRICT;
  INSERT INTO account VALUES (1, 'Ada', 100), (2, 'Grace', 20);
`);

/** Commits when the function resolves, rolls everything back when it throws. */
async function transfer(from: number, to: number, amount: number): Promise<number> {
  return await db.transaction(async (tx) => {
    await tx.execute('UPDATE account SET balance = balance + ? WHERE id = ?', [amount, to]);
    await tx.execute('UPDATE account SET balance = balance - ? WHERE id = ?', [amount, from]);
    const left = await tx.queryOne<Account>('SELECT balance FROM account WHERE id = ?', [from]);
    return left?.balance ?? 0;
  });
}

console.log(`Ada has ${await transfer(1, 2, 30)} left.`);

try {
  await transfer(1, 2, 500);
} catch (error) {
  if (!isQuorateError(error)) {
    throw error;
  }
  console.log(`Refused: ${error.code}.`);
}

// A batch is one transaction too, in one go and without holding the writer in between.
await db.batch([
  { sql: 'INSERT INTO account VALUES (?, ?, ?)', parameters: [3, 'Edsger', 7] },
  "UPDATE account SET owner = 'Grace H.' WHERE id = 2",
]);

// The type of the rows is yours to say; two reads of one snapshot tell of the same moment.
const { accounts, total } = db.snapshot((snapshot) => ({
  accounts: snapshot.query<Account>('SELECT * FROM account ORDER BY id'),
  total: snapshot.queryOne<{ sum: bigint }>('SELECT sum(balance) AS sum FROM account', [], { bigint: true })?.sum,
}));
for (const { owner, balance } of accounts) {
  console.log(`${owner}: ${balance}`);
}
console.log(`In total: ${total}.`);
