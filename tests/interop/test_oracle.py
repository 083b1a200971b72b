"""The oracle itself: what it must refuse, and that its bloom filters are those of other programs."""

import duckdb
import pytest

import oracle
import oracle_meta


@pytest.mark.parametrize(
    "text", ["Polars", "Carquet", "pg_parquet", "rivet version 1.0", "rivet version 1.0.0", "rivet version 1 (build a)"]
)
def test_a_created_by_that_jvm_readers_do_not_parse_is_refused(text):
    with pytest.raises(AssertionError):
        oracle_meta.check_created_by(text)


@pytest.mark.parametrize("text", ["rivet version 0.1.0 (build release)", "parquet-mr version 1.13.1-rc2 (build abc)"])
def test_a_created_by_that_they_parse_is_taken(text):
    oracle_meta.check_created_by(text)


@pytest.fixture(scope="module")
def foreign_bloom(tmp_path_factory):
    """Header and bitset of a filter that DuckDB wrote over 5,000 texts, and the texts."""
    path = tmp_path_factory.mktemp("bloom") / "duckdb.parquet"
    duckdb.execute(f"COPY (SELECT 'text ' || i % 5000 AS t FROM range(40000) r(i)) TO '{path}' (FORMAT parquet)")
    file = oracle.File(path)
    meta = file.groups[0][1][0][3]
    reader = oracle.Thrift(file.data, meta[14])
    header = reader.struct()
    return header, bytes(file.data[reader.at : reader.at + header[1]]), [b"text %d" % i for i in range(5000)]


def test_a_bloom_filter_of_another_program_holds_its_values(foreign_bloom):
    oracle_meta.check_bloom(*foreign_bloom)


def test_a_bloom_filter_without_one_of_the_values_is_refused(foreign_bloom):
    header, bitset, values = foreign_bloom
    block, bits = oracle_meta.bits_of(values[77], len(bitset) // 32)
    broken = bytearray(bitset)
    broken[block * 32 + bits[0] // 8] &= ~(1 << bits[0] % 8)
    with pytest.raises(AssertionError, match="missing"):
        oracle_meta.check_bloom(header, bytes(broken), values)


def test_a_bloom_filter_that_holds_everything_is_refused(foreign_bloom):
    header, bitset, values = foreign_bloom
    with pytest.raises(AssertionError, match="strangers"):
        oracle_meta.check_bloom(header, b"\xff" * len(bitset), values)


def bounds_of(values, low, high, low_exact, high_exact):
    leaf = oracle.Leaf([{1: oracle.BYTE_ARRAY, 10: {1: {}}}], ["c"], 0, 0)
    oracle.File.check_bound(oracle.File.__new__(oracle.File), leaf, values, low, high, low_exact, high_exact)


def test_bounds_that_hide_a_value_or_claim_to_be_exact_are_refused():
    values = [b"b" * 70, b"z" * 70]
    bounds_of(values, b"b" * 64, b"z" * 63 + b"{", False, False)
    for low, high, low_exact, high_exact in (
        (b"b" * 64, b"z" * 64, False, False),  # cut, but not raised
        (b"c", b"z" * 63 + b"{", False, False),  # above the smallest
        (b"b" * 64, b"z" * 63 + b"{", True, False),
        (b"b" * 64, b"z" * 63 + b"{", False, True),
    ):
        with pytest.raises(AssertionError):
            bounds_of(values, low, high, low_exact, high_exact)


@pytest.mark.parametrize(
    "leaf",
    [
        {1: 6, 3: 0, 4: b"text without ConvertedType", 10: {1: {}}},
        {1: 2, 3: 0, 4: b"decimal without its precision", 6: 5, 7: 2, 10: {5: {1: 2, 2: 10}}},
        {1: 7, 2: 12, 3: 0, 4: b"decimal of more bytes than it needs", 6: 5, 7: 0, 8: 20, 10: {5: {1: 0, 2: 20}}},
        {1: 2, 3: 0, 4: b"timestamp whose units disagree", 6: 9, 10: {8: {1: False, 2: {2: {}}}}},
    ],
)
def test_annotations_that_old_readers_misread_are_refused(leaf):
    with pytest.raises(AssertionError):
        oracle_meta.check_leaf(leaf)
