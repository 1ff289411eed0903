/** When a row was changed last, as the triggers write it. */
const now = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";

const tables = [
  `CREATE TABLE customer (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL UNIQUE COLLATE NOCASE,
  city TEXT NOT NULL,
  country TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
)`,
  `CREATE TABLE product (
  id INTEGER PRIMARY KEY,
  sku TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  category TEXT NOT NULL,
  price_cents INTEGER NOT NULL CHECK (price_cents > 0),
  stock INTEGER NOT NULL CHECK (stock >= 0),
  updated_at TEXT NOT NULL
)`,
  `CREATE TABLE orders (
  id INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
  status TEXT NOT NULL CHECK (status IN ('open', 'shipped', 'delivered')),
  placed_at TEXT NOT NULL,
  total_cents INTEGER NOT NULL DEFAULT 0
)`,
  `CREATE TABLE order_item (
  order_id INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
  line INTEGER NOT NULL,
  product_id INTEGER NOT NULL REFERENCES product (id),
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  price_cents INTEGER NOT NULL,
  PRIMARY KEY (order_id, line)
) WITHOUT ROWID`,
  `CREATE TABLE price_change (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  product_id INTEGER NOT NULL REFERENCES product (id) ON DELETE CASCADE,
  old_cents INTEGER NOT NULL,
  new_cents INTEGER NOT NULL,
  changed_at TEXT NOT NULL
)`,
  "CREATE VIRTUAL TABLE product_search USING fts5 (name, description, content = 'product', content_rowid = 'id')",
];

const indexes = [
  'CREATE INDEX orders_by_customer ON orders (customer_id, placed_at)',
  "CREATE INDEX open_orders ON orders (placed_at) WHERE status = 'open'",
  'CREATE INDEX order_item_by_product ON order_item (product_id)',
  'CREATE INDEX product_by_category ON product (category, price_cents)',
  'CREATE INDEX customer_by_city ON customer (country, city)',
  'CREATE INDEX price_change_by_product ON price_change (product_id)',
];

/** The text of a deleted or changed product must be given to FTS5 again, so that it can find what to take out. */
const forgetOld = `INSERT INTO product_search (product_search, rowid, name, description)
    VALUES ('delete', OLD.id, OLD.name, OLD.description);`;
const indexNew = `INSERT INTO product_search (rowid, name, description) VALUES (NEW.id, NEW.name, NEW.description);`;

const triggers = [
  `CREATE TRIGGER product_search_insert AFTER INSERT ON product BEGIN
    ${indexNew}
  END`,
  `CREATE TRIGGER product_search_delete AFTER DELETE ON product BEGIN
    ${forgetOld}
  END`,
  `CREATE TRIGGER product_search_update AFTER UPDATE OF name, description ON product BEGIN
    ${forgetOld}
    ${indexNew}
  END`,
  `CREATE TRIGGER product_touched AFTER UPDATE OF name, description, price_cents ON product BEGIN
    UPDATE product SET updated_at = ${now} WHERE id = NEW.id;
  END`,
  `CREATE TRIGGER customer_touched AFTER UPDATE OF name, email, city, country ON customer BEGIN
    UPDATE customer SET updated_at = ${now} WHERE id = NEW.id;
  END`,
  `CREATE TRIGGER price_audit AFTER UPDATE OF price_cents ON product WHEN NEW.price_cents <> OLD.price_cents BEGIN
    INSERT INTO price_change (product_id, old_cents, new_cents, changed_at)
    VALUES (NEW.id, OLD.price_cents, NEW.price_cents, ${now});
  END`,
  `CREATE TRIGGER stock_taken AFTER INSERT ON order_item BEGIN
    UPDATE product SET stock = stock - NEW.quantity WHERE id = NEW.product_id;
  END`,
  `CREATE TRIGGER stock_returned AFTER DELETE ON order_item BEGIN
    UPDATE product SET stock = stock + OLD.quantity WHERE id = OLD.product_id;
  END`,
];

const views = [
  `CREATE VIEW product_revenue AS
  SELECT product.id AS product_id, product.name, product.category, count(*) AS orders,
         sum(order_item.quantity) AS sold, sum(order_item.quantity * order_item.price_cents) AS revenue_cents
  FROM order_item JOIN product ON product.id = order_item.product_id
  GROUP BY product.id`,
  `CREATE VIEW customer_value AS
  SELECT customer.id AS customer_id, customer.name, count(*) AS orders, sum(orders.total_cents) AS total_cents,
         max(orders.placed_at) AS last_order_at
  FROM orders JOIN customer ON customer.id = orders.customer_id
  GROUP BY customer.id`,
];

/** The statements that make an empty store, in order. */
export function schemaStatements(): readonly string[] {
  return [...tables, ...indexes, ...triggers, ...views];
}
