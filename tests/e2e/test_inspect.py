"""`rivet inspect` against files of four writers, and against what pyarrow says about the same files."""

import datetime as dt
import decimal
import json
import sqlite3
import uuid
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.program import Program

ROWS = 1000


def flat_table() -> pa.Table:
    n = range(ROWS)
    return pa.table(
        {
            "id": pa.array(n, pa.int64()),
            "small": pa.array([i % 100 - 50 for i in n], pa.int16()),
            "name": pa.array([None if i % 7 == 0 else f"näme {i % 13}" for i in n]),
            "price": pa.array([decimal.Decimal(i - 500) / 100 for i in n], pa.decimal128(10, 2)),
            "day": pa.array([dt.date(1969, 12, 1) + dt.timedelta(i) for i in n]),
            "at": pa.array([dt.datetime(2020, 1, 1) + dt.timedelta(seconds=i) for i in n], pa.timestamp("us")),
            "ratio": pa.array([i / 8 for i in n], pa.float64()),
            "raw": pa.array([bytes([i % 256, 7]) for i in n]),
            "ok": pa.array([i % 3 == 0 for i in n]),
        }
    )


def nested_table() -> pa.Table:
    return pa.table(
        {
            "tags": pa.array([["a", None], None, [], ["b"]], pa.list_(pa.string())),
            "deep": pa.array([[[1], []], [], None, [[2, 3], None]], pa.list_(pa.list_(pa.int32()))),
            "pair": pa.array([{"x": 1, "y": {"z": "q"}}, {"x": None, "y": None}, None, {"x": 4, "y": {"z": None}}]),
            "map": pa.array([[("k", 1), ("l", None)], [], None, [("m", 3)]], pa.map_(pa.string(), pa.int32())),
        }
    )


def by_pyarrow(path: Path, **options) -> Path:
    pq.write_table(flat_table(), path, row_group_size=400, **options)
    return path


def by_duckdb(path: Path) -> Path:
    db = duckdb.connect()
    db.register("t", flat_table())
    db.execute(f"COPY t TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    return path


def by_polars(path: Path) -> Path:
    pl.from_arrow(flat_table()).write_parquet(path, compression="lz4")
    return path


def by_rivet(program: Program) -> Path:
    db = sqlite3.connect(program.folder / "a.db")
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(20), price DECIMAL(10,2))")
    db.executemany("INSERT INTO t VALUES (?, ?, ?)", [(i, f"n{i % 5}", i) for i in range(ROWS)])
    db.commit()
    db.close()
    program.configure("sqlite://a.db", program.export("t")).run().ok()
    [path] = program.out.rglob("*.parquet")
    return path


@pytest.fixture(params=["rivet", "pyarrow", "pyarrow v2", "duckdb", "polars"])
def written(request, program: Program, tmp_path: Path) -> Path:
    path = tmp_path / "a.parquet"
    if request.param == "rivet":
        return by_rivet(program)
    if request.param == "duckdb":
        return by_duckdb(path)
    if request.param == "polars":
        return by_polars(path)
    if request.param == "pyarrow":
        return by_pyarrow(path)
    encodings = {
        "id": "DELTA_BINARY_PACKED",
        "name": "DELTA_LENGTH_BYTE_ARRAY",
        "raw": "DELTA_LENGTH_BYTE_ARRAY",
        "ratio": "BYTE_STREAM_SPLIT",
    }
    return by_pyarrow(
        path,
        data_page_version="2.0",
        compression="gzip",
        use_dictionary=["day"],
        column_encoding=encodings,
        write_page_index=True,
        write_page_checksum=True,
    )


def inspect(program: Program, path: Path, *options: str) -> dict:
    return json.loads(program.call("inspect", str(path), "--json", *options).ok().out)


