"""Rivet's reader against the readers of other programs: the same file, value by value.

parquet_dump (parquet_dump.c) prints every leaf's levels and values; rows are put together here, from the schema alone,
and compared with what pyarrow hands out. RIVET_PARQUET_DUMP names another program than the one that is built."""

import datetime
import decimal
import itertools
import json
import os
import pathlib
import random
import struct
import subprocess
import uuid

import chdb
import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DUMP = pathlib.Path(
    os.environ.get("RIVET_PARQUET_DUMP") or ROOT / "build" / "asan" / "tests" / "conformance" / "parquet_dump"
)


def run(path, *options):
    assert DUMP.exists(), f"{DUMP} is not built; scripts/test.sh builds it, or set RIVET_PARQUET_DUMP"
    done = subprocess.run([DUMP, *options, path], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def findings(path):
    return [f"{f['check']}: {f['text']}" for f in run(path, "--verify")[0]["findings"]]


# ---- rows from levels: the other direction of the Dremel paper, for any nesting ----


class Node:
    """An Arrow field as Parquet nests it: its definition level when present, and the repetition level of its items."""

    def __init__(self, field, define, repeat):
        self.type, self.nullable = field.type, field.nullable
        self.define = define + (1 if field.nullable else 0)
        self.repeat, self.children = repeat, []
        kind = field.type
        if pa.types.is_map(kind):
            entry = (self.define + 1, self.repeat + 1)
            self.children = [Node(kind.key_field, *entry), Node(kind.item_field, *entry)]
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
            self.children = [Node(kind.value_field, self.define + 1, self.repeat + 1)]
        elif pa.types.is_struct(kind):
            self.children = [Node(kind.field(i), self.define, self.repeat) for i in range(kind.num_fields)]

    def leaves(self):
        return [self] if not self.children else [leaf for child in self.children for leaf in child.leaves()]

    def build(self, streams):
        """One value from the front of the leaves' streams, each a list of (rep, def, value)."""
        if streams[0][0][1] < self.define:
            for stream in streams:
                stream.pop(0)
            return None
        if not self.children:
            return streams[0].pop(0)[2]
        if pa.types.is_struct(self.type):
            return self.build_struct(streams)
        items = []
        if streams[0][0][1] == self.define:  # empty
            for stream in streams:
                stream.pop(0)
            return items
        while True:
            items.append(self.build_item(streams))
            if not streams[0] or streams[0][0][0] < self.repeat + 1:
                return items

    def build_item(self, streams):
        if pa.types.is_map(self.type):
            return tuple(self.split(streams))
        return self.children[0].build(streams)

    def split(self, streams):
        at, values = 0, []
        for child in self.children:
            n = len(child.leaves())
            values.append(child.build(streams[at : at + n]))
            at += n
        return values

    def build_struct(self, streams):
        return dict(zip([self.type.field(i).name for i in range(self.type.num_fields)], self.split(streams)))


def assembled(path):
    """The table's columns as lists of rows, values as text."""
    schema = pq.ParquetFile(path).schema_arrow
    lines = [line for line in run(path) if "path" in line]
    columns = {}
    for group, of_group in itertools.groupby(lines, key=lambda line: line["row_group"]):
        of_group, at = list(of_group), 0
        for field in schema:
            node = Node(field, 0, 0)
            leaves = node.leaves()
            streams = []
            for leaf, line in zip(leaves, of_group[at : at + len(leaves)]):
                values = iter(line["values"])
                most = leaf.define
                streams.append(
                    [(r, d, next(values) if d == most else None) for r, d in zip(line["rep"], line["def"])]
                )
                assert next(values, None) is None
            at += len(leaves)
            rows = columns.setdefault(field.name, [])
            while streams[0]:
                rows.append(node.build(streams))
            assert not any(streams), field.name
    return columns


def float_text(value, single):
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "inf" if value > 0 else "-inf"
    return value


def clock(value, ns):
    text = value.isoformat() if not ns else str(value).replace(" ", "T")
    return text


def texts(kind, value):
    """A value of pyarrow's as rv_parquet_value_text() prints it."""
    if value is None:
        return None
    if pa.types.is_map(kind):
        return [(texts(kind.key_type, k), texts(kind.item_type, v)) for k, v in value]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return [texts(kind.value_type, v) for v in value]
    if pa.types.is_struct(kind):
        return {kind.field(i).name: texts(kind.field(i).type, value[kind.field(i).name]) for i in range(kind.num_fields)}
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return str(value)


def same(kind, ours, theirs):
    """Floats and times are compared as values: their text is the business of other tests."""
    if ours is None or theirs is None:
        return ours is theirs
    if pa.types.is_map(kind):
        return len(ours) == len(theirs) and all(
            same(kind.key_type, a[0], b[0]) and same(kind.item_type, a[1], b[1]) for a, b in zip(ours, theirs)
        )
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return len(ours) == len(theirs) and all(same(kind.value_type, a, b) for a, b in zip(ours, theirs))
    if pa.types.is_struct(kind):
        return all(
            same(kind.field(i).type, ours[kind.field(i).name], theirs[kind.field(i).name])
            for i in range(kind.num_fields)
        )
    if pa.types.is_floating(kind):
        theirs = float(theirs)
        if pa.types.is_float16(kind):  # printed as the shortest text of a single
            return struct.pack("<f", float(ours)) == struct.pack("<f", theirs) or theirs != theirs
        return theirs != theirs if ours == "NaN" else float(ours) == theirs
    if pa.types.is_timestamp(kind):
        scalar = pa.scalar(theirs, kind) if not isinstance(theirs, pa.Scalar) else theirs
        text = ours.rstrip("Z")
        fraction = text.partition(".")[2].ljust(9, "0")
        moment = datetime.datetime.fromisoformat(text.partition(".")[0]) - datetime.datetime(1970, 1, 1)
        ns = (moment.days * 86400 + moment.seconds) * 10**9 + int(fraction)
        return ns == scalar.cast(pa.timestamp("ns", kind.tz)).value
    if pa.types.is_time(kind):
        return datetime.time.fromisoformat(ours) == theirs
    return ours == texts(kind, theirs)


def check(path, **options):
    ours = assembled(path)
    table = pq.read_table(path, use_threads=False, **options)
    assert list(ours) == table.column_names
    for name in table.column_names:
        column = table.column(name)
        theirs = [v if pa.types.is_timestamp(column.type) else v.as_py() for v in column]
        if pa.types.is_timestamp(column.type):
            theirs = [v if v.is_valid else None for v in theirs]
        assert len(ours[name]) == len(theirs), name
        for row, (a, b) in enumerate(zip(ours[name], theirs)):
            assert same(column.type, a, b), f"{name}[{row}]: {a!r} is not {b!r}"
    return table


def mixed(n=3000, seed=1):
    rng = random.Random(seed)

    def some(make, nulls=0.2):
        return [None if rng.random() < nulls else make() for _ in range(n)]

    words = ["", "a", "zürich", "日本語", "x" * 300, "line\nbreak", "🙂"]
    day = datetime.date(2000, 1, 1)
    moment = datetime.datetime(2000, 1, 1)
    return pa.table(
        {
            "b": pa.array(some(lambda: rng.random() < 0.5), pa.bool_()),
            "i8": pa.array(some(lambda: rng.randint(-128, 127)), pa.int8()),
            "u8": pa.array(some(lambda: rng.randint(0, 255)), pa.uint8()),
            "i16": pa.array(some(lambda: rng.randint(-(2**15), 2**15 - 1)), pa.int16()),
            "u16": pa.array(some(lambda: rng.randint(0, 2**16 - 1)), pa.uint16()),
            "i32": pa.array(some(lambda: rng.randint(-(2**31), 2**31 - 1)), pa.int32()),
            "u32": pa.array(some(lambda: rng.randint(0, 2**32 - 1)), pa.uint32()),
            "i64": pa.array(some(lambda: rng.choice([0, 1, rng.randint(-(2**63), 2**63 - 1)])), pa.int64()),
            "u64": pa.array(some(lambda: rng.randint(0, 2**64 - 1)), pa.uint64()),
            "key": pa.array(range(n), pa.int64()),
            "f": pa.array(some(lambda: rng.choice([0.0, -0.0, 1.5, float("nan"), float("-inf")])), pa.float32()),
            "d": pa.array(some(lambda: rng.gauss(0, 1e100)), pa.float64()),
            "s": pa.array(some(lambda: rng.choice(words)), pa.string()),
            "u": pa.array([str(uuid.UUID(int=rng.getrandbits(128))) for _ in range(n)], pa.string()),
            "bin": pa.array(some(lambda: rng.randbytes(rng.randint(0, 40))), pa.binary()),
            "fixed": pa.array(some(lambda: rng.randbytes(7)), pa.binary(7)),
            "dec5": pa.array(some(lambda: decimal.Decimal(rng.randint(-99999, 99999)).scaleb(-2)), pa.decimal128(5, 2)),
            "dec38": pa.array(
                some(lambda: decimal.Decimal(rng.randint(-(10**37), 10**37)).scaleb(-10)), pa.decimal128(38, 10)
            ),
            "date": pa.array(some(lambda: day + datetime.timedelta(rng.randint(-700000, 2000000))), pa.date32()),
            "t_ms": pa.array(some(lambda: datetime.time(rng.randint(0, 23), 1, 2, 3000)), pa.time32("ms")),
            "t_us": pa.array(some(lambda: datetime.time(rng.randint(0, 23), 1, 2, 999999)), pa.time64("us")),
            "ts_ms": pa.array(some(lambda: moment + datetime.timedelta(rng.randint(-9999, 9999))), pa.timestamp("ms")),
            "ts_us": pa.array(
                some(lambda: moment + datetime.timedelta(microseconds=rng.randint(-(4 * 10**15), 4 * 10**15))),
                pa.timestamp("us", "UTC"),
            ),
            "ts_ns": pa.array(some(lambda: rng.randint(-(10**18), 10**18)), pa.timestamp("ns")),
            "ints": pa.array(some(lambda: [rng.choice([None, 7, 8]) for _ in range(rng.randint(0, 4))]), pa.list_(pa.int32())),
            "texts": pa.array(some(lambda: [rng.choice(words) for _ in range(rng.randint(0, 3))]), pa.list_(pa.string())),
            "nothing": pa.array([None] * n, pa.null()),
        }
    )


def nested(n=2000, seed=2):
    rng = random.Random(seed)

    def maybe(value):
        return None if rng.random() < 0.2 else value

    def matrix():
        return maybe([maybe([maybe(rng.randint(0, 9)) for _ in range(rng.randint(0, 3))]) for _ in range(rng.randint(0, 3))])

    def point():
        return maybe({"x": maybe(1.5), "y": maybe({"z": maybe("deep")}), "tags": maybe([maybe("t")] * rng.randint(0, 2))})

    def mapping():
        return maybe([(f"k{i}", maybe([i] * rng.randint(0, 2))) for i in range(rng.randint(0, 3))])

    inner = pa.struct([("x", pa.float64()), ("y", pa.struct([("z", pa.string())])), ("tags", pa.list_(pa.string()))])
    return pa.table(
        {
            "matrix": pa.array([matrix() for _ in range(n)], pa.list_(pa.list_(pa.int32()))),
            "point": pa.array([point() for _ in range(n)], inner),
            "points": pa.array([maybe([point() for _ in range(rng.randint(0, 2))]) for _ in range(n)], pa.list_(inner)),
            "map": pa.array([mapping() for _ in range(n)], pa.map_(pa.string(), pa.list_(pa.int64()))),
        }
    )


WRITERS = {
    "defaults": {},
    "V2 pages": {"data_page_version": "2.0"},
    "small pages, index, checksums": {
        "data_page_size": 500,
        "write_batch_size": 50,
        "write_page_index": True,
        "write_page_checksum": True,
    },
    "small V2 pages, row groups": {"data_page_size": 900, "data_page_version": "2.0", "row_group_size": 700},
    "no dictionary": {"use_dictionary": False},
    "dictionary overflow": {"dictionary_pagesize_limit": 300, "data_page_size": 1000, "write_batch_size": 64},
    "integer decimals": {"store_decimal_as_integer": True},
    "format 1.0": {"version": "1.0"},
}


@pytest.mark.parametrize("options", WRITERS.values(), ids=WRITERS.keys())
@pytest.mark.parametrize("table", [mixed, nested], ids=["flat", "nested"])
def test_files_of_pyarrow_are_read_value_by_value(tmp_path, options, table):
    path = str(tmp_path / "a.parquet")
    rows = table()
    if options.get("version") == "1.0" and "ts_ns" in rows.column_names:
        rows = rows.drop_columns("ts_ns")  # that version has no nanoseconds
    pq.write_table(rows, path, **options)
    check(path)
    assert findings(path) == []


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "brotli", "zstd", "lz4"])
@pytest.mark.parametrize("page", ["1.0", "2.0"])
def test_every_codec_is_read(tmp_path, codec, page):
    path = str(tmp_path / "a.parquet")
    pq.write_table(mixed(1000), path, compression=codec, data_page_version=page)
    check(path)
    assert findings(path) == []


