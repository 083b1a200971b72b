"""Larger tables, and one hash over all their values that PostgreSQL and DuckDB compute with their own SQL."""

from pathlib import Path

import duckdb
import pyarrow as pa

from support.readers import read_arrow
from support.servers import PostgresServer

ORDERS = """
CREATE TABLE orders (id bigint PRIMARY KEY, user_id integer NOT NULL, product_id integer, quantity smallint,
    price numeric(10,2), weight double precision, paid boolean, created_at timestamptz NOT NULL, updated_at
        timestamp,
    day date, reference uuid, status text NOT NULL, city text, note text);
INSERT INTO orders SELECT i, i::bigint * 7919 % 100003, CASE WHEN i % 11 = 0 THEN NULL ELSE i % 5000 END, i %
    100 - 50,
    (i::bigint * 37 % 10000000) / 100.0 * CASE WHEN i % 13 = 0 THEN -1 ELSE 1 END, i % 1000 / 8.0, i % 7 < 3,
    '1969-12-01 00:00:00.000001+00'::timestamptz + i * interval '1 hour 2 minutes 3.456789 seconds',
    CASE WHEN i % 5 = 0 THEN NULL ELSE '2024-03-10 00:00:00'::timestamp + i * interval '17.000003 seconds'
        END,
    '1900-01-01'::date + i % 100000, md5(i::text)::uuid, (ARRAY['new', 'paid', 'sent', 'returned ↩'])[i % 4 +
        1],
    'city ' || i % 1000, CASE WHEN i % 4 = 0 THEN NULL WHEN i % 4 = 1 THEN '' ELSE repeat('n', i % 60) || i
        END
FROM generate_series(1, {rows}) AS i;
ANALYZE orders;
"""

# 20 columns, about 3.6 KB a row. PLAIN keeps the texts in the row, as they are.
CONTENT_ITEMS = """
CREATE TABLE pool AS SELECT k, left(string_agg(md5(k || '-' || j), ' ' ORDER BY j), 1000 + k * 37 % 1000) AS
    text
    FROM generate_series(0, 999) AS k, generate_series(1, 62) AS j GROUP BY k;
CREATE UNIQUE INDEX ON pool (k);
CREATE TABLE content_items (id bigint NOT NULL, author_id integer, kind smallint, status text, locale text,
    title text,
    body text, raw_html text, summary text, tags jsonb, meta jsonb, score double precision, price
        numeric(12,4),
    published boolean, created_at timestamptz, updated_at timestamptz, publish_on date, views bigint, slug
        text, guid uuid);
ALTER TABLE content_items ALTER body SET STORAGE PLAIN, ALTER raw_html SET STORAGE PLAIN, ALTER summary SET
    STORAGE PLAIN;
INSERT INTO content_items SELECT i, i % 1000, i % 9, 'status ' || i % 5, 'de-DE', 'Title ' || i ||
    ' äöü 日本',
    a.text, CASE WHEN i % 50 = 0 THEN NULL ELSE b.text END, left(c.text, 300), jsonb_build_array(i, 'tag' ||
        i % 10, NULL),
    jsonb_build_object('id', i, 'name', 'n' || i, 'deep', jsonb_build_object('x', i % 3)), i % 100 / 8.0,
    i / 10000.0, i % 3 = 0, '2020-01-01+00'::timestamptz + i * interval '1 minute', NULL, '2020-01-01'::date
        + i % 1000,
    i::bigint * 1000003, 'slug-' || i, md5(i::text)::uuid
FROM generate_series(1, {rows}) AS i JOIN pool a ON a.k = i % 1000 JOIN pool b ON b.k = i * 7 % 1000
    JOIN pool c ON c.k = i * 3 % 1000;
ANALYZE content_items;
"""

# Few bytes in many blocks: the padding lies in the rows still but is no column any more, so the table
# looks like 600 MB
# to the planner and makes several chunks, while each run moves little data.
SPARSE = """
CREATE TABLE sparse (id bigint NOT NULL, padding text, n integer, word text);
ALTER TABLE sparse ALTER padding SET STORAGE PLAIN;
INSERT INTO sparse SELECT i, repeat('p', 1900), i * 7 % 1000003, md5(i::text) FROM generate_series(1, {rows})
    AS i;
ALTER TABLE sparse DROP padding;
ANALYZE sparse;
"""

# How a column becomes text on either side; `{c}` is its name. Whatever is not named is cast to text as it is.
AS_TEXT = {
    "timestamptz": ("(extract(epoch FROM {c}) * 1000000)::bigint::text", "epoch_us({c})::varchar"),
    "timestamp": ("(extract(epoch FROM {c}) * 1000000)::bigint::text", "epoch_us({c})::varchar"),
    "double precision": ("({c} * 8)::bigint::text", "({c} * 8)::bigint::varchar"),
    "boolean": ("{c}::int::text", "{c}::int::varchar"),
}
COLUMNS = {
    "orders": {
        "weight": "double precision",
        "paid": "boolean",
        "created_at": "timestamptz",
        "updated_at": "timestamp",
    },
    "content_items": {
        "score": "double precision",
        "published": "boolean",
        "created_at": "timestamptz",
        "updated_at": "timestamptz",
    },
    "sparse": {},
}


def row_text(table: str, columns: list[str], side: int) -> str:
    texts = []
    for column in columns:
        form = AS_TEXT.get(COLUMNS[table].get(column, ""), ("{c}::text", "{c}::varchar"))[side]
        texts.append("coalesce(" + form.format(c=column) + ", '~')")
    return " || '|' || ".join(texts)


def hash_sql(table: str, source: str, columns: list[str], side: int) -> str:
    row = row_text(table, columns, side)
    return (
        f"SELECT count(*), count(DISTINCT id), min(id), max(id), md5(string_agg(md5({row}), '' ORDER BY id))"
        f" FROM {source}"
    )


def source_hash(server: PostgresServer, database: str, table: str) -> tuple:
    names = server.query(
        "SELECT attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped"
        f" AND attrelid = '{table}'::regclass ORDER BY attnum",
        database,
    )
    return server.query(hash_sql(table, table, [name for (name,) in names], 0), database)[0]


def file_hash(paths: list[Path], table: str, reader: str = "duckdb") -> tuple:
    """The same over files. With another reader DuckDB only computes, over what that one read."""
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'UTC'")
        if reader == "duckdb":
            session.execute(
                f"CREATE VIEW files AS SELECT * FROM read_parquet({[str(path) for path in paths]})"
            )
        else:
            session.register("files", plain(read_arrow(paths, reader)))
        names = [row[0] for row in session.execute("DESCRIBE files").fetchall()]
        return session.execute(hash_sql(table, "files", names, 1)).fetchone()


def plain(table: pa.Table) -> pa.Table:
    """Without Arrow's extension types, which DuckDB may not know: JSON is its text, UUID its hyphenated
    text."""
    columns = []
    for name, column in zip(table.column_names, table.columns):
        if isinstance(column.type, pa.BaseExtensionType) or pa.types.is_fixed_size_binary(column.type):
            values = column.to_pylist()
            texts = [
                value if value is None or isinstance(value, str) else uuid_text(value) for value in values
            ]
            column = pa.chunked_array([texts], pa.string())
        columns.append(column)
    return pa.table(columns, names=table.column_names)


def uuid_text(value) -> str:
    text = value.hex() if isinstance(value, bytes) else value.hex
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