def neutral(value):
    """A Python value as the sample's JSON has it."""
    if isinstance(value, dict):
        return {key: neutral(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [neutral(inner) for inner in value]
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, (dt.date, decimal.Decimal, uuid.UUID)):
        return str(value)
    return value.hex() if isinstance(value, bytes) else value


def test_counts_and_places_are_those_of_pyarrow(program, written):
    found, told = inspect(program, written), pq.ParquetFile(written).metadata
    assert found["file"]["rows"] == told.num_rows
    assert found["file"]["columns"] == len(found["schema"])
    assert found["file"]["leaves"] == told.num_columns
    assert found["file"]["created_by"] == told.created_by
    assert found["file"]["bytes"] == written.stat().st_size
    assert found["file"]["format_version"] == int(float(told.format_version)) or told.format_version == "1.0"
    assert len(found["row_groups"]) == told.num_row_groups
    for g, group in enumerate(found["row_groups"]):
        assert group["rows"] == told.row_group(g).num_rows
        for c, column in enumerate(group["columns"]):
            chunk = told.row_group(g).column(c)
            assert column["column"] == chunk.path_in_schema
            assert column["physical_type"] == chunk.physical_type
            assert column["codec"].replace("LZ4_RAW", "LZ4") == chunk.compression
            assert set(column["encodings"]) == set(chunk.encodings)
            assert column["values"] == chunk.num_values
            assert column["compressed_bytes"] == chunk.total_compressed_size
            assert column["uncompressed_bytes"] == chunk.total_uncompressed_size
            assert column["data_page_offset"] == chunk.data_page_offset
            assert (column["column_index"] is not None) == chunk.has_column_index


def test_statistics_are_those_of_pyarrow(program, written):
    found, told = inspect(program, written), pq.ParquetFile(written).metadata
    checked = 0
    for g, group in enumerate(found["row_groups"]):
        for c, column in enumerate(group["columns"]):
            statistics = told.row_group(g).column(c).statistics
            if statistics is None or not statistics.has_min_max:
                continue
            if statistics.has_null_count:
                assert column["statistics"]["null_count"] == statistics.null_count
            for bound in ("min", "max"):
                value = neutral(getattr(statistics, bound))
                shown = column["statistics"][bound]
                if isinstance(value, bool):
                    assert shown == str(value).lower()
                elif isinstance(value, (int, float)):
                    assert float(shown) == value
                else:
                    assert shown == value
                checked += 1
    assert checked > 0


def test_the_first_rows_are_those_of_pyarrow(program, written):
    rows = pq.read_table(written).slice(0, 50).to_pylist()
    assert inspect(program, written, "--rows", "50")["first_rows"] == neutral(rows)


def test_shared_prefixes_are_read(program, tmp_path):
    """Apart, for pyarrow 26 sums the lengths of such texts wrongly, which the verification would report."""
    encodings = {"name": "DELTA_BYTE_ARRAY", "raw": "DELTA_BYTE_ARRAY"}
    path = by_pyarrow(tmp_path / "a.parquet", use_dictionary=False, column_encoding=encodings)
    assert inspect(program, path, "--rows", "1000")["first_rows"] == neutral(flat_table().to_pylist())


def test_rows_continue_in_the_next_row_group(program, tmp_path):
    path = by_pyarrow(tmp_path / "a.parquet")
    rows = inspect(program, path, "--rows", "1000")["first_rows"]
    assert [row["id"] for row in rows] == list(range(ROWS))
    assert inspect(program, path, "--rows", "0")["first_rows"] == []


def test_a_sound_file_is_verified(program, written):
    found = inspect(program, written, "--verify", "--rows", "0")["verification"]
    assert found["findings"] == [] and found["findings_total"] == 0
    assert found["rows"] == pq.ParquetFile(written).metadata.num_rows and found["pages"] > 0


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_nested_columns_are_shown_as_json(program, tmp_path, version):
    path = tmp_path / "n.parquet"
    pq.write_table(nested_table(), path, data_page_version=version)
    rows = nested_table().to_pylist()
    for row in rows:
        row["map"] = None if row["map"] is None else [{"key": k, "value": v} for k, v in row["map"]]
    assert inspect(program, path)["first_rows"] == rows
    text = program.call("inspect", str(path)).ok().text
    assert '["a", null]' in text and '{"x": 1, "y": {"z": "q"}}' in text and "[[1], []]" in text


def test_types_that_rivet_does_not_write_are_named_and_shown(program, tmp_path):
    table = pa.table(
        {
            "u8": pa.array([255], pa.uint8()),
            "u64": pa.array([2**64 - 1], pa.uint64()),
            "half": pa.array([1.5], pa.float16()),
            "ms": pa.array([dt.time(1, 2, 3, 4000)], pa.time32("ms")),
            "ns": pa.array([1], pa.timestamp("ns", tz="UTC")),
            "nan": pa.array([float("nan")]),
            "inf": pa.array([float("-inf")]),
            "none": pa.array([None], pa.null()),
            "fixed": pa.array([b"\x00\xff"], pa.binary(2)),
        }
    )
    path = tmp_path / "t.parquet"
    pq.write_table(table, path)
    found = inspect(program, path)
    assert found["first_rows"] == [
        {
            "u8": 255,
            "u64": 2**64 - 1,
            "half": "1.5",
            "ms": "01:02:03.004000",
            "ns": "1970-01-01T00:00:00.000000001Z",
            "nan": "NaN",
            "inf": "-inf",
            "none": None,
            "fixed": "00ff",
        }
    ]
    types = {field["name"]: (field["logical_type"], field["physical_type"]) for field in found["schema"]}
    assert types["u8"] == ("INTEGER(8, unsigned)", "INT32")
    assert types["ns"] == ("TIMESTAMP(NANOS, UTC)", "INT64")
    assert types["fixed"] == (None, "FIXED_LEN_BYTE_ARRAY(2)")


def test_what_rivet_noted_about_the_source_is_shown(program):
    path = by_rivet(program)
    fields = {field["name"]: field["rivet"] for field in inspect(program, path)["schema"]}
    assert fields["price"]["native_type"] == "DECIMAL(10,2)"
    assert fields["name"]["native_type"] == "VARCHAR(20)"
    text = program.call("inspect", str(path)).ok().text
    assert "SOURCE TYPE" in text and "DECIMAL(10,2)" in text


def test_bounds_are_those_of_all_row_groups_together(program, tmp_path):
    path = by_pyarrow(tmp_path / "a.parquet")
    lines = program.call("inspect", str(path), "--rows", "0").ok().text.split("Columns\n")[1].splitlines()
    columns = {line.split()[0]: line for line in lines if line.strip()}
    assert " 0  " in columns["id"] and " 999 " in columns["id"]
    assert " -5.00 " in columns["price"] and " 4.99 " in columns["price"]
    assert " 1969-12-01 " in columns["day"] and " 1972-08-26 " in columns["day"]
    assert " 143 " in columns["name"] and '"näme 0"' in columns["name"]


HOSTILE = ["a.b", "", "with space", 'quo"te', "new\nline", "\x1b[31mred", "ünï", "x" * 300, "\u202eevil", "\x85c1"]


def assert_harmless(text: str) -> None:
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in text.replace("\n", ""))