ENCODINGS = {
    "DELTA_BINARY_PACKED": ["i32", "i64", "key", "date", "ts_us"],
    "DELTA_LENGTH_BYTE_ARRAY": ["s", "u", "bin"],
    "DELTA_BYTE_ARRAY": ["s", "u", "bin", "fixed"],
    "BYTE_STREAM_SPLIT": ["i32", "i64", "f", "d", "fixed"],
    "RLE": ["b"],
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_is_read(tmp_path, encoding):
    path = str(tmp_path / "a.parquet")
    names = ENCODINGS[encoding]
    pq.write_table(
        mixed(5000).select(names),
        path,
        use_dictionary=False,
        column_encoding={name: encoding for name in names},
        data_page_size=4000,
    )
    meta = pq.ParquetFile(path).metadata.row_group(0)
    assert all(encoding in meta.column(i).encodings for i in range(len(names)))
    check(path)
    # pyarrow 21 counts the bytes that DELTA_BYTE_ARRAY stores, not those of the values.
    wrong = "sizes: unencoded_byte_array_data_bytes" if encoding == "DELTA_BYTE_ARRAY" else ()
    assert [f for f in findings(path) if not wrong or not f.startswith(wrong)] == []


def test_int96_timestamps_are_read(tmp_path):
    path = str(tmp_path / "a.parquet")
    values = [0, -1, 10**18 + 1, None, -(9 * 10**18)]
    pq.write_table(pa.table({"t": pa.array(values, pa.timestamp("ns"))}), path, use_deprecated_int96_timestamps=True)
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).physical_type == "INT96"
    check(path)
    assert findings(path) == []


