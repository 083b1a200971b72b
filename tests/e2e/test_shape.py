"""The shape of the files: how large they are, how they are named, where their row groups end. A part is never lost
between two others, whatever interrupts the chunk that it belongs to."""

import hashlib
import re
import signal
import sqlite3
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from support.delivery import check_delivery, part_paths
from support.program import Program
from tables import file_hash, source_hash

MB = 1 << 20
TABLES = {
    # Little entropy in much text: a part holds many times its size.
    "compressible": """CREATE TABLE compressible AS SELECT i AS id, i % 17 AS kind, 'note ' || i % 1000 || ' and ' || left(md5(i::text), 12) AS
        note, i / 100.0::float8 AS amount, now()::timestamp + i * interval '3 s' AS at, i % 7 = 0 AS flag
        FROM generate_series(1, 700000) i""",
    # Nothing shrinks.
    "random": """CREATE TABLE random AS SELECT i AS id, decode(md5(i::text) || md5('-' || i) || md5('a' || i) ||
        md5('b' || i), 'hex') || decode(repeat(md5('c' || i), i % 4), 'hex') AS v FROM generate_series(1, 120000) i""",
}


@pytest.fixture(scope="module")
def shapes(pg15) -> str:
    name = pg15.new_database("shapes")
    for sql in TABLES.values():
        pg15.execute(sql, name)
    return name


def parts_by_chunk(manifest: dict) -> list[list[dict]]:
    """The parts of each chunk in their order; names tell which they are."""
    chunks: dict[int, list[dict]] = {}
    for part in manifest["parts"]:
        chunk, number = re.search(r"\.\d{3}(?:_chunk(\d+))?_part(\d+)\.", part["path"]).groups()
        parts = chunks.setdefault(int(chunk or 0), [])
        assert int(number) == len(parts)
        parts.append(part)
    assert [part["part_id"] for part in manifest["parts"]] == sorted(part["part_id"] for part in manifest["parts"])
    return [chunks[i] for i in sorted(chunks)]


def assert_sizes(manifest: dict, limit: int) -> None:
    for parts in parts_by_chunk(manifest):
        assert all(abs(part["size_bytes"] - limit) <= limit * 0.05 for part in parts[:-1]), parts
        assert 0 < parts[-1]["size_bytes"] <= limit * 1.05


def group_sizes(path: Path) -> list[int]:
    metadata = pq.ParquetFile(path).metadata
    return [
        sum(metadata.row_group(g).column(c).total_compressed_size for c in range(metadata.num_columns))
        for g in range(metadata.num_row_groups)
    ]


def group_rows(path: Path) -> list[int]:
    metadata = pq.ParquetFile(path).metadata
    return [metadata.row_group(g).num_rows for g in range(metadata.num_row_groups)]


def sums(source: str) -> tuple:
    return duckdb.sql(f"SELECT count(*), sum(id), count(DISTINCT id) FROM {source}").fetchone()


def expected_sums(pg15, database: str, table: str) -> tuple:
    [row] = pg15.query(f"SELECT count(*), sum(id), count(DISTINCT id) FROM {table}", database)
    return tuple(map(int, row))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("limit", ["1MB", "2.5MB"])
@pytest.mark.parametrize("way", ["table", "query"])
def test_parquet_parts_meet_the_limit(program, pg15, shapes, table, limit, way):
    keys = {"table": table} if way == "table" else {"query": f"SELECT * FROM {table}"}
    program.configure(pg15.url(shapes), program.export("t", max_file_size=limit, **keys)).run().ok()
    [manifest] = check_delivery(program.out)
    assert manifest["part_count"] > 2
    assert_sizes(manifest, int(float(limit[:-2]) * MB))
    paths = part_paths(program.out, manifest)
    for path in paths[:-1]:
        groups = group_sizes(path)
        assert len(groups) >= 3 and min(groups) >= sum(groups) / len(groups) / 2, groups
    assert sums(f"read_parquet({[str(path) for path in paths]})") == expected_sums(pg15, shapes, table)


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_csv_parts_meet_the_limit(program, pg15, shapes, compression):
    export = program.export(
        "t", table="compressible", format="csv", max_file_size="1MB", compression=compression
    )
    program.configure(pg15.url(shapes), export).run().ok()
    [manifest] = check_delivery(program.out)
    assert manifest["part_count"] > 2
    assert_sizes(manifest, MB)
    paths = [str(path) for path in part_paths(program.out, manifest)]
    assert sums(f"read_csv({paths}, header=true)") == expected_sums(pg15, shapes, "compressible")


def test_chunks_have_parts_of_their_own(program, pg15, big):
    program.configure(pg15.url(big), program.export("sparse", compression="none", max_file_size="1MB")).run().ok()
    [manifest] = check_delivery(program.out)
    chunks = parts_by_chunk(manifest)
    assert len(chunks) > 1 and all(len(parts) > 1 for parts in chunks)
    assert_sizes(manifest, MB)
    assert file_hash(part_paths(program.out, manifest), "sparse") == source_hash(pg15, big, "sparse")


def test_the_same_rows_make_the_same_files(program, pg15, shapes):
    """Pages follow the server's mood; files follow the rows."""
    found = []
    for batch_size in (777, 20000):
        export = program.export(
            "t", table="compressible", max_file_size="1MB", on_existing="replace", tuning={"batch_size": batch_size}
        )
        program.configure(pg15.url(shapes), export).run().ok()
        [manifest] = check_delivery(program.out)
        found.append([(part["rows"], part["content_fingerprint"]) for part in manifest["parts"]])
    assert found[0] == found[1]


