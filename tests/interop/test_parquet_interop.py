"""What we write, every independent reader must read as the rows that were put in.

The rows are made in Python (rows.py), the file is checked against the specification by oracle.py, and four readers
that share no code with us or with each other's columns are compared value by value.
"""

import hashlib
import random

import duckdb
import pyarrow.parquet as pq
import pytest

import oracle
import readers
import rows
from compare import check_oracle, check_readers
from rows import column

MIB = 1 << 20


def encodings(file, group, i):
    return [p.encoding for p in file.chunk(group, i)[3]]


@pytest.mark.parametrize("n, codec", [(0, "zstd"), (1, "zstd"), (2, "none"), (100, "zstd"), (2049, "none"), (2049, "zstd")])
def test_every_type_at_its_edges(write, n, codec):
    columns = rows.torture(n)
    path = write(columns, codec=codec)
    check_oracle(path, columns)
    check_readers(path, columns)
    assert write.report["left"] == 0


CODECS = {"none": 0, "snappy": 1, "gzip": 2, "zstd": 6, "lz4": 7}


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_is_read_by_everybody(write, codec):
    columns = rows.torture(500) + [dict(c, name="shop " + c["name"]) for c in rows.orders(500)]
    path = write(columns, codec=codec)
    file = check_oracle(path, columns)
    used = {chunk[3][4] for group in file.groups for chunk in group[1]}
    assert used <= {0, CODECS[codec]} and CODECS[codec] in used
    check_readers(path, columns)
    assert write.report["left"] == 0


@pytest.mark.parametrize("codec, level", [("zstd", 1), ("zstd", 3), ("zstd", 7), ("zstd", 9), ("zstd", 12), ("zstd", 13), ("zstd", 15), ("gzip", 1), ("gzip", 9)])
def test_every_level_is_read_by_everybody_and_depends_on_rows_alone(write, codec, level):
    columns = rows.orders(8000)
    paths = [write(columns, codec=codec, level=level, batch=split) for split in (10**9, [1, 999, 7])]
    assert open(paths[0], "rb").read() == open(paths[1], "rb").read()
    check_oracle(paths[0], columns)
    check_readers(paths[0], columns, ("pyarrow", "duckdb"))


def test_a_file_without_rows_keeps_its_schema_and_has_no_row_group(write):
    columns = rows.torture(0)
    path = write(columns)
    assert pq.ParquetFile(path).metadata.num_row_groups == 0
    assert pq.read_schema(path).names == [c["name"] for c in columns]


def test_a_shop_table_in_one_and_in_many_row_groups(write):
    columns = rows.orders(25000)
    for options in ({}, {"memory": 2 * MIB}, {"codec": "none"}, {"level": 9}):
        path = write(columns, **options)
        file = check_oracle(path, columns)
        assert (len(file.groups) > 1) == ("memory" in options)
        check_readers(path, columns)


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_fixed_rows_that_memory_cannot_hold(write, codec):
    """Pages leave memory and come back; where they were does not show in the file."""
    columns = rows.orders(45000)
    path = write(columns, fixed_rows=20001, memory=2 * MIB, codec=codec)
    file = check_oracle(path, columns)
    assert [pq.ParquetFile(path).metadata.row_group(i).num_rows for i in range(len(file.groups))] == [20001, 20001, 4998]
    check_readers(path, columns)
    assert write.report["peak"] < 4 * MIB and write.report["left"] == 0


def test_values_beyond_a_page_among_small_ones(write):
    values = [("x" if i % 2 else "é") * (3_000_000 if i in (0, 7, 11) else i) for i in range(12)]
    columns = [
        column("s", "string", True, [None if i == 8 else v for i, v in enumerate(values)]),
        column("i", "int64", False, list(range(12))),
    ]
    path = write(columns, memory=2 * MIB, batch=[1, 5])
    check_oracle(path, columns)
    check_readers(path, columns)