def test_hostile_names_and_values_reach_no_terminal(program, tmp_path):
    path = tmp_path / "h\x1b[31m.parquet"
    names = [name for name in HOSTILE if name]
    pq.write_table(pa.table({name: ["\x1b[2J\x07\x00\x9b", None] for name in names}), path)
    result = program.call("inspect", str(path)).ok()
    assert_harmless(result.text)
    for name in names:
        narrow = tmp_path / "narrow.parquet"
        pq.write_table(pa.table({name: ["\x1b[2J"]}), narrow)
        assert_harmless(program.call("inspect", str(narrow), "--verify").ok().text)
    assert "\\u001b[2J\\u0007\\u0000\\u009b" in result.text
    found = inspect(program, path)
    assert [field["name"] for field in found["schema"]] == names
    assert found["first_rows"][0][names[0]] == "\x1b[2J\x07\x00\x9b"
    assert found["file"]["path"] == str(path)


def test_a_thousand_columns_make_a_line_each(program, tmp_path):
    path = tmp_path / "w.parquet"
    pq.write_table(pa.table({f"c{i}": [i, None, i * 2] for i in range(1000)}), path)
    lines = program.call("inspect", str(path)).ok().text.splitlines()
    assert 3000 < len(lines) < 3100 and max(map(len, lines)) < 200
    assert len(inspect(program, path)["row_groups"][0]["columns"]) == 1000


def test_many_row_groups_are_not_all_listed(program, tmp_path):
    path = tmp_path / "g.parquet"
    pq.write_table(pa.table({"a": range(200)}), path, row_group_size=1)
    text = program.call("inspect", str(path)).ok().text
    assert "and 150 more" in text and len(text.splitlines()) < 90
    assert len(inspect(program, path)["row_groups"]) == 200


def test_a_file_without_rows_still_has_a_schema(program, tmp_path):
    path = tmp_path / "e.parquet"
    pq.write_table(flat_table().slice(0, 0), path)
    found = inspect(program, path)
    assert len(found["schema"]) == 9 and found["first_rows"] == [] and found["file"]["rows"] == 0
    assert "First rows" not in program.call("inspect", str(path)).ok().text


@pytest.mark.parametrize("options", [(), ("--json",), ("--json-errors",)], ids=" ".join)
def test_what_is_no_parquet_file_is_refused_with_its_path(program, tmp_path, options):
    for name, content in [("text", b"hello, this is no such file"), ("short", b"PAR1"), ("none", b"")]:
        path = tmp_path / name
        path.write_bytes(content)
        result = program.call("inspect", str(path), *options).failed(3, "RIVET_FILE_DAMAGED")
        assert str(path) in result.err and result.out == b""


