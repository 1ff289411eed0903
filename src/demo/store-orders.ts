import { isoTime } from '../runtime/interface.ts';
import type { Statement } from '../sqlite/interface.ts';
import { createSeededRandom, type SeededRandom } from './seeded-random.ts';
import type { StoreSize } from './store-data.ts';
import { places, praise } from './store-words.ts';

const maxItems = 4;

/** A product that falls below is filled up, so that the stream of orders never ends. */
const reorderBelow = 100;
const reorderQuantity = 1_000;

/** What happens beside the order itself, once in so many orders. */
const everyNth = { customerMoves: 10, priceChanges: 20, textChanges: 25, orderCancelled: 50 } as const;

/**
 * The statements of one new order, to be run as one transaction: the order, its items (a trigger takes them from the
 * stock), its total, and now and then what else happens in a store. The same seed and number give the same statements.
 *
 * The statements find the new order by `last_insert_rowid()`: items are in a table WITHOUT ROWID, which leaves it alone.
 * @param number which order of the stream, from 0
 * @param placedAtMs when it is placed, milliseconds since 1970
 */
export function newOrder(seed: number, size: StoreSize, number: number, placedAtMs: number): readonly Statement[] {
  const random = createSeededRandom(seed, number + 1);
  const placedAt = isoTime(placedAtMs);
  return [
    {
      sql: "INSERT INTO orders (customer_id, status, placed_at) VALUES (?, 'open', ?)",
      parameters: [random.popular(size.customers), placedAt],
    },
    ...Array.from({ length: random.integer(1, maxItems) }, (_, index) => itemOf(random, size, index + 1)).flat(),
    {
      sql: `UPDATE orders SET total_cents =
  (SELECT sum(quantity * price_cents) FROM order_item WHERE order_id = orders.id) WHERE id = last_insert_rowid()`,
    },
    ...besides(random, size, number),
  ];
}

function itemOf(random: SeededRandom, size: StoreSize, line: number): Statement[] {
  const product = random.popular(size.products);
  return [
    {
      sql: 'UPDATE product SET stock = stock + ? WHERE id = ? AND stock < ?',
      parameters: [reorderQuantity, product, reorderBelow],
    },
    {
      sql: `INSERT INTO order_item (order_id, line, product_id, quantity, price_cents)
  SELECT last_insert_rowid(), ?, id, ?, price_cents FROM product WHERE id = ?`,
      parameters: [line, random.integer(1, 3), product],
    },
  ];
}

function besides(random: SeededRandom, size: StoreSize, number: number): Statement[] {
  const statements: Statement[] = [];
  if (isTurn(number, everyNth.customerMoves)) {
    const [city, country] = random.pick(places);
    statements.push({
      sql: 'UPDATE customer SET city = ?, country = ? WHERE id = ?',
      parameters: [city, country, random.integer(1, size.customers)],
    });
  }
  if (isTurn(number, everyNth.priceChanges)) {
    statements.push({
      sql: 'UPDATE product SET price_cents = max(95, price_cents + ?) WHERE id = ?',
      parameters: [random.integer(-5, 5) * 100, random.integer(1, size.products)],
    });
  }
  if (isTurn(number, everyNth.textChanges)) {
    statements.push({
      sql: "UPDATE product SET description = 'Now ' || lower(name) || '. ' || ? WHERE id = ?",
      parameters: [random.pick(praise), random.integer(1, size.products)],
    });
  }
  if (isTurn(number, everyNth.orderCancelled)) {
    statements.push({ sql: "DELETE FROM orders WHERE id = (SELECT min(id) FROM orders WHERE status = 'delivered')" });
  }
  return statements;
}

function isTurn(number: number, nth: number): boolean {
  return number % nth === nth - 1;
}
