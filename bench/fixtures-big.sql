-- Five times the rows of `orders`: what memory must not depend on.
\set ON_ERROR_STOP on
BEGIN;
CREATE TABLE orders_25m (LIKE orders);
INSERT INTO orders_25m
SELECT o.id + 5000000 * copy, customer_id, product_id, sku, quantity, amount, created_at, updated_at, status, channel, city, note
FROM generate_series(0, 4) AS copy, orders AS o;
COMMIT;
CHECKPOINT;