def test_a_limit_that_is_not_reached_numbers_its_only_part(program, pg15, shop):
    program.configure(pg15.url(shop), program.export("t", max_file_size="1GB")).run().ok()
    [manifest] = check_delivery(program.out)
    assert [part["path"] for part in manifest["parts"]] == [f"{manifest['run_id']}_part0.parquet"]


def test_a_tiny_limit_works(program, pg15, shop):
    program.configure(pg15.url(shop), program.export("t", max_file_size="2KB")).run().ok()
    [manifest] = check_delivery(program.out)
    assert manifest["row_count"] == 1000 and manifest["part_count"] > 5
    assert sums(f"read_parquet('{program.out}/*.parquet')") == (1000, 500500, 1000)


def test_stdout_refuses_a_limit(program, pg15, shop):
    export = program.export("t", max_file_size="1MB", destination={"type": "stdout"})
    program.configure(pg15.url(shop), export).run().failed(1, "RIVET_CONFIG_EXCLUSIVE")


# ---- row groups ----


@pytest.mark.parametrize("rows", [1000, 33333, 150000])
def test_fixed_rows_are_exact(program, pg15, shapes, rows):
    export = program.export(
        "t", table="compressible", parquet={"row_group_strategy": "fixed_rows", "row_group_rows": rows}
    )
    program.configure(pg15.url(shapes), export).run().ok()
    [path] = part_paths(program.out, check_delivery(program.out)[0])
    groups = group_rows(path)
    assert set(groups[:-1]) == {rows} and 0 < groups[-1] <= rows and sum(groups) == 700000


def test_what_memory_cannot_hold_is_kept_elsewhere(release, pg15, database):
    """One row group of 60 MB, with a writer of 24 MB."""
    pg15.execute(
        "CREATE TABLE t AS SELECT i AS id, decode(string_agg(md5(i || '-' || j), ''), 'hex') AS v"
        " FROM generate_series(1, 30000) i, generate_series(1, 125) j GROUP BY i",
        database,
    )
    shape = {"row_group_strategy": "fixed_rows", "row_group_rows": 100000}
    out = release.configure(pg15.url(database), release.export("t", parquet=shape)).run_json()
    [path] = part_paths(release.out, check_delivery(release.out)[0])
    assert group_rows(path) == [30000] and group_sizes(path)[0] > 55 * MB
    assert out["per_export"][0]["peak_rss_bytes"] < 96 * MB
    assert sums(f"read_parquet('{path}')") == (30000, 450015000, 30000)
    shape = {"row_group_strategy": "fixed_memory", "target_row_group_mb": 40, "max_row_group_mb": 45}
    release.configure(pg15.url(database), release.export("t", parquet=shape, on_existing="replace")).run().ok()
    [path] = part_paths(release.out, check_delivery(release.out)[0])
    assert 40 * MB <= group_sizes(path)[0] <= 45 * MB and len(group_sizes(path)) == 2


# ---- interruptions ----

POINTS = {
    "before-part-put": (1, 2, 5),
    "dest-before-rename": (1, 2, 5),
    "dest-after-rename": (1, 2, 5),
    "after-part-put": (1, 2, 5),
    "after-chunk-complete": (1, 2),
}


@pytest.mark.parametrize("point", [f"{name}:{n}" for name, passes in POINTS.items() for n in passes])
@pytest.mark.parametrize("consistency", ["snapshot", "statement"])
def test_killed_between_parts(program, pg15, big, point, consistency):
    keys = {"compression": "none", "max_file_size": "1MB", "consistency": consistency}
    keys |= {"table": "sparse"} if consistency == "snapshot" else {"query": "SELECT * FROM sparse"}
    if (consistency, point) == ("statement", "after-chunk-complete:2"):
        point = "after-chunk-complete:1"  # a query is one chunk
    program.configure(pg15.url(big), program.export("sparse", **keys))
    assert program.run(env={"RIVET_CRASH_AT": point}).rc == -signal.SIGKILL
    program.run().ok()
    [manifest] = check_delivery(program.out)
    parts_by_chunk(manifest)
    assert file_hash(part_paths(program.out, manifest), "sparse") == source_hash(pg15, big, "sparse")


def make_sqlite(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
    db.executemany("INSERT INTO t VALUES (?, ?)", ((i, hashlib.md5(b"%d" % i).hexdigest()[:12]) for i in range(50000)))
    db.commit()
    db.close()


@pytest.mark.parametrize("point", ["before-part-put:3", "after-part-put:3", "dest-after-rename:2", "before-manifest"])
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_killed_between_parts_of_a_file_database(program: Program, point, form):
    make_sqlite(program.folder / "shop.db")
    program.configure("sqlite://shop.db", program.export("t", format=form, max_file_size="40KB"))
    assert program.run(env={"RIVET_CRASH_AT": point}).rc == -signal.SIGKILL
    program.run().ok()
    [manifest] = check_delivery(program.out)
    assert manifest["row_count"] == 50000 and manifest["part_count"] > 3
    reader = "read_parquet" if form == "parquet" else "read_csv"
    paths = [str(path) for path in part_paths(program.out, manifest)]
    assert sums(f"{reader}({paths})") == (50000, 50000 * 49999 // 2, 50000)
