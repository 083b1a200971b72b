"""Peak memory as the kernel counts it, of the program as users get it: one ceiling, whatever the table."""

import csv
import json
import random
import subprocess
from dataclasses import replace
from hashlib import md5
from pathlib import Path

import duckdb
import pytest

from support.program import Program
from support.servers import MysqlServer, PostgresServer
from tables import CONTENT_ITEMS, ORDERS
from tables_mysql import USER, new_database

CEILING_KB = 96 * 1024
GROWTH_KB = (
    12 * 1024
)  # three times the rows may cost this much more: caches fill, nothing grows with the table


@pytest.fixture(scope="module")
def sized(pg15: PostgresServer) -> dict:
    """Databases with once and three times the rows."""
    names = {}
    for factor in (1, 3):
        names[factor] = pg15.new_database("sized")
        pg15.execute(ORDERS.format(rows=500_000 * factor), names[factor])
        pg15.execute(CONTENT_ITEMS.format(rows=40_000 * factor), names[factor])
    yield names
    for name in names.values():
        pg15.execute(f'DROP DATABASE "{name}"')


def peak_kb(program: Program, source: str, export: dict, *options: str) -> int:
    """Peak resident memory as GNU time reports it from the kernel."""
    report = program.folder / "peak"
    timed = replace(program, wrapper=("/usr/bin/time", "-f", "%M", "-o", report))
    timed.configure(source, export).run(*options).ok()
    return int(report.read_text().split()[-1])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("table", ["orders", "content_items"])
@pytest.mark.parametrize("form", ["parquet", "csv", "query"])
def test_the_ceiling_holds_and_does_not_grow(
    release: Program, pg15: PostgresServer, sized: dict, table: str, form: str
):
    keys = {
        "parquet": {"table": table},
        "csv": {"table": table, "format": "csv"},
        "query": {"query": f"SELECT * FROM {table}"},
    }[form]
    once, thrice = (
        peak_kb(release, pg15.url(sized[factor]), release.export(table, on_existing="replace", **keys))
        for factor in (1, 3)
    )
    assert max(once, thrice) <= CEILING_KB and thrice <= once + GROWTH_KB, (once, thrice)


def test_what_the_summary_says_is_what_the_kernel_says(release: Program, pg15: PostgresServer, big: str):
    report = release.folder / "peak"
    timed = Program(release.folder, release.binary, wrapper=("/usr/bin/time", "-f", "%M", "-o", report))
    said = timed.configure(pg15.url(big), timed.export("orders")).run_json()["per_export"][0][
        "peak_rss_bytes"
    ]
    assert abs(said / 1024 - int(report.read_text())) < 4096


def test_wide_rows_with_many_columns(release: Program, pg15: PostgresServer, database: str):
    """Memory follows what is there, not what the declared widths would allow."""
    columns = ", ".join(f"c{i} varchar(1000000)" for i in range(300))
    plain = ", ".join(f"ALTER c{i} SET STORAGE PLAIN" for i in range(300))
    values = ", ".join("md5(i::text)" if i % 3 else "NULL" for i in range(300))
    pg15.execute(
        f"CREATE TABLE t ({columns}); ALTER TABLE t {plain};"
        f"INSERT INTO t SELECT {values} FROM generate_series(1, 20000) i; ANALYZE t",
        database,
    )
    assert peak_kb(release, pg15.url(database), release.export("t")) <= CEILING_KB


@pytest.mark.parametrize("megabytes", [1, 8])
def test_large_cells(release: Program, pg15: PostgresServer, database: str, megabytes: int):
    pg15.execute(
        "CREATE TABLE t (id int, v text); ALTER TABLE t ALTER v SET STORAGE EXTERNAL;"
        f"INSERT INTO t SELECT i, repeat(md5(i::text), 32768 * {megabytes}) FROM generate_series(1, 40) i",
        database,
    )
    assert peak_kb(release, pg15.url(database), release.export("t")) <= CEILING_KB


def test_a_sqlite_file(release: Program, tmp_path: Path):
    import sqlite3

    db = sqlite3.connect(release.folder / "a.db")
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
    db.executemany("INSERT INTO t VALUES (?, ?)", ((i, f"value {i} " * 8) for i in range(500_000)))
    db.commit()
    db.close()
    assert peak_kb(release, "sqlite://a.db", release.export("t")) <= CEILING_KB


