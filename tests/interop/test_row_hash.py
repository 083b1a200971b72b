"""_rivet_row_hash is what its definition says, and no two rows of different values share their bytes by design."""

import datetime
import itertools

import pyarrow.parquet as pq
import pytest

import row_hash
import rows
import shapes
from rows import column

META = {"exported_at": 1_700_000_000_123_456, "row_hash": True}


def hashes(path):
    return pq.read_table(path, columns=["_rivet_row_hash"]).column(0).to_pylist()


@pytest.mark.parametrize("n", [1, 7, 2049])
def test_every_type_hashes_as_documented(write, n):
    path = write(rows.torture(n), meta=META, batch=[1, 999, 7])
    assert hashes(path) == row_hash.row_hashes(path)


@pytest.mark.parametrize("name", sorted(shapes.SHAPES))
def test_every_shape_hashes_as_documented(write, name):
    whole = shapes.SHAPES[name]()
    path = write([dict(whole, values=whole["values"][:1000])], meta=META)
    assert hashes(path) == row_hash.row_hashes(path)


def test_rows_beyond_the_hashers_buffer_hash_as_documented(write):
    texts = ["x" * n for n in (0, 1, 4084, 4085, 4086, 4087, 4088, 4096, 4097, 8192, 100_000)]
    columns = [column("a", "string", False, texts), column("b", "list<string>", False, [[t, t] for t in texts]), column("c", "int64", False, list(range(len(texts))))]
    path = write(columns, meta=META)
    assert hashes(path) == row_hash.row_hashes(path)


def test_only_the_listed_columns_are_hashed_in_the_order_of_the_schema(write):
    columns = rows.orders(50)
    names = [columns[3]["name"], columns[0]["name"]]
    path = write(columns, meta={"row_hash": names})
    assert hashes(path) == row_hash.row_hashes(path, names) != row_hash.row_hashes(path)


def test_rows_that_differ_anywhere_have_different_hashes(write):
    texts = [None, "", "\u0000", "a", "ab", "b", "NULL", "\\N", "\u001f"]
    pairs = list(itertools.product(texts, texts))
    path = write([column(n, "string", True, [p[i] for p in pairs]) for i, n in enumerate("ab")], meta=META)
    assert len(set(hashes(path))) == len(pairs)
    lists = [None, [], [None], [None, None], [""], ["", ""], ["a"], ["a", ""], ["", "a"], ["a", None], [None, "a"]]
    pairs = list(itertools.product(lists, lists))
    path = write([column(n, "list<string>", True, [p[i] for p in pairs]) for i, n in enumerate("ab")], meta=META)
    assert len(set(hashes(path))) == len(pairs)


def test_a_value_keeps_its_hash_when_its_column_becomes_wider(write):
    def one(kind, values):
        return hashes(write([column("v", kind, True, values)], meta={"row_hash": True}))

    numbers = [None, 0, 1, -1, 32767, -32768]
    assert one("int16", numbers) == one("int32", numbers) == one("int64", numbers)
    amounts = [None, "0.00", "-0.01", "9999999.99"]
    assert one("decimal(9,2)", amounts) == one("decimal(18,2)", amounts) == one("decimal(38,2)", amounts) == one("decimal(76,2)", amounts)
    assert one("decimal(9,2)", ["1.00"]) != one("decimal(9,1)", ["1.0"])


def test_zeros_differ_by_sign_and_nan_is_one_value(write):
    zero, minus_zero, *nans = "0" * 16, "8" + "0" * 15, "7ff8000000000000", "fff8000000000001", "7ff0000000000001"
    found = hashes(write([column("v", "float64", False, [zero, minus_zero, *nans])], meta=META))
    assert found[0] != found[1] and len(set(found[2:])) == 1


def test_the_added_columns_are_required_stand_last_and_hold_the_time_of_the_run(write):
    path = write(rows.orders(20), meta=META)
    schema = pq.ParquetFile(path).schema
    last = [schema.column(i) for i in range(len(schema) - 2, len(schema))]
    assert [c.path for c in last] == list(row_hash.ADDED)
    assert [c.max_definition_level for c in last] == [0, 0]
    times = pq.read_table(path).column("_rivet_exported_at").unique().to_pylist()
    assert times == [datetime.datetime(2023, 11, 14, 22, 13, 20, 123456, datetime.timezone.utc)]
