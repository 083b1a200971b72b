"""Every way of reading a table through the one executor: whatever the key, the mode and the cut, the files hold each
row exactly once."""

import sqlite3
from pathlib import Path

import duckdb
import pytest

from support.delivery import check_delivery, part_paths
from support.program import Program
from support.servers import wait_until

ROWS = 6000

# Keys that sort in ways of their own. `{i}` is the row's number; `v` says which row it is.
KEYS = {
    "bigint": "id bigint PRIMARY KEY|{i}",
    "bigint-ends": "id bigint PRIMARY KEY|CASE {i} WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 9223372036854775807"
    " ELSE ({i} - 3000) * 3074457345618258 END",
    "snowflake": "id bigint PRIMARY KEY|({i}::bigint / 500) * 1000000000000 + {i} % 500",
    "smallint": "id smallint PRIMARY KEY|{i} - 3000",
    "text": "id text PRIMARY KEY|chr(97 + {i} % 26) || 'ÄÖß-_ 日'::text || {i}",
    "text-icu": 'id text COLLATE "und-x-icu" PRIMARY KEY|chr(65 + {i} % 58) || \'ä\' || {i}',
    "text-c": 'id text COLLATE "C" PRIMARY KEY|chr(65 + {i} % 58) || \'ä\\\'\'"\' || {i}',
    "char": "id char(12) PRIMARY KEY|'k' || {i}",
    "uuid": "id uuid PRIMARY KEY|md5({i}::text)::uuid",
    "numeric": "id numeric PRIMARY KEY|({i} * 1000000007::numeric % 100003) / 1000 + 12345678901234567890",
    "date": "id date PRIMARY KEY|'1950-01-01'::date + {i} * 7",
    "timestamptz": "id timestamptz PRIMARY KEY|'1969-12-31 23:00:00+00'::timestamptz + {i} * interval '7.000001 s'",
    "double": "id double precision PRIMARY KEY|({i} - 3000) / 7.0",
    "bytea": "id bytea PRIMARY KEY|decode(md5({i}::text), 'hex')",
    "composite": "a int, b text, id int, PRIMARY KEY (a, b, id)|{i} % 10, 'x' || {i} % 3, {i}",
    "composite-4": "a int, b date, c text, id int, PRIMARY KEY (a, b, c, id)|{i} % 4, '2024-01-01'::date + {i} % 5,"
    " chr(97 + {i} % 7), {i}",
    "unique-index": "id bigint NOT NULL UNIQUE, junk int|{i} * 3, NULL",
}


def make_table(server, database: str, key: str, rows: int = ROWS) -> None:
    columns, values = KEYS[key].split("|", 1)
    values = values.replace("{i}", "i")
    server.execute(
        f"CREATE TABLE t ({columns.replace('id ', 'id ', 1)}, v int NOT NULL, w text);"
        f"INSERT INTO t SELECT {values}, i, CASE WHEN i % 3 = 0 THEN NULL ELSE repeat('w', i % 40) END"
        f" FROM generate_series(1, {rows}) AS i; ANALYZE t;",
        database,
    )


def rows_of(program: Program, folder: Path | None = None) -> list[tuple]:
    """(v, w) of every row that the manifests name, sorted."""
    folder = folder or program.out
    names = [str(path) for manifest in check_delivery(folder) for path in part_paths(folder, manifest)]
    if not names:
        return []
    with duckdb.connect() as session:
        return session.execute(f"SELECT v, w FROM read_parquet({names}) ORDER BY v, w").fetchall()


def source_rows(server, database: str, where: str = "true") -> list[tuple]:
    return server.query(f"SELECT v, w FROM t WHERE {where} ORDER BY v, w", database)


def plan_of(program: Program) -> dict:
    return program.run_json()["per_export"][0]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("parallel", [1, 3])
def test_chunked_by_key(program, pg15, database, key, parallel):
    make_table(pg15, database, key)
    program.configure(
        pg15.url(database),
        program.export("t", mode="chunked", chunk_size=700, parallel=parallel, tuning={"batch_size": 150}),
    )
    summary = plan_of(program)
    assert rows_of(program) == source_rows(pg15, database)
    assert "keyset" in summary["strategy"]