def test_a_thousand_columns(release: Program, pg15: PostgresServer, database: str):
    """Short values, so that rows fit PostgreSQL's pages: an open page and a dictionary for each column all the same."""
    columns = ", ".join(f"c{i} smallint" for i in range(1000))
    values = ", ".join("NULL" if k % 3 == 0 else f"(i * {k} % 30011)::smallint" for k in range(1000))
    pg15.execute(
        f"CREATE TABLE t ({columns}); INSERT INTO t SELECT {values} FROM generate_series(1, 20000) i; ANALYZE t",
        database,
    )
    assert peak_kb(release, pg15.url(database), release.export("t")) <= CEILING_KB


# The C library's answer to how many processors there are; the program starts threads by it.
CORES_C = """#include <dlfcn.h>
#include <unistd.h>
long sysconf(int name)
{
    long (*real)(int) = (long (*)(int))dlsym(RTLD_NEXT, "sysconf");
    return name == _SC_NPROCESSORS_ONLN ? 8 : real(name);
}
"""


@pytest.fixture(scope="module")
def eight_cores(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cores")
    (folder / "cores.c").write_text(CORES_C)
    subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", "cores.so", "cores.c", "-ldl"], cwd=folder, check=True)
    return folder / "cores.so"


@pytest.mark.parametrize("cores", ["as they are", "eight"])
@pytest.mark.parametrize("n_columns, width", [(20, 24), (40, 24), (40, 90), (400, 16)])
def test_columns_of_short_texts(
    release: Program, pg15: PostgresServer, database: str, eight_cores: Path, n_columns: int, width: int, cores: str
):
    """Hardly any of which repeat: batches, pages on their way through the threads, contexts and dictionaries are all there
    at once. More cores must not take what the account does not have."""
    rows = 50_000_000 // (n_columns * width)
    values = ", ".join(
        f"left(repeat(md5((i * {k})::text), {width // 32 + 1}), {width} - (i + {k}) % 3) AS c{k}"
        for k in range(1, n_columns + 1)
    )
    pg15.execute(f"CREATE TABLE t AS SELECT i AS id, {values} FROM generate_series(1, {rows}) i", database)
    program = replace(release, env={"LD_PRELOAD": str(eight_cores)} if cores == "eight" else {})
    assert peak_kb(program, pg15.url(database), release.export("t")) <= CEILING_KB
    files = [str(path) for path in (release.folder / "out").glob("*.parquet")]
    found = duckdb.sql(f"SELECT count(*), sum(id)::bigint, count(DISTINCT c{n_columns}) FROM read_parquet({files})")
    assert found.fetchall() == pg15.query(f"SELECT count(*), sum(id), count(DISTINCT c{n_columns}) FROM t", database)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind, form", [("bytea", "parquet"), ("text", "csv"), ("text", "query")])
def test_two_hundred_values_of_ten_megabytes(
    release: Program, pg15: PostgresServer, database: str, kind: str, form: str
):
    value = "repeat(md5(i::text), 327680)"
    if kind == "bytea":
        value = f"decode({value}, 'hex') || decode({value}, 'hex')"
    pg15.execute(f"CREATE TABLE t AS SELECT i AS id, {value} AS v FROM generate_series(1, 200) i", database)
    keys = {"parquet": {}, "csv": {"format": "csv"}, "query": {"query": "SELECT * FROM t"}}[form]
    assert peak_kb(release, pg15.url(database), release.export("t", **keys)) <= CEILING_KB


GIANT_MB = 200
# Which compresses to a half, and one that does not compress.
GIANT = f"string_agg(md5(i::text), '') FROM generate_series(1, {GIANT_MB * 32768}) i"
GIANT_BYTES = f"string_agg(decode(md5(i::text), 'hex'), '') FROM generate_series(1, {GIANT_MB * 65536}) i"


def rows_of_csv(file: Path) -> list[tuple]:
    csv.field_size_limit(GIANT_MB << 21)
    with file.open(newline="") as lines:
        return [(int(row["id"]), md5(row["v"].encode()).hexdigest()) for row in csv.DictReader(lines)]


def rows_of_parquet(file: Path) -> list[tuple]:
    with duckdb.connect() as session:
        return session.execute(f"SELECT id, md5(v) FROM read_parquet('{file}') ORDER BY id").fetchall()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", ["parquet", "bytes", "csv", "query", "chunked"])
def test_a_value_larger_than_the_account(release: Program, pg15: PostgresServer, database: str, form: str):
    """Among small ones. It passes alone, at three times its size: as two of libpq's and in the batch, or as one of
    libpq's, as a page and compressed. Reading it back takes no more: compressed and decompressed."""
    kind, giant = ("bytea", GIANT_BYTES) if form == "bytes" else ("text", GIANT)
    pg15.execute(
        f"CREATE TABLE t (id int PRIMARY KEY, v {kind}); ALTER TABLE t ALTER v SET STORAGE EXTERNAL;"
        "INSERT INTO t SELECT i, 'small' FROM generate_series(1, 1000) i;"
        f"UPDATE t SET v = (SELECT {giant}) WHERE id = 500",
        database,
    )
    keys = {
        "parquet": {},
        "bytes": {},
        "csv": {"format": "csv"},
        "query": {"query": "SELECT * FROM t"},
        "chunked": {"mode": "chunked", "chunk_by_key": "id"},
    }[form]
    export = release.export("t", **keys)
    assert peak_kb(release, pg15.url(database), export, "--validate") <= CEILING_KB + 3 * GIANT_MB * 1024
    assert json.loads((release.out / "manifest.json").read_text())["validated"] is True
    [file] = release.out.glob(f"*.{export['format']}")
    rows = rows_of_csv(file) if form == "csv" else rows_of_parquet(file)
    assert sorted(rows) == pg15.query("SELECT id, md5(v) FROM t ORDER BY id", database)


@pytest.mark.timeout(600)
def test_a_list_with_such_a_value(release: Program, pg15: PostgresServer, database: str):
    """Which is read back row by row: its elements are put together before they are compared."""
    piece, n = "string_agg(md5(i::text), '') FROM generate_series(1, 163840) i", 20  # longer than a codec looks back
    pg15.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v text[]); ALTER TABLE t ALTER v SET STORAGE EXTERNAL;"
        "INSERT INTO t SELECT i, ARRAY['small', NULL] FROM generate_series(1, 1000) i;"
        f"UPDATE t SET v = (SELECT ARRAY['a', repeat(v, {n}), NULL, 'z'] FROM (SELECT {piece}) piece (v)) WHERE id = 500",
        database,
    )
    peak = peak_kb(release, pg15.url(database), release.export("t"), "--validate")
    assert peak <= CEILING_KB + 3 * n * 5 * 1024
    assert json.loads((release.out / "manifest.json").read_text())["validated"] is True


