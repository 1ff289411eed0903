import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { test } from 'node:test';
import type { Statement } from '../sqlite/interface.ts';
import { defaultStoreSize, newOrder, type StoreSize, schemaStatements, storeBatches } from './interface.ts';

const seed = 20_261_120;
const small: StoreSize = { customers: 200, products: 60, orders: 400 };
const startMs = Date.UTC(2026, 10, 20);

function runAll(database: DatabaseSync, statements: readonly Statement[]): void {
  database.exec('BEGIN');
  for (const { sql, parameters } of statements) {
    database.prepare(sql).run(...((parameters ?? []) as SQLInputValue[]));
  }
  database.exec('COMMIT');
}

function loadStore(size: StoreSize): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  for (const sql of schemaStatements()) {
    database.exec(sql);
  }
  for (const batch of storeBatches(seed, size)) {
    runAll(database, batch);
  }
  return database;
}

function value(database: DatabaseSync, sql: string): unknown {
  return Object.values(database.prepare(sql).get() ?? {})[0];
}

function assertSound(database: DatabaseSync): void {
  assert.equal(value(database, 'PRAGMA integrity_check'), 'ok');
  assert.deepEqual(database.prepare('PRAGMA foreign_key_check').all(), []);
  // FTS5 compares its index with the table that holds the text, and throws when they differ.
  database.exec("INSERT INTO product_search (product_search, rank) VALUES ('integrity-check', 1)");
}

function hashOf(statements: Iterable<readonly Statement[]>): string {
  const hash = createHash('sha256');
  for (const batch of statements) {
    hash.update(JSON.stringify(batch));
  }
  return hash.digest('hex');
}

test('the store has tens of thousands of rows and is sound', () => {
  const database = loadStore(defaultStoreSize);
  const counts = ['customer', 'product', 'orders', 'order_item'].map((table) =>
    Number(value(database, `SELECT count(*) FROM ${table}`)),
  );
  assert.deepEqual(counts.slice(0, 3), [6_000, 1_200, 12_000]);
  const total = counts.reduce((sum, count) => sum + count, 0);
  assert.ok(total > 40_000 && total < 70_000, `${total} rows`);
  assertSound(database);
  database.close();
});

test('the same seed gives the same statements, another seed gives others', () => {
  assert.equal(hashOf(storeBatches(seed, small)), hashOf(storeBatches(seed, small)));
  assert.notEqual(hashOf(storeBatches(seed, small)), hashOf(storeBatches(seed + 1, small)));
  assert.deepEqual(newOrder(seed, small, 7, startMs), newOrder(seed, small, 7, startMs));
  assert.notDeepEqual(newOrder(seed, small, 7, startMs), newOrder(seed, small, 8, startMs));
});

test('the full-text index finds what was loaded and follows a change', () => {
  const database = loadStore(small);
  const matches = (word: string) =>
    value(database, `SELECT count(*) FROM product_search WHERE product_search MATCH '${word}'`);
  const oak = Number(matches('oak'));
  assert.ok(oak > 0);
  assert.equal(oak, value(database, "SELECT count(*) FROM product WHERE name LIKE '% oak %'"));
  database.exec("UPDATE product SET name = 'Zeppelin', description = 'It flies' WHERE id = 1");
  assert.equal(matches('zeppelin'), 1);
  database.close();
});

test('the views add up to what the orders say', () => {
  const database = loadStore(small);
  const items = value(database, 'SELECT sum(quantity * price_cents) FROM order_item');
  assert.equal(value(database, 'SELECT sum(revenue_cents) FROM product_revenue'), items);
  assert.equal(value(database, 'SELECT sum(total_cents) FROM customer_value'), items);
  database.close();
});

test('the triggers keep stock, audit and times', () => {
  const database = loadStore(small);
  const stock = () => Number(value(database, 'SELECT sum(stock) FROM product'));
  const before = stock();
  const returned = Number(value(database, 'SELECT sum(quantity) FROM order_item WHERE order_id = 1'));
  database.exec('DELETE FROM orders WHERE id = 1');
  assert.equal(stock(), before + returned);
  assert.equal(value(database, 'SELECT count(*) FROM order_item WHERE order_id = 1'), 0);
  database.exec('UPDATE product SET price_cents = price_cents + 1 WHERE id = 2');
  assert.equal(value(database, 'SELECT new_cents - old_cents FROM price_change WHERE product_id = 2'), 1);
  database.exec("UPDATE customer SET city = 'Elsewhere' WHERE id = 3");
  assert.equal(value(database, 'SELECT updated_at > created_at FROM customer WHERE id = 3'), 1);
  database.close();
});

test('a long stream of orders leaves the store sound and every total right', () => {
  const database = loadStore(small);
  for (let number = 0; number < 2_000; number += 1) {
    runAll(database, newOrder(seed, small, number, startMs + number * 1000));
  }
  assertSound(database);
  const cancelled = 2_000 / 50;
  assert.equal(value(database, 'SELECT count(*) FROM orders'), small.orders + 2_000 - cancelled);
  const wrongTotals = `SELECT count(*) FROM orders WHERE total_cents IS NOT
    (SELECT sum(quantity * price_cents) FROM order_item WHERE order_id = orders.id)`;
  assert.equal(value(database, wrongTotals), 0);
  assert.ok(Number(value(database, 'SELECT count(*) FROM price_change')) > 0);
  database.close();
});