def test_half_floats_are_read(tmp_path):
    import numpy

    path = str(tmp_path / "a.parquet")
    values = [numpy.float16(v) for v in (0, 1.5, -2, 65504, 6e-8, float("inf"), float("nan"))]
    pq.write_table(pa.table({"h": pa.array(values, pa.float16())}), path)
    check(path)
    assert findings(path) == []


def test_columns_of_rivets_types_become_rows(tmp_path):
    path = str(tmp_path / "a.parquet")
    table = mixed(2500).select(["key", "s", "dec38", "ints", "texts", "u32", "t_ms", "b"])
    pq.write_table(table, path, data_page_size=700, write_batch_size=30, row_group_size=1001)
    types, rows = {}, {}
    for line in run(path):
        if "field" in line:
            types[line["field"]] = line["type"]
            rows.setdefault(line["field"], []).extend(line["rows"])
    assert types == {
        "key": "int64", "s": "string", "dec38": "decimal(38,10)", "ints": "list<int32>", "texts": "list<string>",
        "u32": "int64", "t_ms": "time", "b": "bool",
    }  # fmt: skip
    expected = table.to_pydict()
    for name in ("key", "s", "dec38", "u32", "b"):
        assert rows[name] == [texts(table.schema.field(name).type, v) for v in expected[name]], name
    for name in ("ints", "texts"):
        assert [None if v is None else json.loads(v) for v in rows[name]] == expected[name], name
    assert [None if v is None else datetime.time.fromisoformat(v) for v in rows["t_ms"]] == expected["t_ms"]


