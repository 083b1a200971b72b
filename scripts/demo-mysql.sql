-- A shop of one million rows: 100,000 users, 300,000 orders, 590,000 events, 10,000 content items. Made by arithmetic
-- on the row number, so it is the same everywhere and every time. Also for MySQL, but for seq_1_to_N, which is MariaDB's.
SET NAMES utf8mb4;
SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_UNSIGNED_SUBTRACTION', time_zone = '+00:00';
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;

CREATE TABLE users (
    id            bigint PRIMARY KEY,
    public_id     binary(16) NOT NULL,
    name          varchar(120) NOT NULL,
    email         varchar(120),
    country       char(2) NOT NULL,
    status        enum('new', 'active', 'blocked') NOT NULL,
    is_subscribed boolean,
    birthday      date,
    credit        decimal(12,2) NOT NULL,
    trust_score   float,
    tags          set('vip', 'wave', 'früh'),
    last_address  varchar(45),
    preferences   json,
    created_at    timestamp(6) NULL
);

INSERT INTO users
SELECT seq, UNHEX(MD5(CONCAT('user', seq))),
       CONCAT(ELT(1 + seq % 10, 'Ana García', 'Bjørn Åsen', 'Chloé Lefèvre', 'Дмитрий Орлов', '王小明', 'Θεοδώρα Νίκου',
                  'محمد علي', 'Priya नायर', '佐藤 花子', 'Zoë 🚲 O''Neil'), ' ', seq),
       IF(seq % 11 <> 0, CONCAT('user', seq, '@example.com'), NULL),
       ELT(1 + seq * 7 % 8, 'DE', 'ES', 'FR', 'GR', 'IN', 'JP', 'NO', 'US'),
       ELT(1 + seq * 3 % 5, 'new', 'active', 'active', 'active', 'blocked'),
       CASE seq % 3 WHEN 0 THEN 1 WHEN 1 THEN 0 END,
       IF(seq % 5 <> 0, '1950-01-01' + INTERVAL seq * 37 % 20000 DAY, NULL),
       (seq * 7919 % 1000000 - 5000) / 100.0,
       IF(seq % 13 <> 0, seq % 1000 / 1000.0, NULL),
       CASE seq % 4 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'vip,früh' ELSE 'wave' END,
       IF(seq % 6 <> 0, CONCAT('10.', seq % 256, '.', seq DIV 256 % 256, '.7'), NULL),
       IF(seq % 2 = 0, JSON_OBJECT('theme', IF(seq % 4 = 0, 'dark', 'light'), 'lists', JSON_ARRAY(seq % 9, seq % 7)), NULL),
       '2019-01-01' + INTERVAL seq * 1201000001 MICROSECOND
FROM seq_1_to_100000;

CREATE TABLE orders (
    id            bigint unsigned PRIMARY KEY,
    user_id       bigint NOT NULL,
    state         enum('cart', 'paid', 'shipped', 'returned') NOT NULL,
    items         tinyint unsigned NOT NULL,
    weight_grams  mediumint,
    total         decimal(10,2) NOT NULL,
    exchange_rate decimal(30,12),
    discount      double,
    currency      char(3) CHARACTER SET latin1 NOT NULL,
    slot          time,
    took          time(3),
    note          text,
    ordered_at    datetime NOT NULL,
    updated_at    timestamp(3) NULL
);

INSERT INTO orders
SELECT seq, 1 + seq * 31 % 100000,
       ELT(1 + seq * 5 % 6, 'cart', 'paid', 'shipped', 'shipped', 'shipped', 'returned'),
       1 + seq % 9,
       IF(seq % 8 <> 0, 100 + seq * 13 % 25000, NULL),
       seq * 104729 % 500000 / 100.0,
       IF(seq % 4 = 0, 1 + seq * 7 % 100000 / 1000000.0, NULL),
       IF(seq % 10 = 0, seq % 40 / 100.0, NULL),
       ELT(1 + seq % 4, 'EUR', 'USD', 'JPY', 'INR'),
       IF(seq % 3 = 0, SEC_TO_TIME(8 * 3600 + seq % 44 * 900), NULL),
       IF(seq % 6 > 1, SEC_TO_TIME(seq % 12 * 86400 + seq % 24 * 3600), NULL),
       CASE seq % 20 WHEN 0 THEN 'leave at the door' WHEN 7 THEN 'für Oma 🎂' WHEN 13 THEN 'ring twice, "loudly"' END,
       '2021-01-01' + INTERVAL seq * 8 MINUTE,
       '2021-01-01' + INTERVAL seq * 8 MINUTE + INTERVAL seq % 3 DAY
FROM seq_1_to_300000;

CREATE TABLE events (
    id          bigint PRIMARY KEY,
    user_id     bigint,
    kind        varchar(20) NOT NULL,
    page        varchar(200),
    duration_ms int,
    latitude    double,
    longitude   double,
    is_mobile   boolean NOT NULL,
    session     binary(16) NOT NULL,
    happened_at timestamp(6) NULL
);

INSERT INTO events
SELECT seq,
       IF(seq % 9 <> 0, 1 + seq * 17 % 100000, NULL),
       ELT(1 + seq % 6, 'view', 'view', 'view', 'search', 'add', 'buy'),
       IF(seq % 6 < 3, CONCAT('/item/', seq * 11 % 10000), NULL),
       IF(seq % 7 <> 0, seq * 37 % 90000, NULL),
       IF(seq % 5 <> 0, seq * 13 % 180000 / 1000.0 - 90, NULL),
       IF(seq % 5 <> 0, seq * 29 % 360000 / 1000.0 - 180, NULL),
       seq % 3 = 0,
       UNHEX(MD5(CONCAT('session', seq DIV 12))),
       '2023-06-01' + INTERVAL seq * 53000113 MICROSECOND
FROM seq_1_to_590000;

CREATE TABLE content_items (
    id         int PRIMARY KEY,
    title      varchar(200) NOT NULL,
    body       mediumtext NOT NULL,
    attributes json NOT NULL,
    thumbnail  blob,
    flags      bit(12) NOT NULL,
    place      point,
    released   year,
    updated_at datetime(6)
);

INSERT INTO content_items
SELECT seq,
       CONCAT(ELT(1 + seq % 5, 'Teapot', 'Fahrrad', 'Журнал', '茶碗', 'Café crème'), ' no. ', seq),
       REPEAT(CONCAT(ELT(1 + seq % 6, 'solid', 'light', 'handmade', 'große', 'небольшой', '日本の'), ' ', MD5(seq), ' '), 12),
       JSON_OBJECT('color', ELT(1 + seq % 3, 'red', 'blue', 'none'), 'stock', seq % 500, 'eco', seq % 2 = 0),
       IF(seq % 2 = 0, UNHEX(CONCAT(MD5(CONCAT('thumb', seq)), MD5(CONCAT('nail', seq)))), NULL),
       seq % 4096,
       IF(seq % 4 = 0, POINT(seq % 360 - 180, seq % 180 - 90), NULL),
       IF(seq % 9 <> 0, 1950 + seq % 75, NULL),
       IF(seq % 50 <> 0, '2024-05-01 06:00:00' + INTERVAL seq MINUTE, NULL)
FROM seq_1_to_10000;

-- Rivet needs no more than this.
CREATE USER exporter@'%';
GRANT SELECT ON shop.* TO exporter@'%';
ANALYZE TABLE users, orders, events, content_items;
