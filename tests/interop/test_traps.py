"""Files that broke real readers, and the edges where a writer miscounts. README.md says where each trap is covered."""

import duckdb
import pyarrow.parquet as pq
import pytest

import oracle
import rows
from compare import check_oracle, check_readers
from rows import column

MIB = 1 << 20
PAGE_ROWS = 20_000


def page_headers(file, group, i):
    """(header, its length) of every data page of a chunk."""
    found = []
    for location in file.offset_index(file.groups[group][1][i])[1]:
        reader = oracle.Thrift(file.data, location[1])
        found.append((reader.struct(), reader.at - location[1]))
    return found


def test_a_page_without_values_in_a_dictionary_chunk_still_has_its_width_byte(write):
    values = [f"value {i % 5}" for i in range(PAGE_ROWS)] + [None] * PAGE_ROWS + ["value 1"] * 5
    columns = [column("v", "string", True, values), column("l", "list<string>", True, [v and [v] for v in values])]
    path = write(columns, codec="none")
    file = check_oracle(path, columns)
    for i in range(2):
        middle = file.chunk(0, i)[3][1]
        assert middle.encoding == oracle.RLE_DICTIONARY and not middle.values
    check_readers(path, columns)


def test_one_distinct_value_has_indices_of_width_one(write):
    columns = [column(k, k, False, rows.cycle(rows.edge_values(k)[:1], 100)) for k in ("int64", "string", "decimal(38,10)")]
    path = write(columns)
    file = check_oracle(path, columns)
    assert all(len(file.chunk(0, i)[4]) == 1 for i in range(len(columns)))
    check_readers(path, columns)


def test_page_headers_hold_no_bounds_and_stay_small(write):
    columns = [column("v", "string", True, ["x" * MIB, None, "y" * 70]), *rows.orders(3)]
    file = check_oracle(write(columns), columns)
    for i in range(len(columns)):
        for header, length in page_headers(file, 0, i):
            assert 5 not in header[5] and length < 64


def test_files_of_one_export_have_one_schema_whatever_is_in_them(write):
    full = rows.torture(20)
    empty = [dict(c, values=[]) for c in full]
    nulls = [dict(c, values=[None] * 20 if c["nullable"] else c["values"]) for c in full]
    schemas = [oracle.File(write(columns)).meta[2] for columns in (full, empty, nulls)]
    assert schemas[0] == schemas[1] == schemas[2]


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_values_that_end_at_the_page_limit_or_one_byte_beside_it(write, over):
    """A page holds 1 MiB as PLAIN: here the rows of a page, and a single value, weigh just that much."""
    single = MIB - 4 + over
    values = ["a" * single, "b"] + ["c" * (MIB // 8 - 4)] * 7 + ["d" * (MIB // 8 - 4 + over)] + ["e"] * 10
    columns = [
        column("v", "string", False, values),
        column("b", "binary", True, [v.encode().hex() for v in values]),
        column("l", "list<string>", False, [[v] for v in values]),
        column("i", "int64", False, list(range(len(values)))),
    ]
    path = write(columns, codec="none")
    file = check_oracle(path, columns)
    for i in range(3):
        sizes = [header[2] for header, _ in page_headers(file, 0, i)]
        assert all(size <= MIB + single // 100 + 64 for size in sizes), sizes
    check_readers(path, columns)


def test_a_value_of_100_mib(write):
    values = ["before", "x" * (100 * MIB), None, "after"]
    columns = [column("v", "string", True, values), column("i", "int32", False, [1, 2, 3, 4])]
    path = write(columns, memory=24 * MIB)
    table = pq.read_table(path, page_checksum_verification=True)
    assert [v and len(v) for v in table.column("v").to_pylist()] == [6, 100 * MIB, None, 5]
    found = duckdb.execute(f"SELECT i, length(v), v[1] FROM '{path}' ORDER BY i").fetchall()
    assert found == [(1, 6, "b"), (2, 100 * MIB, "x"), (3, None, None), (4, 5, "a")]
    statistics = [group[1][0][3][12] for group in oracle.File(path).groups]
    assert all(len(s[5]) <= oracle.MAX_BOUND for s in statistics if 5 in s)
    assert any(s.get(7) is False for s in statistics)


def test_days_and_instants_where_calendars_and_ranges_change(write):
    """1582 (Gregorian calendar), 1900 (ClickHouse's first day), 1970, 2038, 9999; the day before and after each."""
    days = [d + i for d in (-719162, -141427, -25567, 0, 24855, 2932896) for i in (-1, 0, 1) if -719162 <= d + i <= 2932896]
    micros = [d * 86_400_000_000 + i for d in days for i in (-1, 0, 1) if d * 86_400_000_000 + i >= -62135596800000000]
    for name, kind, values in (("d", "date", days), ("t", "timestamp", micros), ("z", "timestamp_tz", micros)):
        columns = [column(name, kind, True, [*values, None])]
        path = write(columns)
        check_oracle(path, columns)
        check_readers(path, columns, ("pyarrow", "duckdb", "polars"))


def test_4096_columns(write):
    """The most that a schema may have; MySQL's limit as well."""
    kinds = ("int32", "string", "bool", "float64", "list<int16>")
    columns = []
    for i in range(4096):
        kind = kinds[i % len(kinds)]
        value = {"int32": i, "string": f"c{i}", "bool": i % 2 == 0, "float64": rows.float_bits(i / 7)}.get(kind, [i % 9])
        columns.append(column(f"column {i}", kind, True, [value, None]))
    path = write(columns)
    check_oracle(path, columns)
    check_readers(path, columns, ("pyarrow", "duckdb", "polars"))


def test_row_groups_that_end_where_pages_end(write):
    options = {"parquet": {"row_group_strategy": "fixed_rows", "row_group_rows": PAGE_ROWS}}
    columns = rows.orders(3 * PAGE_ROWS)[:8]
    path = write(columns, export=options)
    file = check_oracle(path, columns)
    assert [group[3] for group in file.groups] == [PAGE_ROWS] * 3
    check_readers(path, columns, ("pyarrow", "duckdb", "polars"))


def test_more_row_groups_than_an_ordinal_can_count(write):
    groups, size = 32_770, 1000
    options = {"parquet": {"row_group_strategy": "fixed_rows", "row_group_rows": size}}
    columns = [column("b", "bool", False, [True] * size)]
    path = write(columns, export=options, repeat=groups, batch=size)
    found = oracle.File(path).groups
    assert len(found) == groups and found[32_767][7] == 32_767 and all(7 not in g for g in found[32_768:])
    assert pq.ParquetFile(path).metadata.num_rows == groups * size
    assert duckdb.execute(f"SELECT count(*) FROM '{path}' WHERE b").fetchone() == (groups * size,)


def test_a_file_that_lost_its_end_is_refused(write, tmp_path):
    path = write(rows.orders(100))
    data = open(path, "rb").read()
    footer = int.from_bytes(data[-8:-4], "little")
    for kept in (0, 4, 11, len(data) // 2, len(data) - 8 - footer, len(data) - 8, len(data) - 4, len(data) - 1):
        cut = tmp_path / "cut.parquet"
        cut.write_bytes(data[:kept])
        with pytest.raises(Exception):
            pq.read_table(cut)
        with pytest.raises(Exception):
            duckdb.execute(f"SELECT * FROM '{cut}'").fetchall()
