-- The benchmark's tables as MySQL and MariaDB have them; scripts/bench.sh --mysql fills them with the rows of
-- bench/fixtures.sql, so that all databases hold the same.
SET NAMES utf8mb4;
CREATE DATABASE bench CHARACTER SET utf8mb4;
USE bench;

CREATE TABLE orders (
    id          bigint NOT NULL PRIMARY KEY,
    customer_id int NOT NULL,
    product_id  int NOT NULL,
    sku         varchar(40) NOT NULL,
    quantity    int,
    amount      decimal(10,2) NOT NULL,
    created_at  timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    updated_at  datetime(6),
    status      varchar(20) NOT NULL,
    channel     varchar(20) NOT NULL,
    city        varchar(80),
    note        text
);

CREATE TABLE content_items (
    id           bigint NOT NULL PRIMARY KEY,
    public_id    char(36) CHARACTER SET ascii NOT NULL,
    author_id    int NOT NULL,
    category_id  int,
    title        varchar(200) NOT NULL,
    slug         varchar(200) NOT NULL,
    summary      text NOT NULL,
    body         mediumtext NOT NULL,
    raw_html     mediumtext,
    language     char(2) NOT NULL,
    is_published boolean NOT NULL,
    rating       float,
    score        double,
    price        decimal(12,4),
    views        bigint NOT NULL,
    attributes   json NOT NULL,
    history      json,
    published_on date,
    created_at   datetime(6) NOT NULL,
    updated_at   datetime(6)
);

CREATE TABLE narrow (
    id    bigint NOT NULL PRIMARY KEY,
    n     int NOT NULL,
    label varchar(20) NOT NULL
);

CREATE USER exporter@'%' IDENTIFIED WITH mysql_native_password;
GRANT SELECT, PROCESS ON *.* TO exporter@'%';
CREATE USER exporter@localhost IDENTIFIED WITH mysql_native_password;
GRANT SELECT, PROCESS ON *.* TO exporter@localhost;
