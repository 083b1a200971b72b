-- A shop of one million rows: 100,000 users, 300,000 orders, 590,000 events, 10,000 content items. Made by arithmetic
-- on the row number, so it is the same everywhere and every time.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET synchronous_commit = off;

CREATE TYPE user_status AS ENUM ('new', 'active', 'blocked');
CREATE TYPE order_state AS ENUM ('cart', 'paid', 'shipped', 'returned');

CREATE TABLE users (
    id            bigint PRIMARY KEY,
    public_id     uuid NOT NULL,
    name          text NOT NULL,
    email         varchar(120),
    country       char(2) NOT NULL,
    status        user_status NOT NULL,
    is_subscribed boolean,
    birthday      date,
    credit        numeric(12,2) NOT NULL,
    trust_score   real,
    tags          text[],
    last_address  inet,
    preferences   jsonb,
    created_at    timestamptz NOT NULL
);

INSERT INTO users
SELECT i,
       md5('user' || i)::uuid,
       (ARRAY['Ana García', 'Bjørn Åsen', 'Chloé Lefèvre', 'Дмитрий Орлов', '王小明', 'Θεοδώρα Νίκου', 'محمد علي',
              'Priya नायर', '佐藤 花子', 'Zoë 🚲 O''Neil'])[1 + i % 10] || ' ' || i,
       CASE WHEN i % 11 <> 0 THEN 'user' || i || '@example.com' END,
       (ARRAY['DE', 'ES', 'FR', 'GR', 'IN', 'JP', 'NO', 'US'])[1 + i * 7 % 8],
       (ARRAY['new', 'active', 'active', 'active', 'blocked'])[1 + i * 3 % 5]::user_status,
       CASE i % 3 WHEN 0 THEN true WHEN 1 THEN false END,
       CASE WHEN i % 5 <> 0 THEN date '1950-01-01' + i * 37 % 20000 END,
       (i * 7919 % 1000000 - 5000) / 100.0,
       CASE WHEN i % 13 <> 0 THEN (i % 1000 / 1000.0)::real END,
       CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN '{}'::text[] ELSE ARRAY['vip', NULL, 'wave ' || i % 50] END,
       CASE WHEN i % 6 <> 0 THEN ('10.' || i % 256 || '.' || i / 256 % 256 || '.7')::inet END,
       CASE WHEN i % 2 = 0 THEN jsonb_build_object('theme', CASE i % 4 WHEN 0 THEN 'dark' ELSE 'light' END,
                                                   'lists', jsonb_build_array(i % 9, i % 7)) END,
       timestamptz '2019-01-01 00:00:00+00' + i * interval '20 minutes 1.000001 seconds'
FROM generate_series(1, 100000) AS i;

CREATE TABLE orders (
    id            bigint PRIMARY KEY,
    user_id       bigint NOT NULL,
    state         order_state NOT NULL,
    items         smallint NOT NULL,
    weight_grams  integer,
    total         numeric(10,2) NOT NULL,
    exchange_rate numeric,
    discount      double precision,
    currency      char(3) NOT NULL,
    slot          time,
    took          interval,
    note          text,
    ordered_at    timestamp NOT NULL,
    updated_at    timestamptz NOT NULL
);

INSERT INTO orders
SELECT i,
       1 + i * 31 % 100000,
       (ARRAY['cart', 'paid', 'shipped', 'shipped', 'shipped', 'returned'])[1 + i * 5 % 6]::order_state,
       1 + i % 9,
       CASE WHEN i % 8 <> 0 THEN 100 + i * 13 % 25000 END,
       (i::bigint * 104729 % 500000) / 100.0,
       CASE WHEN i % 4 = 0 THEN 1 + (i * 7 % 100000) / 1000000.0 END,
       CASE WHEN i % 10 = 0 THEN (i % 40) / 100.0 END,
       (ARRAY['EUR', 'USD', 'JPY', 'INR'])[1 + i % 4],
       CASE WHEN i % 3 = 0 THEN time '08:00' + (i % 44) * interval '15 minutes' END,
       CASE WHEN i % 6 > 1 THEN make_interval(days => (i % 12)::int, hours => (i % 24)::int) END,
       CASE i % 20 WHEN 0 THEN 'leave at the door' WHEN 7 THEN 'für Oma 🎂' WHEN 13 THEN 'ring twice, "loudly"' END,
       timestamp '2021-01-01' + i * interval '8 minutes',
       timestamptz '2021-01-01 00:00:00+00' + i * interval '8 minutes' + (i % 3) * interval '1 day'
