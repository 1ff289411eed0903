import { isoTime } from '../runtime/interface.ts';
import type { SqlValue, Statement } from '../sqlite/interface.ts';
import { createSeededRandom, type SeededRandom } from './seeded-random.ts';
import { familyNames, givenNames, goods, materials, places, praise, qualities } from './store-words.ts';

/** How many rows of each kind; an order has two to three items on average. */
export interface StoreSize {
  readonly customers: number;
  readonly products: number;
  readonly orders: number;
}

/** About 50,000 rows. */
export const defaultStoreSize: StoreSize = { customers: 6_000, products: 1_200, orders: 12_000 };

/** One transaction of this many statements loads fast and stays far below every limit. */
const batchStatements = 500;

const maxItems = 4;

/** The year in which the loaded orders were placed. */
const firstOrderMs = Date.UTC(2025, 10, 1);
const ordersSpanMs = 365 * 24 * 60 * 60 * 1000;

const insertCustomer =
  'INSERT INTO customer (id, name, email, city, country, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)';
const insertProduct =
  'INSERT INTO product (id, sku, name, description, category, price_cents, stock, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)';
const insertOrder = 'INSERT INTO orders (id, customer_id, status, placed_at, total_cents) VALUES (?, ?, ?, ?, ?)';
const insertItem = 'INSERT INTO order_item (order_id, line, product_id, quantity, price_cents) VALUES (?, ?, ?, ?, ?)';

/**
 * The rows of a store as INSERT statements, parents before children, each batch meant to be one transaction. The same
 * seed and size give the same statements.
 */
export function* storeBatches(seed: number, size: StoreSize): Generator<readonly Statement[]> {
  let batch: Statement[] = [];
  for (const statement of storeStatements(seed, size)) {
    batch.push(statement);
    if (batch.length === batchStatements) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) {
    yield batch;
  }
}

function* storeStatements(seed: number, size: StoreSize): Generator<Statement> {
  const random = createSeededRandom(seed);
  for (let id = 1; id <= size.customers; id += 1) {
    yield { sql: insertCustomer, parameters: customerRow(random, id) };
  }
  const prices: number[] = [];
  for (let id = 1; id <= size.products; id += 1) {
    const row = productRow(random, id);
    prices.push(row.priceCents);
    yield { sql: insertProduct, parameters: row.values };
  }
  for (let id = 1; id <= size.orders; id += 1) {
    yield* orderStatements(random, id, size, prices);
  }
}

function customerRow(random: SeededRandom, id: number): SqlValue[] {
  const given = random.pick(givenNames);
  const family = random.pick(familyNames);
  const [city, country] = random.pick(places);
  const createdAt = isoTime(firstOrderMs - random.integer(1, 1000) * 24 * 60 * 60 * 1000);
  return [
    id,
    `${given} ${family}`,
    `${asciiName(given)}.${asciiName(family)}.${id}@example.com`,
    city,
    country,
    createdAt,
    createdAt,
  ];
}

function productRow(random: SeededRandom, id: number): { priceCents: number; values: SqlValue[] } {
  const { category, nouns } = random.pick(goods);
  const material = random.pick(materials);
  const quality = random.pick(qualities);
  const noun = random.pick(nouns);
  const name = `${capitalize(quality)} ${material} ${noun}`;
  const description = `A ${quality} ${noun} of ${material}. ${random.pick(praise)} ${random.pick(praise)}`;
  const priceCents = random.integer(3, 200) * 100 - 5;
  const sku = `${category.slice(0, 3).toUpperCase()}-${String(id).padStart(5, '0')}`;
  const values = [
    id,
    sku,
    name,
    description,
    category,
    priceCents,
    random.integer(5_000, 10_000),
    isoTime(firstOrderMs),
  ];
  return { priceCents, values };
}

function* orderStatements(
  random: SeededRandom,
  id: number,
  size: StoreSize,
  prices: readonly number[],
): Generator<Statement> {
  const items = Array.from({ length: random.integer(1, maxItems) }, () => {
    const product = random.popular(size.products);
    return { product, quantity: random.integer(1, 3), priceCents: prices[product - 1] ?? 0 };
  });
  const totalCents = items.reduce((sum, item) => sum + item.quantity * item.priceCents, 0);
  const placedAt = isoTime(firstOrderMs + Math.floor((id / size.orders) * ordersSpanMs));
  const status = id > size.orders * 0.98 ? 'open' : id > size.orders * 0.95 ? 'shipped' : 'delivered';
  yield { sql: insertOrder, parameters: [id, random.popular(size.customers), status, placedAt, totalCents] };
  for (const [index, { product, quantity, priceCents }] of items.entries()) {
    yield { sql: insertItem, parameters: [id, index + 1, product, quantity, priceCents] };
  }
}

/** A moment as the store writes it. */
export function capitalize(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** Letters without accents, for a mail address. */
function asciiName(name: string): string {
  const plain = name.normalize('NFD').replace(/[^A-Za-z]/g, '');
  return plain.toLowerCase();
}
