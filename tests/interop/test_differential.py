"""Random tables through random settings of the writer: every reader finds the rows, and only rows decide about bytes.

A failure prints the seed; RIVET_SEED=n shifts all of them."""

import hashlib
import os
import random

import pytest

import oracle
import readers
import rows
from compare import check_oracle, check_readers
from rows import column

MIB = 1 << 20
FIRST_SEED = int(os.environ.get("RIVET_SEED", "0"))
TABLES = 12
COLUMNS = 7

CODECS = ("none", "zstd", "snappy", "gzip", "lz4")
LEVELS = {"zstd": (1, 3, 9), "gzip": (1, 6)}
COMPATS = ("max", "default", "modern")
INTEGERS = ("int16", "int32", "int64", "uint64", "date", "time", "timestamp", "timestamp_tz", "timestamp_ns",
            "timestamp_tz_ns")
ENCODINGS = {  # Encodings.md, "Supported Encodings", by what a column is
    "integer": ("plain", "dictionary", "delta", "byte_stream_split"),
    "float": ("plain", "dictionary", "byte_stream_split"),
    "bytes": ("plain", "dictionary", "delta_length", "delta_byte_array"),
    "fixed": ("plain", "dictionary", "delta_byte_array", "byte_stream_split"),
    "bool": ("plain", "rle"),
}
DELTA_BYTE_ARRAY, BYTE_STREAM_SPLIT = 7, 9
# (encoding, physical types) that a reader does not know; found by asking it for files of other writers as well.
UNKNOWN_TO = {
    "duckdb": {BYTE_STREAM_SPLIT: {oracle.INT32, oracle.INT64, oracle.FIXED}},
    "polars": {BYTE_STREAM_SPLIT: {oracle.FIXED}, DELTA_BYTE_ARRAY: {oracle.FIXED}},
}


def scalar(kind):
    return readers.element_of(kind) if kind.startswith("list<") else kind


def family(kind):
    kind = scalar(kind)
    digits = int(kind[8:].split(",")[0]) if kind.startswith("decimal") else 0
    if kind in INTEGERS or 0 < digits <= 18:
        return "integer"
    if kind == "uuid" or digits:
        return "fixed"
    return "bool" if kind == "bool" else "float" if kind.startswith("float") else "bytes"


def pool_of(r, kind, n):
    """Edge values, or numbers of few or many digits that rise, repeat or jump."""
    if r.random() < 0.5 or kind not in ("string", "binary", "int32", "int64", "timestamp", "decimal(9,2)", "decimal(38,10)"):
        return rows.edge_values(kind)
    numbers = [r.randrange(10 ** r.randrange(1, 7)) for _ in range(n)]
    if r.random() < 0.5:
        numbers.sort()
    make = {"string": lambda v: f"key/{v // 1000}/{v}", "binary": lambda v: v.to_bytes(4, "big").hex(),
            "decimal(9,2)": str, "decimal(38,10)": str}
    return [make.get(kind, int)(v) for v in numbers]


def random_column(r, name, n):
    """Any type; NULLs scattered or in stretches; values in the order of their pool or at random; sometimes lists."""
    kind = r.choice(rows.SCALARS)
    pool, in_order = pool_of(r, kind, n), r.random() < 0.5
    share, stretch = r.choice([0, 0, 0.01, 0.5, 0.99, 1]), r.choice([1, 9, 70, 1000])
    values, null = [], False
    for i in range(n):
        if i % stretch == 0:
            null = r.random() < share
        values.append(None if null else pool[i % len(pool)] if in_order else r.choice(pool))
    if r.random() < 0.3:
        lists = [None if v is None and r.random() < 0.5 else [v] * r.choice([0, 1, 2, 9]) for v in values]
        return column(name, f"list<{kind}>", True, lists)
    return column(name, kind, share > 0 or r.random() < 0.3, values)


def random_export(r, columns):
    codec = r.choice(CODECS)
    export = {"compression": codec}
    if codec in LEVELS and r.random() < 0.5:
        export["compression_level"] = r.choice(LEVELS[codec])
    parquet = {"compat": r.choice(COMPATS)}
    chosen = {c["name"]: r.choice(ENCODINGS[family(c["type"])]) for c in columns if r.random() < 0.5}
    parquet.update({"encoding": chosen} if chosen else {})
    parquet["bloom"] = [c["name"] for c in columns if family(c["type"]) != "bool" and "list" not in c["type"]][:3]
    return {**export, "parquet": parquet}


def readable(name, columns, file):
    """The columns in whose pages there is nothing that the reader does not know."""
    unknown = UNKNOWN_TO.get(name, {})
    able = []
    for i, c in enumerate(columns):
        used = {p.encoding for group in range(len(file.groups)) for p in file.chunk(group, i)[3]}
        if not any(file.leaves[i].physical in unknown.get(encoding, ()) for encoding in used):
            able.append(c)
    return able


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + TABLES))
def test_random_tables_read_back_and_only_rows_decide_about_bytes(write, seed):
    r = random.Random(seed)
    n = r.choice([1, 100, 3000, 3000, 21000])
    columns = [random_column(r, f"c{i}", n) for i in range(COLUMNS)]
    options = {"memory": r.choice([1, 4, 24]) * MIB, "export": random_export(r, columns)}
    print(f"seed {seed}: {n} rows, {options}")
    ways = [([10**9], 0), ([r.randrange(1, 200) for _ in range(50)], 0), ([r.randrange(1, 5000) for _ in range(9)], 3)]
    digests = set()
    for batch, threads in ways:
        path = write(columns, batch=batch, threads=threads, **options)
        digests.add(hashlib.sha256(open(path, "rb").read()).hexdigest())
        assert write.report["left"] == 0
    assert len(digests) == 1
    file = check_oracle(path, columns)
    for name in readers.READERS:
        able = columns if name not in UNKNOWN_TO else readable(name, columns, file)
        if able:
            check_readers(path, able, (name,))