def test_a_missing_file_and_a_folder_are_refused(program, tmp_path):
    assert "nothing.parquet" in program.call("inspect", "nothing.parquet").failed(1, "RIVET_IO").err
    assert str(tmp_path) in program.call("inspect", str(tmp_path)).failed(1, "RIVET_IO").err


def test_a_truncated_file_is_refused_at_every_length(program, tmp_path):
    path, data = tmp_path / "t.parquet", by_pyarrow(tmp_path / "a.parquet").read_bytes()
    for length in [3, 4, 8, 11, 12, 100, len(data) // 2, len(data) - 500, len(data) - 8, len(data) - 1]:
        path.write_bytes(data[:length])
        assert program.call("inspect", str(path)).failed(3, "RIVET_FILE_DAMAGED").out == b""
        result = program.call("inspect", "--verify", str(path)).failed(3, "RIVET_FILE_DAMAGED")
        assert "findings  1\n" in result.text


def test_an_encrypted_file_is_refused(program, tmp_path):
    path, data = tmp_path / "e.parquet", by_pyarrow(tmp_path / "a.parquet").read_bytes()
    path.write_bytes(b"PARE" + data[4:-4] + b"PARE")
    result = program.call("inspect", str(path)).failed(1, "RIVET_FILE_UNSUPPORTED")
    assert "encrypted" in result.err and str(path) in result.err


def test_a_flipped_bit_is_found_by_the_verification(program, tmp_path):
    path = by_pyarrow(tmp_path / "a.parquet", write_page_checksum=True, compression="none", use_dictionary=False)
    data, told = bytearray(path.read_bytes()), pq.ParquetFile(path).metadata.row_group(1).column(6)
    data[told.data_page_offset + told.total_compressed_size // 2] ^= 1
    path.write_bytes(data)
    result = program.call("inspect", "--verify", str(path)).failed(3, "RIVET_FILE_DAMAGED")
    assert "row group 1, column ratio" in result.text
    found = json.loads(program.call("inspect", "--verify", "--json", str(path)).failed(3, "RIVET_FILE_DAMAGED").out)
    assert found["verification"]["findings_total"] >= 1
    assert found["verification"]["findings"][0]["row_group"] == 1
    assert found["first_rows"][0]["id"] == 0


def test_a_damaged_column_does_not_hide_the_others(program, tmp_path):
    path = by_pyarrow(tmp_path / "a.parquet", write_page_checksum=True, compression="none", use_dictionary=False)
    data, told = bytearray(path.read_bytes()), pq.ParquetFile(path).metadata.row_group(0).column(6)
    data[told.data_page_offset + told.total_compressed_size // 2] ^= 1
    path.write_bytes(data)
    result = program.call("inspect", "--json", str(path)).failed(3, "RIVET_FILE_DAMAGED")
    row = json.loads(result.out)["first_rows"][0]
    assert row["id"] == 0 and "ratio" not in row
    assert "ratio" in result.err


def test_a_huge_value_is_shown_by_its_beginning(release: Program, tmp_path: Path):
    """As any long value is. In JSON, which has values whole, its cell is left out, and the error names it."""
    path = tmp_path / "a.parquet"
    text = "größe" * 10_000_000
    table = pa.table({"id": [1, 2], "v": ["small", text], "l": [["a"], ["b", text]]})
    pq.write_table(table, path, use_dictionary=False)
    shown = release.call("inspect", str(path), "--rows", "2").ok().out.decode()
    row = shown.splitlines()[-1]
    assert row.split("  ")[-2:] == [f'"{text[:38]}…', f'["b", "{text[:32]}…'], row
    result = release.call("inspect", str(path), "--json")
    assert result.rc == 1 and "RIVET_LIMIT_EXCEEDED" in result.err, result.err
    assert "in row 1" in result.err and "column v" in result.err and "--json" in result.err, result.err
    rows = json.loads(result.out)["first_rows"]
    assert rows[0] == {"id": 1, "v": "small", "l": ["a"]} and rows[1] == {"id": 2}


def test_mutations_of_the_footer_never_crash(program, tmp_path):
    data = by_pyarrow(tmp_path / "a.parquet").read_bytes()
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    path = tmp_path / "m.parquet"
    for step in range(40):
        changed = bytearray(data)
        changed[footer + step * 97 % (len(data) - 8 - footer)] ^= 1 << step % 8
        path.write_bytes(changed)
        result = program.call("inspect", "--verify", str(path))
        assert result.rc in (0, 1, 3), result.err