@pytest.mark.parametrize("columns", [["a", "b", "id"], ["id"]])
def test_the_key_that_is_asked_for(program, pg15, database, columns):
    make_table(pg15, database, "composite")
    pg15.execute("CREATE UNIQUE INDEX ON t (id); ALTER TABLE t ALTER id SET NOT NULL", database)
    by_key = columns if len(columns) > 1 else columns[0]
    program.configure(pg15.url(database), program.export("t", mode="chunked", chunk_by_key=by_key, chunk_size=500))
    plan_of(program)
    assert rows_of(program) == source_rows(pg15, database)


@pytest.mark.parametrize(
    "index",
    ["(a DESC, id DESC)", "(a DESC, id)", "(a, id DESC)"],
)
def test_descending_and_mixed_indexes(program, pg15, database, index):
    pg15.execute(
        "CREATE TABLE t (a int NOT NULL, id int NOT NULL, v int NOT NULL, w text);"
        f"CREATE UNIQUE INDEX ON t {index};"
        f"INSERT INTO t SELECT i % 7, i, i, NULL FROM generate_series(1, {ROWS}) i; ANALYZE t",
        database,
    )
    program.configure(
        pg15.url(database),
        program.export("t", mode="chunked", chunk_size=900, parallel=2, tuning={"batch_size": 100}),
    )
    plan_of(program)
    assert rows_of(program) == source_rows(pg15, database)


@pytest.mark.parametrize(
    "ddl",
    [
        "CREATE UNIQUE INDEX ON t (id) WHERE id > 0",
        "CREATE UNIQUE INDEX ON t ((id + 0))",
        "ALTER TABLE t ADD UNIQUE (id) DEFERRABLE INITIALLY DEFERRED",
        "CREATE INDEX ON t (id)",
        "CREATE UNIQUE INDEX ON t USING btree (id) INCLUDE (v) WHERE v IS NOT NULL",
    ],
    ids=["partial", "expression", "deferrable", "not-unique", "partial-include"],
)
def test_an_index_that_is_no_key_is_never_taken_for_one(program, pg15, database, ddl):
    pg15.execute(
        "CREATE TABLE t (id int NOT NULL, v int NOT NULL, w text);"
        f"INSERT INTO t SELECT i, i, NULL FROM generate_series(1, {ROWS}) i; {ddl}; ANALYZE t",
        database,
    )
    program.configure(pg15.url(database), program.export("t", mode="chunked", chunk_by_key="id"))
    result = program.run()
    assert result.rc == 1 and "id" in result.err
    program.configure(pg15.url(database), program.export("t", mode="chunked", chunk_size=1000))
    plan_of(program)
    assert rows_of(program) == source_rows(pg15, database)


RANGES = {
    "integer": ({"chunk_column": "n", "chunk_size": 500}, "n bigint", "(i * 7919) % 5000 - 2500"),
    "count": ({"chunk_column": "n", "chunk_count": 7}, "n bigint", "(i * 7919) % 5000 - 2500"),
    "days": ({"chunk_column": "n", "chunk_by_days": 30}, "n date", "'1969-06-01'::date + (i * 13) % 700"),
    "days-timestamp": (
        {"chunk_column": "n", "chunk_by_days": 1},
        "n timestamptz",
        "'2024-02-27 00:00:00+00'::timestamptz + (i * 13 % 6000) * interval '1 minute'",
    ),
    "dense": ({"chunk_column": "n", "chunk_dense": True, "chunk_size": 900}, "n bigint", "i::bigint * i * i"),
    "int64-ends": (
        {"chunk_column": "n", "chunk_count": 5},
        "n bigint",
        "CASE i WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 9223372036854775807 ELSE i END",
    ),
}


