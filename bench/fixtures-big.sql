-- Five times the rows of `orders`, one copy after the other: what memory must not depend on.
\set ON_ERROR_STOP on
BEGIN;
CREATE TABLE orders_25m (LIKE orders);
DO $$
BEGIN
    FOR copy IN 0..4 LOOP
        INSERT INTO orders_25m
        SELECT id + 5000000 * copy, customer_id, product_id, sku, quantity, amount, created_at, updated_at, status, channel,
               city, note
        FROM orders;
    END LOOP;
END
$$;
COMMIT;
VACUUM (ANALYZE) orders_25m;
CHECKPOINT;