@pytest.mark.parametrize("n", [19999, 20000, 20001, 40000, 40001])
def test_rows_around_the_page_limit(write, n):
    columns = [
        column("i", "int64", False, list(range(n))),
        column("o", "int32", True, [i % 5 or None for i in range(n)]),
        column("b", "bool", True, [None if i % 7 == 0 else i % 3 == 0 for i in range(n)]),
        column("z", "string", True, [None] * n),
        column("l", "list<int16>", True, [[i % 3] * (i % 3) for i in range(n)]),
    ]
    path = write(columns)
    file = check_oracle(path, columns)
    assert len(file.chunk(0, 0)[3]) == -(-n // 20000)
    check_readers(path, columns)


@pytest.mark.parametrize("k", range(0, 13))
def test_dictionary_index_widths_step_with_the_number_of_values(write, k):
    columns = []
    for distinct in (2**k, 2**k + 1):
        columns += [
            column(f"i{distinct}", "int64", False, [i * 7 % distinct for i in range(20000)]),
            column(f"s{distinct}", "string", True, [f"value {i % distinct}" if i % 11 else None for i in range(20000)]),
            column(f"d{distinct}", "decimal(20,0)", False, [str(i % distinct) for i in range(20000)]),
        ]
    columns = [{**c, "encoding": "dictionary"} for c in columns]
    path = write(columns)
    file = check_oracle(path, columns)
    assert all(set(encodings(file, 0, i)) == {oracle.RLE_DICTIONARY} for i in range(len(columns)))
    check_readers(path, columns)


def test_runs_of_every_length_survive(write):
    r = random.Random(5)
    values = [v for _ in range(3000) for v in [r.randrange(40)] * r.choice([1, 1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65])]
    columns = [
        column("i", "int32", False, values),
        column("n", "int32", True, [v if v % 3 else None for v in values]),
        column("l", "list<int32>", True, [None if v == 0 else [v] * (v % 4) for v in values]),
    ]
    path = write(columns)
    check_oracle(path, columns)
    check_readers(path, columns)


OVERFLOWS = {
    # distinct values: (of the first page, of later pages)
    "never": (10, 10),
    "first page": (20000, 20000),
    "early, two thirds distinct": (14000, 20000),
    "later": (3000, 20000),
    "last": (3000, 9000),
}


@pytest.mark.parametrize("kind", ["int32", "int64", "string", "decimal(25,0)", "list<string>", "list<int64>"])
@pytest.mark.parametrize("when", OVERFLOWS)
def test_a_dictionary_that_overflows_is_left_without_a_trace_in_the_values(write, kind, when):
    first, later = OVERFLOWS[when]
    r = random.Random(when + kind)
    numbers = [r.randrange(first) for _ in range(20000)] + [10**6 + r.randrange(later) for _ in range(40000)]
    values = [
        n if kind.startswith("int") else f"text number {n}" if kind == "string" else str(n) for n in numbers
    ]
    if kind.startswith("list<"):
        values = [[f"text {n}" if "string" in kind else n] * (n % 3) + [None] * (n % 2) for n in numbers]
    columns = [column("v", kind, True, [None if i % 13 == 5 else v for i, v in enumerate(values)])]
    for memory in (1 * MIB, 24 * MIB):
        path = write(columns, memory=memory, batch=[777, 4096, 1])
        check_oracle(path, columns)
        check_readers(path, columns, ("pyarrow", "duckdb", "polars"))


def test_a_late_overflow_keeps_dictionary_pages_and_goes_on_without(write):
    values = [f"value {i % 50}" for i in range(40000)] + [f"unique {i}" for i in range(40000)]
    columns = [column("v", "string", False, values)]
    file = check_oracle(write(columns, memory=3 * MIB, codec="none"), columns)
    used = encodings(file, 0, 0)
    assert used[0] == oracle.RLE_DICTIONARY and used[-1] == oracle.DELTA_BYTE_ARRAY
    assert used == sorted(used, reverse=True)
    file = check_oracle(write(columns, memory=3 * MIB, codec="none", compat="max"), columns)
    used = encodings(file, 0, 0)
    assert used[0] == oracle.RLE_DICTIONARY and used[-1] == oracle.PLAIN


ENCODINGS = {
    "plain": oracle.PLAIN,
    "dictionary": oracle.RLE_DICTIONARY,
    "delta": oracle.DELTA,
    "delta_length": oracle.DELTA_LENGTH,
    "delta_byte_array": oracle.DELTA_BYTE_ARRAY,
    "byte_stream_split": oracle.SPLIT,
    "rle": oracle.RLE,
}
INTEGERS = ["int16", "int32", "int64", "uint64", "date", "time", "timestamp", "timestamp_tz", "timestamp_ns", "decimal(9,2)", "decimal(18,4)"]
ARRAYS = ["string", "enum", "json", "binary", "interval"]
FIXED = ["uuid", "decimal(25,0)", "decimal(38,10)"]
FLOATS = ["float32", "float64"]
TYPES_OF = {
    "plain": ["bool", *INTEGERS, *FLOATS, *ARRAYS, *FIXED],
    "dictionary": [*INTEGERS, *FLOATS, *ARRAYS, *FIXED],
    "delta": INTEGERS,
    "delta_length": ARRAYS,
    "delta_byte_array": [*ARRAYS, *FIXED],
    "byte_stream_split": [*INTEGERS, *FLOATS, *FIXED],
    "rle": ["bool"],
}
# What a reader does not know, and why `default` leaves it out (docs/adr/0010-encodings.md).
UNKNOWN_TO = {
    "duckdb": {("byte_stream_split", kind) for kind in [*INTEGERS, *FIXED]},
    "polars": {(encoding, kind) for encoding in ("byte_stream_split", "delta_byte_array") for kind in FIXED},
}
NULLS = {
    "required": lambda i: False,
    "none": lambda i: False,
    "scattered": lambda i: i % 3 == 1,
    "stretches": lambda i: i // 70 % 2 == 1,
    "all": lambda i: True,
}


def varied(kind, n):
    """Edges, runs and counting values in turns: every miniblock has a width of its own."""
    edges, out = rows.edge_values(kind), []
    for i in range(n):
        if i % 400 < 100 or kind not in (*INTEGERS, "string"):
            out.append(edges[i * 7 % len(edges)])
        elif kind == "string":
            out.append(f"shared/beginning/{i // 50}/{i}")
        elif kind.startswith("decimal"):
            out.append(f"{i}.25")
        else:
            out.append(str(i) if kind == "uint64" else i if kind != "int16" else i % 30000)
    return out


@pytest.mark.parametrize("n", [1, 129, 1500])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_type_in_every_encoding_with_nulls_of_every_pattern(write, encoding, n):
    columns = []
    for kind in TYPES_OF[encoding]:
        values = varied(kind, n)
        for pattern, is_null in NULLS.items():
            cut = [None if is_null(i) else v for i, v in enumerate(values)]
            columns.append({**column(f"{kind} {pattern}", kind, pattern != "required", cut), "encoding": encoding})
        lists = [None if i % 5 == 0 else [v] * (i % 3) for i, v in enumerate(values)]
        columns.append({**column(f"list of {kind}", f"list<{kind}>", True, lists), "encoding": encoding})
    path = write(columns, memory=512 * MIB)
    file = check_oracle(path, columns)
    for i, c in enumerate(columns):
        pages = file.chunk(0, i)[3]
        assert {p.encoding for p in pages if p.values} <= {ENCODINGS[encoding]}, c["name"]
    for name in readers.READERS:
        known = [c for c in columns if (encoding, kind_of(c)) not in UNKNOWN_TO.get(name, ())]
        if known:
            check_readers(path if known == columns else write(known, memory=512 * MIB), known, (name,))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_begins_anew_on_each_page(write, encoding):
    kind = {"rle": "bool", "byte_stream_split": "float64"}.get(encoding, TYPES_OF[encoding][-1])
    kind = "string" if encoding.startswith("delta_") else kind
    values = varied(kind, 41000)
    columns = [
        {**column(name, kind, True, [None if is_null(i) else v for i, v in enumerate(values)]), "encoding": encoding}
        for name, is_null in {"none": NULLS["none"], "first page": lambda i: i < 20000, "scattered": NULLS["scattered"]}.items()
    ]
    path = write(columns)
    file = check_oracle(path, columns)
    assert len(file.chunk(0, 0)[3]) == 3
    check_readers(path, columns)


def kind_of(c):
    return readers.element_of(c["type"]) if c["type"].startswith("list<") else c["type"]


@pytest.mark.parametrize("compat", ["max", "default", "modern"])
@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_compat_bounds_the_encodings_of_a_table(write, compat, codec):
    columns = rows.orders(42000)
    columns += [column("flags", "bool", True, [i // 3000 % 2 == 0 for i in range(42000)])]
    columns += [column("ratio", "float64", False, [rows.float_bits(1000 + i / 7) for i in range(42000)])]
    allowed = {
        "max": {oracle.PLAIN, oracle.RLE_DICTIONARY},
        "default": {oracle.PLAIN, oracle.RLE_DICTIONARY, oracle.DELTA, oracle.DELTA_LENGTH, oracle.DELTA_BYTE_ARRAY},
        "modern": set(ENCODINGS.values()),
    }[compat]
    path = write(columns, compat=compat, codec=codec)
    file = check_oracle(path, columns)
    used = {e for i in range(len(columns)) for e in encodings(file, 0, i)}
    assert used <= allowed
    assert (oracle.DELTA in used) == (compat != "max")
    if compat != "modern":  # modern may use what DuckDB does not know
        check_readers(path, columns)


# Traps that broke real readers: parquet-java, ClickHouse, polars, pyarrow each failed on one of these.


def test_pages_without_values_are_readable_in_every_encoding(write):
    for encoding, kinds in TYPES_OF.items():
        columns = [{**column(k, k, True, [None] * 20001), "encoding": encoding} for k in kinds]
        path = write(columns)
        check_oracle(path, columns)
        check_readers(path, columns)


def test_pages_of_long_values_never_pass_their_limit_in_any_encoding(write):
    texts = [chr(97 + i % 26) * (200000 if i % 3 else 10) for i in range(90)]
    for encoding in ("plain", "dictionary", "delta_length", "delta_byte_array"):
        columns = [{**column("t", "string", False, texts), "encoding": encoding}]
        path = write(columns)
        file = check_oracle(path, columns)
        for page in (p for g in range(len(file.groups)) for p in file.chunk(g, 0)[3]):
            assert len(page.values) == 1 or sum(map(len, page.values)) <= MIB
        check_readers(path, columns)


def test_int32_differences_stay_within_32_bits(write):
    ends = [-(2**31), 2**31 - 1]
    columns = [
        {**column("alternating", "int32", False, [ends[i % 2] for i in range(300)]), "encoding": "delta"},
        {**column("date", "date", False, [[-719162, 2932896][i % 2] for i in range(300)]), "encoding": "delta"},
        {**column("long", "int64", False, [[-(2**63), 2**63 - 1][i % 2] for i in range(300)]), "encoding": "delta"},
    ]
    path = write(columns)
    check_oracle(path, columns)  # asserts the widths
    check_readers(path, columns)


def prose(n):
    """n texts of about a kilobyte."""
    r = random.Random(13)
    words = ["".join(r.choices("abcdefghij", k=r.randrange(2, 9))) for _ in range(500)]
    return [" ".join(r.choices(words, k=150)) for _ in range(n)]


def pages_of_rows(file, leaf):
    """Rows of each data page of a leaf, one list for each row group."""
    return [[page.rows for page in file.chunk(group, leaf)[3]] for group in range(len(file.groups))]


def test_pages_of_long_texts_end_where_duckdb_begins_a_vector(write):
    texts = prose(22000)
    columns = [
        column("long", "string", False, texts),
        column("rare", "string", True, [text if i % 7 else None for i, text in enumerate(texts)]),
        column("other", "string", False, texts[::-1]),
        column("i", "int64", False, list(range(22000))),
    ]
    contents = set()
    for batch, threads in ([10**9], 0), ([100, 1], 0), ([3000, 77], 3):
        path = write(columns, batch=batch, threads=threads, memory=24 * MIB)
        contents.add(hashlib.sha256(open(path, "rb").read()).hexdigest())
    assert len(contents) == 1
    file = check_oracle(path, columns)
    for leaf in (0, 1, 2):
        groups = pages_of_rows(file, leaf)
        assert len(groups) > 1 and all(sum(rows) % 2048 == 0 for rows in groups[:-1]), groups
        assert all(n % 2048 == 0 for rows in groups for n in rows[:-1]), groups
    check_readers(path, columns, ("pyarrow", "duckdb", "polars"))


@pytest.mark.parametrize(
    "memory, n_long, n_bloom, threads",
    [(1, 2, 0, 0), (4, 3, 0, 0), (8, 3, 0, 1), (24, 3, 0, 0), (24, 3, 0, 1), (24, 3, 3, 3), (24, 9, 0, 1), (24, 9, 30, 1)],
)
def test_long_texts_stay_within_the_writers_memory(write, memory, n_long, n_bloom, threads):
    texts = prose(6500)
    columns = [column(f"long{i}", "string", False, texts[i:] + texts[:i]) for i in range(n_long)]
    columns += [column(f"i{i}", "int64", False, [k * (i + 7) for k in range(6500)]) for i in range(30)]
    bloom = [f"i{i}" for i in range(min(n_bloom, 30))]
    path = write(columns, memory=memory * MIB, bloom=bloom, threads=threads)
    # Beside the writer's memory, for each thread: usual pages under way, raw and compressed, and a context.
    assert write.report["peak"] <= memory * MIB + (1 + threads) * (memory * MIB // 8 + MIB + MIB // 4)
    assert pq.read_table(path, columns=["long1"]).column("long1").to_pylist() == columns[1]["values"]


def test_huge_values_get_pages_of_their_own(write):
    def text(i):
        return chr(97 + i % 26) * (5 * MIB if i % 40 == 20 else 10)

    columns = [
        column("big", "string", True, [None if i % 9 == 0 else text(i) for i in range(200)]),
        column("bin", "binary", False, ["ab" * (3 * MIB if i == 77 else 4) for i in range(200)]),
        column("list", "list<string>", True, [[text(i)] * (i % 3) for i in range(200)]),
        column("i", "int64", False, list(range(200))),
    ]
    path = write(columns)
    file = check_oracle(path, columns)
    for group in range(len(file.groups)):
        for page in file.chunk(group, 0)[3]:
            assert len(page.values) <= 1 or max(map(len, page.values)) < MIB
    check_readers(path, columns, ("pyarrow", "duckdb", "polars"))


def test_1600_columns_stay_within_the_memory_given(write):
    r = random.Random(3)
    kinds = [("int64", lambda: r.randrange(10**6)), ("string", lambda: f"value {r.randrange(10**4)}"), ("bool", lambda: r.random() < 0.5)]
    columns = []
    for i in range(1600):
        kind, make = kinds[i % len(kinds)]
        columns.append(column(f"c{i}", kind, True, [None if r.random() < 0.1 else make() for _ in range(3000)]))
    path = write(columns)
    assert write.report["peak"] <= 24 * MIB + 4 * MIB  # metadata of closed groups comes on top
    check_oracle(path, columns)
    check_readers(path, columns, ("pyarrow", "duckdb", "polars"))


@pytest.mark.parametrize("memory", [4 * MIB, 24 * MIB])
def test_the_writer_holds_no_more_than_it_was_given(write, memory):
    columns = rows.orders(60000)
    path = write(columns, memory=memory, repeat=4)
    assert write.report["peak"] <= memory + memory // 8 + MIB + MIB // 2  # pages being compressed and a context
    assert pq.ParquetFile(path).metadata.num_rows == 240000


NAMES = ["a.b.c", "with space", 'double"quote', "single'quote", "back\\slash", "новый", "🦀", "a`b", "select", "x" * 200, "list", "element", "%s", "{}", "line\nbreak"]


def test_names_of_every_kind_and_the_metadata_of_columns(write):
    columns = [column(n, "list<int32>" if i % 2 else "int32", True, [[i]] if i % 2 else [i]) for i, n in enumerate(NAMES)]
    path = write(columns)
    file = check_oracle(path, columns)
    check_readers(path, columns)
    import json

    for c in columns:
        described = json.loads(file.key_values["rivet.column." + c["name"]])
        assert described["native_type"] == c["type"] and described["fidelity"] == "exact" and described["type"]
    assert len(file.key_values) == len(columns)
    assert file.meta[6].startswith(b"rivet version ") and file.meta[6].endswith(b" (build release)")


def test_a_null_in_a_required_column_is_refused(write):
    with pytest.raises(RuntimeError, match="VALUE_MALFORMED.*'n'"):
        write([column("n", "int32", False, [1, None, 3])])


def test_incompressible_chunks_are_stored_as_they_are_and_others_packed(write):
    r = random.Random(9)
    columns = [
        column("key", "uuid", False, [r.randbytes(16).hex() for _ in range(30000)]),
        column("id", "int64", False, list(range(30000))),
        column("late", "string", True, [None if i < 20000 else f"some text {i} and more text" for i in range(30000)]),
    ]
    for codec, name in (("zstd", "ZSTD"), ("snappy", "SNAPPY"), ("gzip", "GZIP"), ("lz4", "LZ4")):
        path = write(columns, codec=codec)
        group = pq.ParquetFile(path).metadata.row_group(0)
        stored = [group.column(i).compression for i in range(3)]
        assert stored[0] == "UNCOMPRESSED" and stored[2] == name
        check_oracle(path, columns)
        check_readers(path, columns)


SPLITS = [[1], [7], [1024], [10**9], [3, 1, 4, 1, 5, 9, 2, 6, 1000, 20001, 1]]


def digests(write, columns, **options):
    out = set()
    for split in SPLITS:
        path = write(columns, batch=split, **options)
        out.add(hashlib.sha256(open(path, "rb").read()).hexdigest())
    return out


@pytest.mark.parametrize("memory", [1 * MIB, 2 * MIB, 24 * MIB])
def test_bytes_do_not_depend_on_how_rows_were_split_into_batches(write, memory):
    assert len(digests(write, rows.orders(42000), memory=memory)) == 1


def test_bytes_do_not_depend_on_batches_when_dictionaries_overflow_or_values_are_huge(write):
    r = random.Random(11)
    n = 30000
    columns = [
        column("s", "string", True, [None if i % 5 == 0 else f"{'x' * (i % 40)}{r.randrange(1 + i)}" for i in range(n)]),
        column("l", "list<string>", True, [[f"{r.randrange(1 + i)}"] * (i % 4) for i in range(n)]),
        column("h", "string", True, ["y" * (700000 if i % 9001 == 9000 else i % 3) for i in range(n)]),
        column("late", "int64", True, [None if i < 25000 else i * i % 997 for i in range(n)]),
    ]
    assert len(digests(write, columns, memory=3 * MIB)) == 1
    assert len(digests(write, columns)) == 1


def test_nan_and_zeros_in_every_mixture(write):
    nan, nzero, zero, one = "7ff8000000000000", rows.float_bits(-0.0), rows.float_bits(0.0), rows.float_bits(1.0)
    mixtures = {"nan": [nan], "nan null": [nan, None], "nan one": [nan, one], "zero": [zero], "nzero": [nzero],
                "zeros": [zero, nzero], "nan then one": [nan] * 20000 + [one] * 5, "null": [None]}
    n = 20005
    columns = [column(k, "float64", True, rows.cycle(v, n) if len(v) < 10 else v) for k, v in mixtures.items()]
    path = write(columns)
    check_oracle(path, columns)
    check_readers(path, columns)
    assert duckdb.execute(f"SELECT count(*) FROM '{path}' WHERE \"nan one\" = 1").fetchone() == (10002,)
    # NaN is larger than every number there; bounds without it would hide those rows
    assert duckdb.execute(f"SELECT count(*) FROM '{path}' WHERE \"nan one\" > 5").fetchone() == (n - 10002,)
    assert duckdb.execute(f"SELECT count(*) FROM '{path}' WHERE \"nan then one\" > 5").fetchone() == (20000,)
    assert duckdb.execute(f"SELECT count(*) FROM '{path}' WHERE \"zeros\" = 0").fetchone() == (n,)
    assert duckdb.execute(f"SELECT count(*) FROM '{path}' WHERE \"nzero\" >= 0").fetchone() == (n,)
    assert duckdb.execute(f"SELECT count(*) FROM '{path}' WHERE \"zero\" <= '-0.0'::DOUBLE").fetchone() == (n,)


def test_a_flipped_byte_in_any_page_is_noticed(write, tmp_path):
    columns = rows.orders(3000)[:4]
    data = bytearray(open(write(columns), "rb").read())
    file = oracle.File(write(columns))
    for i in range(len(columns)):
        meta = file.groups[0][1][i][3]
        at = meta[9] + meta[7] // 2 if 11 not in meta else meta[11] + meta[7] // 2
        broken = bytearray(data)
        broken[at] ^= 1
        path = tmp_path / "broken.parquet"
        path.write_bytes(broken)
        with pytest.raises(Exception):
            pq.read_table(path, page_checksum_verification=True)


# ---- Bloom filters ----


def bloom_columns(n):
    r = random.Random(33)
    dup = [r.randrange(500) for _ in range(n)]
    return [
        column("id", "int64", False, [i * 7919 % 2**40 - 2**20 for i in range(n)]),
        column("small", "int32", True, [None if i % 7 == 0 else d for i, d in enumerate(dup)]),
        column("day", "date", True, [None if i % 3 == 0 else d * 3 for i, d in enumerate(dup)]),
        column("email", "string", True, [None if i % 11 == 0 else f"user{i * 31}@example.com" for i in range(n)]),
        column("city", "string", False, [f"city {d}" for d in dup]),
        column("guid", "uuid", False, [r.randbytes(16).hex() for _ in range(n)]),
        column("wide", "decimal(30,2)", False, [rows.decimal_text(d * 10**20, 2) for d in dup]),
        column("cents", "decimal(9,2)", False, [rows.decimal_text(i, 2) for i in range(n)]),
        column("at", "timestamp_tz", False, [1_700_000_000_000_000 + i * 997 for i in range(n)]),
        column("late", "string", False, [f"v{i % 40}" if i < n // 2 else f"unique {i}" for i in range(n)]),
        column("real", "float64", True, [rows.float_bits(v) for v in rows.cycle([0.5, -0.0, 7.0, float("nan")], n)]),
        column("nothing", "string", True, [None] * n),
    ]


@pytest.mark.parametrize("options", [{}, {"memory": 2 * MIB}, {"codec": "none"}], ids=str)
def test_bloom_filters_hold_every_value_and_little_else(write, options):
    columns = bloom_columns(25000)
    names = [c["name"] for c in columns]
    path = write(columns, bloom=names, **options)
    file = check_oracle(path, columns)
    check_readers(path, columns)
    assert write.report["left"] == 0 and write.report["peak"] <= options.get("memory", 24 * MIB) + MIB
    for group in range(len(file.groups)):
        for i, name in enumerate(names):
            bloom = file.bloom(group, i)
            assert (bloom is None) == (name == "nothing")
            if bloom is None:
                continue
            absent = [f"absent {group} {k}".encode() for k in range(4000)]
            wrong = sum(bloom.may_hold(v) for v in absent)
            assert wrong <= 80, (name, wrong)  # 1 % and what chance adds
            distinct = len({v for p in file.chunk(group, i)[3] for v in p.values})
            assert len(bloom.bits) <= 32 or len(bloom.bits) * 8 <= distinct * 45, (name, distinct)


def test_bloom_filters_do_not_depend_on_batches(write):
    columns = bloom_columns(12000)
    names = [c["name"] for c in columns]
    assert len(digests(write, columns, memory=3 * MIB, bloom=names)) == 1


def test_more_filters_than_memory_allows_get_smaller_and_stay_true(write):
    columns = [column(f"c{i}", "string", False, [f"{i}-{k}" for k in range(20000)]) for i in range(40)]
    path = write(columns, memory=MIB, bloom=[c["name"] for c in columns])
    assert write.report["peak"] <= 2 * MIB
    check_oracle(path, columns)


def test_duckdb_finds_no_false_negative_and_excludes_what_is_not_there(write):
    columns = bloom_columns(20000)
    path = write(columns, bloom=["id", "email", "city", "small"])
    literals = {"id": str, "small": str, "email": "'{}'".format, "city": "'{}'".format}
    for c in columns:
        if c["name"] not in literals:
            continue
        spell = literals[c["name"]]
        present = sorted({v for v in c["values"] if v is not None}, key=str)[:60]
        for v in present:
            rows_found = duckdb.sql(f"SELECT bloom_filter_excludes FROM parquet_bloom_probe('{path}', '{c['name']}', {spell(v)})").fetchall()
            assert rows_found and not any(excluded for (excluded,) in rows_found), (c["name"], v)
        absent = [f"nobody {i}" if c["type"] == "string" else -(2**30) - i for i in range(60)]
        excluded = [
            duckdb.sql(f"SELECT bool_and(bloom_filter_excludes) FROM parquet_bloom_probe('{path}', '{c['name']}', {spell(v)})").fetchone()[0]
            for v in absent
        ]
        assert sum(excluded) >= 56, c["name"]


def test_clickhouse_filters_by_bloom_filters_alone_and_loses_no_row(write):
    columns = bloom_columns(20000)
    path = write(columns, bloom=["id", "email", "city", "small", "guid"], memory=2 * MIB)
    settings = (
        " SETTINGS input_format_parquet_bloom_filter_push_down = 1, input_format_parquet_filter_push_down = 0,"
        " input_format_parquet_page_filter_push_down = 0"
    )
    import chdb

    for name in ("id", "email", "city", "small"):
        c = next(c for c in columns if c["name"] == name)
        for v in [v for v in c["values"] if v is not None][:: len(c["values"]) // 25]:
            where = f"`{name}` = " + (f"'{v}'" if c["type"] == "string" else str(v))
            found = str(chdb.query(f"SELECT count() FROM file('{path}', Parquet) WHERE {where}" + settings, "TSV"))
            assert int(found) == c["values"].count(v), where
    assert int(str(chdb.query(f"SELECT count() FROM file('{path}', Parquet) WHERE email = 'nobody'" + settings, "TSV"))) == 0


@pytest.mark.parametrize("kind, says", [("list<int64>", "a list"), ("bool", "a boolean")])
def test_lists_and_booleans_get_no_filter(write, kind, says):
    with pytest.raises(RuntimeError, match=f"FORMAT_UNSUPPORTED.*'v'.*{says}"):
        write([column("v", kind, True, [None])], bloom=["v"])


def test_a_filter_for_a_column_that_is_not_there_is_refused(write):
    with pytest.raises(RuntimeError, match="CONFIG_VALUE.*'w'"):
        write([column("v", "int64", True, [None])], bloom=["w"])