@pytest.mark.parametrize("how", RANGES)
@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "plain"])
@pytest.mark.parametrize("nulls", [0, 5], ids=["", "nulls"])
def test_chunked_by_ranges_of_a_column(program, pg15, database, how, indexed, nulls):
    keys, column, value = RANGES[how]
    pg15.execute(
        f"CREATE TABLE t (id bigint PRIMARY KEY, {column}, v int NOT NULL, w text);"
        f"INSERT INTO t SELECT i, CASE WHEN {nulls} > 0 AND i % greatest({nulls}, 1) = 0 THEN NULL ELSE {value} END,"
        f" i, NULL FROM generate_series(1, {ROWS}) i; ANALYZE t",
        database,
    )
    if indexed:
        pg15.execute("CREATE INDEX ON t (n)", database)
    program.configure(
        pg15.url(database), program.export("t", mode="chunked", parallel=2, tuning={"batch_size": 333}, **keys)
    )
    plan_of(program)
    assert rows_of(program) == source_rows(pg15, database)


ALTERATIONS = {
    "dropped": "DROP pad",
    "added": "ADD more int NOT NULL DEFAULT 7",
    "moved": "DROP pad, ADD pad int",
    "other-type": "ALTER v TYPE text",
    "wider": "ALTER v TYPE bigint",
    "renamed": "RENAME v TO renamed",
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_no_value_is_read_as_another_column_s(program, pg15, database, alteration):
    """While pages are read, and connections are lost, the table becomes another one: the rows are right, or the run says
    what happened and leaves nothing that could be taken for data."""
    pg15.execute(
        "CREATE TABLE t (pad int, id bigint PRIMARY KEY, v int NOT NULL, w text);"
        f"INSERT INTO t SELECT -i, i, i, 'w' || i FROM generate_series(1, {ROWS}) i; ANALYZE t",
        database,
    )
    expected = source_rows(pg15, database)
    tuning = {"batch_size": 100, "throttle_ms": 50, "retry_backoff_ms": 5, "max_retries": 5}
    keys = {"mode": "chunked", "chunk_by_key": "id", "chunk_size": 600, "parallel": 2, "tuning": tuning}
    program.configure(pg15.url(database), program.export("t", **keys))
    process = program.start("run", "-c", "rivet.yaml")
    wait_until(lambda: list(program.out.glob("*")) or process.poll() is not None, 30, "the first rows")
    pg15.execute(f"ALTER TABLE t {ALTERATIONS[alteration]}", database)
    pg15.query(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend' LIMIT 1"
    )
    result = program.finish(process)
    if result.rc == 0:
        assert rows_of(program) == expected
        return
    assert (result.rc, result.code) in (
        (1, "RIVET_SOURCE_QUERY"),
        (1, "RIVET_SOURCE_NOT_FOUND"),
        (4, "RIVET_SCHEMA_DRIFT"),
        (75, "RIVET_SOURCE_LOST"),
    ), result.err
    assert not list(program.out.glob("manifest*")) and not (program.out / "_SUCCESS").exists()


FILTERS = ["n IS NOT NULL", "n IS NULL", "n IS NULL OR n > 100", "v % 2 = 0 OR n < 0"]


@pytest.mark.parametrize("where", FILTERS)
def test_a_filter_of_the_user_s_stands_beside_the_ranges(program, pg15, database, where):
    """The rows without a key get a chunk of their own, whatever the query itself says of that column."""
    pg15.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, n bigint, v int NOT NULL, w text);"
        f"INSERT INTO t SELECT i, CASE WHEN i % 5 = 0 THEN NULL ELSE i % 1000 - 500 END, i, NULL"
        f" FROM generate_series(1, {ROWS}) i; ANALYZE t",
        database,
    )
    keys = {"mode": "chunked", "chunk_column": "n", "chunk_count": 4, "tuning": {"batch_size": 333}}
    program.configure(pg15.url(database), program.export("t", query=f"SELECT * FROM t WHERE {where} -- all", **keys))
    plan_of(program)
    assert rows_of(program) == source_rows(pg15, database, where)


def test_sparse_keys_make_chunks_of_about_equal_rows(program, pg15, database):
    make_table(pg15, database, "snowflake", 60000)
    program.configure(
        pg15.url(database),
        program.export("t", mode="chunked", chunk_size=6000, tuning={"batch_size": 1000}),
    )
    summary = plan_of(program)
    [manifest] = check_delivery(program.out)
    rows = [part["rows"] for part in manifest["parts"]]
    assert len(rows) >= 5 and max(rows) <= 4 * min(rows), rows
    assert summary["statements"] <= 1.5 * 60 + len(rows) + 10


