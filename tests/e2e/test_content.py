"""Larger tables, over many pages and several chunks: every value, by one hash computed on both sides in
SQL."""

import pyarrow.parquet as pq
import pytest

from support.delivery import check_delivery, part_paths
from support.readers import READERS
from tables import file_hash, source_hash

TABLES = ("orders", "content_items", "sparse")


@pytest.fixture(scope="module")
def truths(pg15, big) -> dict:
    return {table: source_hash(pg15, big, table) for table in TABLES}


@pytest.mark.parametrize("table", TABLES)
def test_every_value_is_equal_in_three_readers(program, pg15, big, truths, table):
    program.configure(pg15.url(big), program.export(table)).run().ok()
    [manifest] = check_delivery(program.out)
    for reader in READERS:
        assert file_hash(part_paths(program.out, manifest), table, reader) == truths[table]


@pytest.mark.parametrize(
    "keys",
    [
        {"compression": "none"},
        {"compression": "zstd", "compression_level": 9},
        {"tuning": {"batch_size": 997}},
        {"tuning": {"batch_size_memory_mb": 1}},
        {"consistency": "statement"},
        {"query": "SELECT * FROM orders"},
    ],
    ids=str,
)
def test_the_values_do_not_depend_on_how_they_were_read(program, pg15, big, truths, keys):
    program.configure(pg15.url(big), program.export("orders", **keys)).run().ok()
    [manifest] = check_delivery(program.out)
    assert file_hash(part_paths(program.out, manifest), "orders") == truths["orders"]


def test_several_chunks_are_several_parts_without_gap_or_overlap(program, pg15, big, truths):
    program.configure(pg15.url(big), program.export("sparse", compression="none")).run().ok()
    [manifest] = check_delivery(program.out)
    assert manifest["part_count"] >= 3 and manifest["source"]["extraction"]["strategy"] == "ctid"
    names = [part["path"] for part in manifest["parts"]]
    assert names == [f"{manifest['run_id']}_chunk{i}.parquet" for i in range(len(names))]
    assert file_hash(part_paths(program.out, manifest), "sparse") == truths["sparse"]


def test_csv_of_several_chunks_has_a_header_in_each(program, pg15, big, truths):
    program.configure(pg15.url(big), program.export("sparse", format="csv")).run().ok()
    [manifest] = check_delivery(program.out)
    paths = part_paths(program.out, manifest)
    assert len(paths) >= 3
    lines = sum(path.read_bytes().count(b"\n") for path in paths)
    assert lines == truths["sparse"][0] + len(paths)
    assert {path.open().readline() for path in paths} == {"id,n,word\n"}


def test_one_stream_is_one_file_whatever_the_size(program, pg15, big, truths, tmp_path):
    program.configure(
        pg15.url(big), program.export("sparse", compression="none", destination={"type": "stdout"})
    )
    (tmp_path / "all.parquet").write_bytes(program.run().ok().out)
    assert file_hash([tmp_path / "all.parquet"], "sparse") == truths["sparse"]


def test_the_same_rows_make_the_same_bytes(program, pg15, big):
    program.configure(pg15.url(big), program.export("orders"))
    program.run().ok()
    program.run().ok()
    first, second = check_delivery(program.out)
    assert first["parts"][0]["content_fingerprint"] == second["parts"][0]["content_fingerprint"]
    assert [c["checksum"] for c in first["columns"]] == [c["checksum"] for c in second["columns"]]


def test_row_groups_are_bounded(program, pg15, big):
    program.configure(pg15.url(big), program.export("content_items", compression="none")).run().ok()
    [manifest] = check_delivery(program.out)
    for path in part_paths(program.out, manifest):
        metadata = pq.ParquetFile(path).metadata
        assert all(metadata.row_group(i).num_rows > 0 for i in range(metadata.num_row_groups))


GIANT = (
    "CREATE TABLE t (id int, v text); INSERT INTO t SELECT i, 'small' FROM generate_series(1, 1000) i;"
    "UPDATE t SET v = repeat('x', {size}) WHERE id IN (500, 1000)"
)


@pytest.mark.parametrize("size, tuning", [(5_000_000, {}), (20_000_000, {"batch_size_memory_mb": 32})])
def test_a_giant_cell_among_small_ones(program, pg15, database, size, tuning):
    pg15.execute(GIANT.format(size=size), database)
    program.configure(pg15.url(database), program.export("t", tuning=tuning)).run().ok()
    [manifest] = check_delivery(program.out)
    lengths = pq.read_table(part_paths(program.out, manifest)[0]).sort_by("id")["v"].to_pylist()
    assert [len(value) for value in lengths] == [size if i in (500, 1000) else 5 for i in range(1, 1001)]


def test_a_cell_beyond_the_budget_passes_unless_it_is_limited(program, pg15, database):
    pg15.execute(GIANT.format(size=60_000_000), database)
    program.configure(pg15.url(database), program.export("t", tuning={"max_value_mb": 40}))
    result = program.run().failed(1, "RIVET_VALUE_TOO_LARGE")
    assert "tuning.max_value_mb" in result.err
    assert not list(program.out.glob("*"))
    program.configure(pg15.url(database), program.export("t")).run().ok()
    [manifest] = check_delivery(program.out)
    lengths = {row["id"]: len(row["v"]) for row in pq.read_table(part_paths(program.out, manifest)[0]).to_pylist()}
    assert len(lengths) == 1000 and lengths[499] == 5
    assert lengths[500] == lengths[1000] == 60_000_000


def test_pages_of_every_odd_size_keep_the_rows_apart(program, pg15, database):
    """Every value tells its row, so a buffer used twice or a row shifted by one cannot hide."""
    pg15.execute(
        "CREATE TABLE t AS SELECT i AS id, i AS n, i::text AS word, i::numeric(12,2) AS price,"
        "'2000-01-01'::timestamp + i * interval '1 second' AS at, ARRAY[i, i + 1] AS list"
        " FROM generate_series(1, 3001) i",
        database,
    )
    for size in (1, 7, 600, 3000, 3001):
        program.configure(
            pg15.url(database),
            program.export("t", query="SELECT * FROM t", on_existing="replace", tuning={"batch_size": size}),
        ).run().ok()
        [manifest] = check_delivery(program.out)
        for row in pq.read_table(part_paths(program.out, manifest)[0]).to_pylist():
            i = row["id"]
            assert (row["n"], row["word"], int(row["price"]), row["list"]) == (i, str(i), i, [i, i + 1])