@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", ["parquet", "csv", "query"])
@pytest.mark.parametrize("n, megabytes", [(5, 10), (20, 5)])
def test_a_row_larger_than_the_account(
    release: Program, pg15: PostgresServer, database: str, n: int, megabytes: int, form: str
):
    """None of whose values is: files in several columns, say."""
    columns = ", ".join(f"c{i} bytea" for i in range(n))
    values = ", ".join(["v"] * n)
    value = f"SELECT string_agg(decode(md5(i::text), 'hex'), '') AS v FROM generate_series(1, {megabytes * 65536}) i"
    pg15.execute(
        f"CREATE TABLE t (id int PRIMARY KEY, {columns});"
        f"INSERT INTO t (id, c0) SELECT i, 'small' FROM generate_series(1, 100) i;"
        f"UPDATE t SET ({', '.join(f'c{i}' for i in range(n))}) = (SELECT {values} FROM ({value}) v) WHERE id = 50",
        database,
    )
    keys = {"parquet": {}, "csv": {"format": "csv"}, "query": {"query": "SELECT * FROM t"}}[form]
    export = release.export("t", **keys)
    assert peak_kb(release, pg15.url(database), export) <= CEILING_KB + 3 * n * megabytes * 1024
    if form != "csv":
        [file] = release.out.glob("*.parquet")
        sums = ", ".join(f"md5(c{i})" for i in range(n))
        with duckdb.connect() as session:
            rows = session.execute(f"SELECT id, {sums} FROM read_parquet('{file}') ORDER BY id").fetchall()
        assert rows == pg15.query(f"SELECT id, {sums} FROM t ORDER BY id", database)


def test_such_a_value_is_refused_under_a_limit(release: Program, pg15: PostgresServer, database: str):
    pg15.execute("CREATE TABLE t AS SELECT 1 AS id, repeat('x', 200 << 20) AS v", database)
    report = release.folder / "peak"
    timed = Program(release.folder, release.binary, wrapper=("/usr/bin/time", "-f", "%M", "-o", report))
    timed.configure(pg15.url(database), release.export("t", tuning={"max_value_mb": 64}))
    result = timed.run()
    assert result.rc == 1 and "RIVET_VALUE_TOO_LARGE" in result.err and "max_value_mb" in result.err
    assert int(report.read_text().split()[-1]) <= CEILING_KB + 2 * GIANT_MB * 1024