def test_views_partitions_and_children(program, pg15, database):
    pg15.execute(
        "CREATE TABLE p (id bigint, day date, v int NOT NULL, w text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2024-02-01') PARTITION BY HASH (id);"
        "CREATE TABLE p1a PARTITION OF p1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
        "CREATE TABLE p1b PARTITION OF p1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);"
        "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');"
        "CREATE TABLE p3 PARTITION OF p DEFAULT;"
        "INSERT INTO p SELECT i, '2024-01-01'::date + i % 90, i, NULL FROM generate_series(1, 5000) i;"
        "CREATE VIEW pv AS SELECT * FROM p; CREATE MATERIALIZED VIEW pm AS SELECT * FROM p;"
        "CREATE UNIQUE INDEX ON pm (id);"
        "CREATE TABLE parent (id bigint PRIMARY KEY, v int NOT NULL, w text);"
        "CREATE TABLE child () INHERITS (parent);"
        "INSERT INTO parent SELECT i, i, NULL FROM generate_series(1, 100) i;"
        "INSERT INTO child SELECT i, i, NULL FROM generate_series(101, 150) i; ANALYZE",
        database,
    )
    for table, rows in (("p", 5000), ("pv", 5000), ("pm", 5000), ("parent", 100), ("child", 50)):
        for mode in ({}, {"mode": "chunked", "chunk_size": 500, "parallel": 2}):
            folder = program.folder / f"{table}-{len(mode)}"
            program.configure(
                pg15.url(database),
                program.export("x", table=table, destination={"type": "local", "path": str(folder)}, **mode),
            )
            plan_of(program)
            found = rows_of(program, folder)
            assert len(found) == rows and len({v for v, _ in found}) == rows, (table, mode)


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "date", "unix"])
def test_time_window(program, pg15, database, kind):
    column = {"unix": "bigint"}.get(kind, kind)
    value = "now() - i * interval '1 hour'"
    value = f"extract(epoch FROM {value})::bigint" if kind == "unix" else f"({value})::{kind}"
    pg15.execute(
        f"SET TimeZone = 'Asia/Kathmandu'; CREATE TABLE t (id bigint PRIMARY KEY, n {column}, v int NOT NULL, w text);"
        f"SET TimeZone = 'UTC'; INSERT INTO t SELECT i, {value}, i, NULL FROM generate_series(1, 500) i; ANALYZE t;"
        f'ALTER DATABASE "{database}" SET TimeZone = \'America/New_York\'',
        database,
    )
    program.configure(
        pg15.url(database),
        program.export(
            "t",
            mode="time_window",
            time_column="n",
            time_column_type="unix" if kind == "unix" else "timestamp",
            days_window=3,
        ),
    )
    plan_of(program)
    midnight = "(date_trunc('day', now() AT TIME ZONE 'UTC') - interval '3 days')"
    bound = {
        "timestamp": f"n >= {midnight}",
        "timestamptz": f"n >= {midnight} AT TIME ZONE 'UTC'",
        "date": f"n >= {midnight}::date",
        "unix": f"n >= extract(epoch FROM {midnight} AT TIME ZONE 'UTC')",
    }[kind]
    with pg15.connect(database, options="-c TimeZone=UTC") as session:
        expected = session.execute(f"SELECT v, w FROM t WHERE {bound} ORDER BY v").fetchall()
    assert rows_of(program) == expected and 72 <= len(expected) <= 97


@pytest.mark.parametrize("index", ["CREATE INDEX ON t (n)", "CREATE UNIQUE INDEX ON t (n DESC, id)"])
def test_lanes_share_a_time_window(program, pg15, database, index):
    pg15.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, n timestamptz NOT NULL, v int NOT NULL, w text);"
        "INSERT INTO t SELECT i, now() - i * interval '1 minute', i, NULL FROM generate_series(1, 20000) i;"
        f"{index}; ANALYZE t",
        database,
    )
    program.configure(
        pg15.url(database),
        program.export("t", mode="time_window", time_column="n", days_window=3, chunk_size=500, parallel=3),
    )
    plan_of(program)
    midnight = "date_trunc('day', now() AT TIME ZONE 'UTC') - interval '3 days'"
    expected = source_rows(pg15, database, f"n >= ({midnight}) AT TIME ZONE 'UTC'")
    assert rows_of(program) == expected and len(expected) >= 4320
    [plan] = [e["detail"] for e in program.listing("journal") if e["event"] == "PlanResolved"]
    assert plan["lanes"] == 3
    [manifest] = check_delivery(program.out)
    assert len(expected) / 500 - 2 <= len(manifest["parts"]) <= len(expected) / 500 + 2
    assert max(part["rows"] for part in manifest["parts"]) < 1000