def test_files_of_duckdb_are_read(tmp_path):
    for version in ("v1", "v2"):
        path = str(tmp_path / f"{version}.parquet")
        duckdb.sql(
            f"""COPY (SELECT i, i % 7 AS k, 'row ' || (i % 100) AS s, i::DOUBLE / 3 AS d, i % 2 = 0 AS b,
                    CASE WHEN i % 5 = 0 THEN NULL ELSE i::DECIMAL(18, 3) END AS n, DATE '2000-01-01' + i::INT AS day,
                    [i, NULL, i + 1] AS l, {{'a': i, 'b': [i]}} AS st, MAP {{i: 'x'}} AS m
                FROM range(5000) t(i)) TO '{path}' (FORMAT parquet, PARQUET_VERSION {version}, ROW_GROUP_SIZE 2048)"""
        )
        check(path)
        assert findings(path) == []


@pytest.mark.parametrize("codec", ["uncompressed", "snappy", "gzip", "zstd", "lz4"])
def test_files_of_polars_are_read(tmp_path, codec):
    path = str(tmp_path / "a.parquet")
    frame = polars.DataFrame(
        {
            "i": range(3000),
            "s": [f"row {i % 50}" if i % 3 else None for i in range(3000)],
            "l": [[i, None] if i % 4 else None for i in range(3000)],
            "f": [i / 7 for i in range(3000)],
        }
    )
    frame.write_parquet(path, compression=codec, data_page_size=2000, row_group_size=1100)
    check(path)
    # polars 1.x gives each page of a chunk the whole chunk's NULL count, and the chunk their sum.
    assert [f for f in findings(path) if "null_count is" not in f] == []


