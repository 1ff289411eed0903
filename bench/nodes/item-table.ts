/** The table that all benchmarks write: a key, an indexed text, 100 bytes of text and a number. */
export const itemTableStatements: readonly string[] = [
  'DROP TABLE IF EXISTS item',
  'CREATE TABLE item(id INTEGER PRIMARY KEY, k TEXT NOT NULL, v TEXT NOT NULL, n INTEGER NOT NULL)',
  'CREATE INDEX item_k ON item(k)',
];

export const insertItem = 'INSERT INTO item(k, v, n) VALUES (?, ?, ?)';

export const selectItem = 'SELECT id, k, n FROM item WHERE id = ?';

/** 100 bytes. */
export const insertedText = 'x'.repeat(100);

/** Multiplying by this number modulo 2^32 visits all of them in an order that looks random. Source: Knuth, TAOCP 6.4. */
const goldenMultiplier = 2_654_435_761;

/** The `index`-th of the numbers below 2^32 in an order that looks random and has no repetition. */
export function scatter(index: number): number {
  return Math.imul(index, goldenMultiplier) >>> 0;
}

/** Order of the keys in the index: one after the other, or each somewhere else. */
export type KeyOrder = 'sequential' | 'random';

/** Values of row `index` for `insertItem`. */
export function itemValues(index: number, order: KeyOrder = 'sequential'): [string, string, number] {
  return [`k${order === 'random' ? scatter(index) : index}`, insertedText, index];
}