@pytest.mark.parametrize("granularity, buckets", [("day", 40), ("month", 2), ("year", 2)])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"mode": "chunked", "chunk_by_key": "id", "chunk_size": 300, "parallel": 2},
        {"chunk_size": 40, "parallel": 2},
    ],
    ids=["", "keyset", "cut"],
)
def test_partition_by(program, pg15, database, granularity, buckets, more):
    pg15.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz, v int NOT NULL, w text);"
        "INSERT INTO t SELECT i, CASE WHEN i % 100 = 0 THEN NULL ELSE '2023-12-15 00:00:00+00'::timestamptz"
        " + (i % 40) * interval '1 day' + (i % 24) * interval '1 hour' END, i, NULL FROM generate_series(1, 4000) i;"
        "CREATE INDEX ON t (at); ANALYZE t",
        database,
    )
    root = program.folder / "lake"
    program.configure(
        pg15.url(database),
        program.export(
            "t",
            partition_by="at",
            partition_granularity=granularity,
            destination={"type": "local", "path": str(root / "{partition}")},
            **more,
        ),
    )
    program.run().ok()
    expected = pg15.query(
        f"SELECT to_char(date_trunc('{granularity}', at AT TIME ZONE 'UTC'), "
        + {"day": "'YYYY-MM-DD'", "month": "'YYYY-MM'", "year": "'YYYY'"}[granularity]
        + "), array_agg(v ORDER BY v) FROM t GROUP BY 1",
        database,
    )
    wanted = {f"at={label or '__HIVE_DEFAULT_PARTITION__'}": values for label, values in expected}
    assert len(wanted) == buckets + 1
    assert {path.name for path in root.iterdir()} == set(wanted)
    for name, values in wanted.items():
        assert [v for v, _ in rows_of(program, root / name)] == values, name


def test_sqlite_in_every_mode(program):
    db = sqlite3.connect(program.folder / "shop.db")
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE UNIQUE NOT NULL, day TEXT, v INT, w)")
    db.executemany(
        "INSERT INTO t VALUES (?, ?, ?, ?, NULL)",
        ((i * i, f"Nä{'aB'[i % 2]}{i}", f"2024-01-{i % 28 + 1:02}", i) for i in range(1, 3000)),
    )
    db.commit()
    db.close()
    for number, keys in enumerate(
        (
            {"mode": "chunked", "chunk_size": 300},
            {"mode": "chunked", "chunk_by_key": "name", "chunk_size": 300},
            {"mode": "chunked", "chunk_column": "v", "chunk_count": 7},
            {"consistency": "statement"},
        )
    ):
        folder = program.folder / f"out{number}"
        program.configure(
            "sqlite://shop.db",
            program.export("t", tuning={"batch_size": 70}, destination={"type": "local", "path": str(folder)}, **keys),
        )
        plan_of(program)
        assert [v for v, _ in rows_of(program, folder)] == list(range(1, 3000)), keys


def test_row_hash_and_time_of_export(program, pg15, shop):
    program.configure(
        pg15.url(shop),
        program.export("t", meta_columns={"exported_at": True, "row_hash": True}, mode="chunked", chunk_size=200),
    )
    program.run().ok()
    [manifest] = check_delivery(program.out)
    with duckdb.connect() as session:
        names = [str(path) for path in part_paths(program.out, manifest)]
        [(rows, times, hashes)] = session.execute(
            "SELECT count(*), count(DISTINCT _rivet_exported_at), count(DISTINCT _rivet_row_hash)"
            f" FROM read_parquet({names})"
        ).fetchall()
    assert (rows, times, hashes) == (1000, 1, 1000)