# ---- MySQL ----


@pytest.fixture(scope="module")
def mysql_tables(mariadb: MysqlServer) -> str:
    """Rows of a usual width, once and three times as many; many columns that may be 4 GB long and are not."""
    database = new_database(mariadb, 750_000)
    columns = ", ".join(f"c{i} longtext" for i in range(200))
    values = ", ".join("MD5(i)" if i % 3 else "NULL" for i in range(200))
    mariadb.execute(
        "CREATE TABLE thrice (id bigint PRIMARY KEY, n int, price decimal(10,2), at timestamp(6) NULL, v varchar(200))",
        "INSERT INTO thrice SELECT i, i % 1000, i / 100, '2024-01-01' + INTERVAL i SECOND, REPEAT(MD5(i), 3) FROM numbers",
        "CREATE TABLE once LIKE thrice",
        "INSERT INTO once SELECT * FROM thrice WHERE id <= 250000",
        f"CREATE TABLE wide (id bigint PRIMARY KEY, {columns})",
        f"INSERT INTO wide SELECT i, {values} FROM numbers WHERE i <= 5000",
        "CREATE TABLE large (id int PRIMARY KEY, v longblob)",
        "INSERT INTO large SELECT i, REPEAT(UNHEX(MD5(i)), 500000) FROM numbers WHERE i <= 25",
        "ANALYZE TABLE once, thrice, wide, large",
        database=database,
    )
    return database


@pytest.mark.parametrize("form", ["pages", "stream", "csv"])
def test_the_ceiling_holds_for_mysql_and_does_not_grow(release: Program, mariadb: MysqlServer, mysql_tables: str, form: str):
    url = mariadb.url(mysql_tables, USER)
    keys = {"pages": {}, "csv": {"format": "csv"}, "stream": {}}[form]
    once, thrice = (
        peak_kb(release, url, release.export(table, on_existing="replace", **keys, **stream(form, table)))
        for table in ("once", "thrice")
    )
    assert max(once, thrice) <= CEILING_KB and thrice <= once + GROWTH_KB, (once, thrice)


def stream(form: str, table: str) -> dict:
    return {"query": f"SELECT * FROM {table}"} if form == "stream" else {}


@pytest.mark.parametrize("table", ["wide", "large"])
@pytest.mark.parametrize("form", ["pages", "stream"])
def test_memory_for_mysql_follows_what_is_there(release: Program, mariadb: MysqlServer, mysql_tables: str, table: str, form: str):
    """Not what the columns' types would allow; values of 8 MB come one after the other."""
    export = release.export(table, **stream(form, table))
    assert peak_kb(release, mariadb.url(mysql_tables, USER), export) <= CEILING_KB


@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", ["pages", "stream", "csv"])
def test_a_value_larger_than_the_account_for_mysql(release: Program, mariadb: MysqlServer, mysql_tables: str, form: str):
    """The client library holds the row, then there is the batch, or the page and what has become of it."""
    [(packet,)] = mariadb.query("SELECT @@global.max_allowed_packet")
    mariadb.execute("SET GLOBAL max_allowed_packet = 1073741824")
    try:
        piece = random.Random(1).randbytes(6_250_000)
        mariadb.execute(
            "CREATE OR REPLACE TABLE giant (id int PRIMARY KEY, v longblob)",
            f"INSERT INTO giant VALUES (1, 'small'), (2, 0x{piece.hex()}), (3, 'small')",
            *["UPDATE giant SET v = CONCAT(v, v) WHERE id = 2"] * 5,
            database=mysql_tables,
        )
        keys = {"csv": {"format": "csv"}}.get(form, {})
        export = release.export("giant", **keys, **stream(form, "giant"))
        peak = peak_kb(release, mariadb.url(mysql_tables, USER), export, "--validate")
        assert peak <= CEILING_KB + 3 * 200_000_000 // 1024
        if form != "csv":
            [file] = release.out.glob("*.parquet")
            rows = rows_of_parquet(file)
            assert rows == mariadb.query("SELECT id, MD5(v) FROM giant ORDER BY id", mysql_tables)
    finally:
        mariadb.execute(f"SET GLOBAL max_allowed_packet = {packet}")