@pytest.mark.parametrize("codec", ["none", "snappy", "zstd", "lz4", "brotli"])
def test_files_of_clickhouse_are_read(tmp_path, codec):
    path = str(tmp_path / "a.parquet")
    chdb.query(
        f"""INSERT INTO FUNCTION file('{path}', Parquet) SELECT number AS i, toString(number % 90) AS s,
            if(number % 3 = 0, NULL, number) AS n, [number, number + 1] AS l, toDecimal64(number, 2) AS d
            FROM numbers(5000) SETTINGS output_format_parquet_compression_method='{codec}',
            output_format_parquet_row_group_size=2000"""
    )
    check(path)
    assert findings(path) == []


def test_files_without_rows_or_columns_are_read(tmp_path):
    path = str(tmp_path / "a.parquet")
    pq.write_table(mixed(10).slice(0, 0), path)
    assert findings(path) == [] and run(path, "--verify")[0]["rows"] == 0
    pq.write_table(pa.table({}), path)
    assert findings(path) == []


def test_a_column_of_rivets_types_has_the_digest_of_its_rows_whoever_wrote_it(tmp_path):
    ours, theirs = str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")
    table = mixed(4000).drop_columns(["nothing", "t_ms"])
    pq.write_table(table, ours, data_page_size=300, write_batch_size=20, row_group_size=999)
    pq.write_table(table.take(list(reversed(range(4000)))), theirs, compression="zstd", use_dictionary=False)
    digests = run(ours, "--verify")[0]["digests"]
    assert len(digests) == table.num_columns and digests == run(theirs, "--verify")[0]["digests"]


def test_a_bloom_filter_of_duckdb_holds_every_value(tmp_path):
    path = str(tmp_path / "a.parquet")
    duckdb.sql(f"COPY (SELECT i % 1000 AS k FROM range(50000) t(i)) TO '{path}' (FORMAT parquet)")
    assert duckdb.sql(f"SELECT bloom_filter_offset FROM parquet_metadata('{path}')").fetchone()[0] is not None
    assert findings(path) == []