FROM generate_series(1, 300000) AS i;

CREATE TABLE events (
    id          bigint PRIMARY KEY,
    user_id     bigint,
    kind        text NOT NULL,
    page        text,
    duration_ms integer,
    latitude    double precision,
    longitude   double precision,
    is_mobile   boolean NOT NULL,
    session     uuid NOT NULL,
    happened_at timestamptz NOT NULL
);

INSERT INTO events
SELECT i,
       CASE WHEN i % 9 <> 0 THEN 1 + i * 17 % 100000 END,
       (ARRAY['view', 'view', 'view', 'search', 'add', 'buy'])[1 + i % 6],
       CASE WHEN i % 6 < 3 THEN '/item/' || i * 11 % 10000 END,
       CASE WHEN i % 7 <> 0 THEN (i * 37 % 90000)::int END,
       CASE WHEN i % 5 <> 0 THEN (i * 13 % 180000) / 1000.0 - 90 END,
       CASE WHEN i % 5 <> 0 THEN (i * 29 % 360000) / 1000.0 - 180 END,
       i % 3 = 0,
       md5('session' || i / 12)::uuid,
       timestamptz '2023-06-01 00:00:00+00' + i * interval '53.000113 seconds'
FROM generate_series(1, 590000) AS i;

CREATE TABLE content_items (
    id         integer PRIMARY KEY,
    title      text NOT NULL,
    body       text NOT NULL,
    attributes jsonb NOT NULL,
    raw        json,
    thumbnail  bytea,
    ratings    integer[] NOT NULL,
    price_list numeric(8,2)[],
    available  daterange,
    updated_at timestamp
);

INSERT INTO content_items
SELECT i,
       (ARRAY['Teapot', 'Fahrrad', 'Журнал', '茶碗', 'Café crème'])[1 + i % 5] || ' no. ' || i,
       (SELECT string_agg((ARRAY['solid', 'light', 'handmade', 'blue', 'warm', 'old', 'rare', 'quiet', 'große', 'über',
                                 'небольшой', '日本の'])[1 + (i * 31 + w * w * 7 + w) % 12], ' ' ORDER BY w)
        FROM generate_series(1, 60) AS w),
       jsonb_build_object('color', (ARRAY['red', 'blue', 'none'])[1 + i % 3], 'stock', i % 500, 'eco', i % 2 = 0),
       CASE WHEN i % 3 = 0 THEN ('{"b": ' || i || ', "a": [1.50, null]}')::json END,
       CASE WHEN i % 2 = 0 THEN decode(md5('thumb' || i) || md5('nail' || i), 'hex') END,
       ARRAY[i % 5, (i + 1) % 5, NULL, 5],
       CASE WHEN i % 4 = 0 THEN ARRAY[(i % 900) / 10.0, (i % 700) / 10.0] END,
       CASE WHEN i % 10 = 0 THEN daterange(date '2024-01-01', date '2024-01-01' + 1 + i % 300) END,
       CASE WHEN i % 50 <> 0 THEN timestamp '2024-05-01 06:00:00' + i * interval '1 minute' END
FROM generate_series(1, 10000) AS i;

-- Rivet needs no more than this.
CREATE ROLE exporter LOGIN;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO exporter;
VACUUM ANALYZE;
