-- The two tables of the benchmark. Made by hashing the row number, so they are the same everywhere and every time.
-- Variables: orders_rows (5,000,000), items_rows (200,000).
\set ON_ERROR_STOP on
\if :{?orders_rows}
\else
    \set orders_rows 5000000
\endif
\if :{?items_rows}
\else
    \set items_rows 200000
\endif
SET client_min_messages = warning;
SET work_mem = '256MB';
SET maintenance_work_mem = '512MB';

-- A number in 0 .. n-1 that looks random, from a row number and the name of what it is for.
CREATE FUNCTION pick(row_number bigint, purpose int, n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (hashint8extended(row_number, purpose) & 9223372036854775807) % n;

-- orders: narrow, many rows; what most tables look like.
BEGIN;
CREATE TABLE orders (
    id          bigint NOT NULL,
    customer_id integer NOT NULL,
    product_id  integer NOT NULL,
    sku         text NOT NULL,
    quantity    integer,
    amount      numeric(10,2) NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamp,
    status      text NOT NULL,
    channel     text NOT NULL,
    city        text,
    note        text
);
INSERT INTO orders
SELECT i,
       1 + pick(i, 1, 800000),
       1 + pick(i, 2, 50000),
       'SKU-' || 10000 + pick(i, 2, 50000) || (ARRAY['-S', '-M', '-L', '-XL'])[1 + pick(i, 16, 4)],
       CASE WHEN pick(i, 3, 20) > 0 THEN 1 + pick(i, 4, 12) END,
       (1 + pick(i, 5, 4000000)) / 100.0,
       timestamptz '2020-01-01 00:00:00+00' + i * interval '31 seconds' + pick(i, 6, 31000000) * interval '1 microsecond',
       CASE WHEN pick(i, 7, 10) > 0 THEN timestamp '2020-01-01' + i * interval '31 seconds'
                                         + pick(i, 8, 86400000) * interval '1 millisecond' END,
       (ARRAY['paid', 'shipped', 'delivered', 'delivered', 'delivered', 'returned', 'cancelled'])[1 + pick(i, 9, 7)],
       (ARRAY['web', 'web', 'app', 'app', 'store', 'partner'])[1 + pick(i, 10, 6)],
       CASE WHEN pick(i, 11, 50) > 0 THEN
           (ARRAY['Amsterdam', 'Berlin', 'København', 'Lisboa', 'London', 'Madrid', 'Milano', 'München', 'Paris', 'Praha',
                  'Stockholm', 'Warszawa', 'Wien', 'Zürich', 'Αθήνα', 'Київ'])[1 + pick(i, 12, 16)] END,
       CASE WHEN pick(i, 13, 5) = 0 THEN
           (ARRAY['leave with the neighbour at no. ', 'gift, please no invoice, card ', 'call before delivery, code ',
                  'second attempt, ticket '])[1 + pick(i, 14, 4)] || pick(i, 15, 1000000) END
FROM generate_series(1, :orders_rows) AS i;
COMMIT;
ALTER TABLE orders ADD PRIMARY KEY (id);

BEGIN;
CREATE TABLE orders_1m (LIKE orders INCLUDING ALL);
INSERT INTO orders_1m SELECT * FROM orders WHERE id <= :orders_rows / 5 ORDER BY id;
COMMIT;

-- content_items: wide, long texts. Texts are paragraphs of words whose frequencies fall off as in a language, so that
-- they compress as prose does.
CREATE TEMP TABLE words AS
SELECT w AS id,
       (SELECT string_agg(substr('bcdfghjklmnprstvwz', 1 + pick(w * 8 + s, 20, 18)::int, 1)
                          || (ARRAY['a', 'e', 'i', 'o', 'u', 'ai', 'ou', 'ä', 'é', 'er', 'in', 'on'])[1 + pick(w * 8 + s, 21, 12)], '')
        FROM generate_series(1, 1 + pick(w, 22, 4)) AS s) AS word
FROM generate_series(0, 4095) AS w;

CREATE TEMP TABLE paragraphs AS
SELECT p AS id, string_agg(word, ' ' ORDER BY n) || '.' AS body
FROM (SELECT p, n, (4096 * power(pick(p * 64 + n, 23, 1000003) / 1000003.0, 3))::int % 4096 AS word_id
      FROM generate_series(0, 99999) AS p, generate_series(1, 38) AS n) AS picked
JOIN words ON words.id = word_id
GROUP BY p;
ALTER TABLE words ADD PRIMARY KEY (id);
ALTER TABLE paragraphs ADD PRIMARY KEY (id);
ANALYZE words, paragraphs;

BEGIN;
CREATE TABLE content_items (
    id           bigint NOT NULL,
    public_id    uuid NOT NULL,
    author_id    integer NOT NULL,
    category_id  integer,
    title        text NOT NULL,
    slug         text NOT NULL,
    summary      text NOT NULL,
    body         text NOT NULL,
    raw_html     text,
    language     char(2) NOT NULL,
    is_published boolean NOT NULL,
    rating       real,
    score        double precision,
    price        numeric(12,4),
    views        bigint NOT NULL,
    attributes   jsonb NOT NULL,
    history      jsonb,
    published_on date,
    created_at   timestamptz NOT NULL,
    updated_at   timestamp
);
INSERT INTO content_items
SELECT i,
       md5('item' || i)::uuid,
       1 + pick(i, 30, 5000),
       CASE WHEN pick(i, 31, 10) > 0 THEN pick(i, 32, 200) END,
       initcap((SELECT word FROM words WHERE id = pick(i, 33, 4096))) || ' ' ||
           (SELECT word FROM words WHERE id = pick(i, 35, 4096)) || ' no. ' || i,
       'item-' || i || '-' || pick(i, 34, 100000),
       prose.summary,
       prose.body,
       CASE WHEN pick(i, 37, 20) > 0 THEN '<article><p>' || prose.html || '</p></article>' END,
       (ARRAY['de', 'en', 'es', 'fr'])[1 + pick(i, 39, 4)],
       pick(i, 40, 10) > 1,
       CASE WHEN pick(i, 41, 4) > 0 THEN (pick(i, 42, 50) / 10.0)::real END,
       pick(i, 43, 1000000007) / 1000003.0,
       CASE WHEN pick(i, 44, 3) > 0 THEN pick(i, 45, 100000000) / 10000.0 END,
       pick(i, 46, 10000000),
       jsonb_build_object('tags', jsonb_build_array('t' || pick(i, 47, 300), 't' || pick(i, 48, 300)),
                          'words', 150 + pick(i, 49, 200), 'featured', pick(i, 50, 2) = 0,
                          'source', (ARRAY['editor', 'import', 'api'])[1 + pick(i, 51, 3)]),
       CASE WHEN pick(i, 52, 5) > 0 THEN
           jsonb_build_array(jsonb_build_object('by', pick(i, 53, 5000), 'at', 1577836800 + pick(i, 54, 100000000)),
                             jsonb_build_object('by', pick(i, 55, 5000), 'at', 1577836800 + pick(i, 56, 100000000))) END,
       CASE WHEN pick(i, 57, 8) > 0 THEN date '2015-01-01' + pick(i, 58, 3500)::int END,
       timestamptz '2015-01-01 00:00:00+00' + pick(i, 59, 300000000) * interval '1.000001 seconds',
       CASE WHEN pick(i, 60, 10) > 0 THEN timestamp '2022-01-01' + pick(i, 61, 90000000) * interval '1 second' END
FROM generate_series(1, :items_rows) AS i
CROSS JOIN LATERAL (
    SELECT string_agg(body, E'\n\n') FILTER (WHERE n / 4 = 0) AS summary,
           string_agg(body, E'\n\n') FILTER (WHERE n / 4 = 1) AS body,
           string_agg(body, '</p><p>') FILTER (WHERE n / 4 = 2) AS html
    FROM generate_series(0, 11) AS n JOIN paragraphs ON paragraphs.id = pick(i::bigint * 16 + n, 36, 100000)) AS prose;
COMMIT;
ALTER TABLE content_items ADD PRIMARY KEY (id);

VACUUM (ANALYZE) orders, orders_1m, content_items;
CHECKPOINT;
