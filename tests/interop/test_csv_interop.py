"""CSV files read by programs that share no code with the writer: Python's csv module, DuckDB, psql, pandas, MariaDB.

The files come from csv_emit (csv_emit.c), which meson builds; RIVET_CSV_EMIT names another one.
psql works on the server in RIVET_TEST_PG_URL, or on one that is started for these tests.
"""
import csv
import datetime
import decimal
import gzip
import io
import os
import random
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas
import pytest

from support.account import REPOSITORY, temp_base
from support.servers import MARIADB, MysqlServer, PostgresServer

CSV_EMIT = Path(os.environ.get("RIVET_CSV_EMIT")
                or REPOSITORY / "build" / "asan" / "tests" / "conformance" / "csv_emit")
SECONDS = 60

# What breaks readers: every special byte of CSV, the null texts in use, blanks, other languages, a NUL.
PIECES = [",", ";", "\t", "|", '"', '""', "\n", "\r", "\r\n", " ", "'", "\\", "\\.", "\\N", "NULL", "NA", "nan",
          "0", "-1", "a", "é", "漢字", "🙂", "#", "=1+1", "\ufeff", "x" * 50]


def emit(rows, columns, delimiter=",", null="", header=True, eol="lf", codec="none"):
    assert CSV_EMIT.exists(), f"{CSV_EMIT} is not built; scripts/test.sh builds it, or set RIVET_CSV_EMIT"
    cells = b"".join(
        struct.pack("<I", 0xFFFFFFFF) if value is None else struct.pack("<I", len(value)) + value
        for row in rows
        for value in (None if v is None else v.encode() for v in row)
    )
    command = [str(CSV_EMIT), delimiter, null, "1" if header else "0", eol, codec] + columns
    done = subprocess.run(command, input=cells, capture_output=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def hostile_rows(seed, n_rows, n_columns, pieces=PIECES, null_share=0.15):
    rnd = random.Random(seed)

    def cell():
        if rnd.random() < null_share:
            return None
        return "".join(rnd.choice(pieces) for _ in range(rnd.randrange(0, 5)))

    return [[cell() for _ in range(n_columns)] for _ in range(n_rows)]


def text_columns(n):
    return [f"c{i}:text" for i in range(n)]


# ---- Python's csv module ----


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("delimiter,null,eol", [(",", "", "lf"), (";", "NULL", "crlf"), ("\t", "\\N", "lf")])
def test_python_reads_every_text(seed, delimiter, null, eol):
    rows = hostile_rows(seed, 50, 3, PIECES + ["\0"])
    data = emit(rows, text_columns(3), delimiter=delimiter, null=null, eol=eol)
    # newline="" is how the csv module wants its input; it keeps CR and LF inside quotes as they are.
    read = list(csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter, strict=True))
    assert read[0] == ["c0", "c1", "c2"]
    # The module does not tell a quoted null text from an unquoted one: NULL reads as the null text.
    assert read[1:] == [[null if v is None else v for v in row] for row in rows]


def test_python_reads_hostile_header_names():
    names = ['a,b', 'say "x"', "two\nlines", " blank ", "plain", "naïve"]
    data = emit([["1"] * len(names)], [f"{name}:text" for name in names])
    read = list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
    assert read == [names, ["1"] * len(names)]


def test_python_reads_a_gzip_file():
    rows = hostile_rows(7, 500, 2)
    plain = emit(rows, text_columns(2))
    assert gzip.decompress(emit(rows, text_columns(2), codec="gzip")) == plain


# ---- DuckDB ----


def duckdb_read(data, tmp_path, columns, suffix="csv", null="", delimiter=","):
    path = tmp_path / f"data.{suffix}"
    path.write_bytes(data)
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in columns)
    # nullstr given and allow_quoted_nulls off: a quoted field is a value, whatever it says.
    return duckdb.connect().execute(
        f"SELECT * FROM read_csv(?, header=true, auto_detect=false, columns={{{types}}}, delim=?, quote='\"', "
        "escape='\"', nullstr=?, allow_quoted_nulls=false, null_padding=false, strict_mode=true)",
        [str(path), delimiter, null],
    ).fetchall()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("null,delimiter", [("", ","), ("NULL", ";"), ("\\N", "\t")])
@pytest.mark.parametrize("codec,suffix", [("none", "csv"), ("gzip", "csv.gz"), ("zstd", "csv.zst")])
def test_duckdb_tells_null_from_empty(tmp_path, seed, null, delimiter, codec, suffix):
    rows = hostile_rows(seed, 200, 3, PIECES + ["\0"])
    data = emit(rows, text_columns(3), null=null, delimiter=delimiter, codec=codec)
    columns = [(f"c{i}", "VARCHAR") for i in range(3)]
    read = duckdb_read(data, tmp_path, columns, suffix, null, delimiter)
    assert read == [tuple(row) for row in rows]


def test_duckdb_reads_every_type(tmp_path):
    columns = [
        ("b", "bool", "BOOLEAN", "t", True),
        ("i2", "int2", "SMALLINT", "-32768", -32768),
        ("i4", "int4", "INTEGER", "2147483647", 2147483647),
        ("i8", "int8", "BIGINT", "-9223372036854775808", -9223372036854775808),
        ("f4", "float4", "FLOAT", "1.5", 1.5),
        ("f8", "float8", "DOUBLE", "0.1", 0.1),
        ("d", "decimal(38,10)", "DECIMAL(38,10)", "-1.0000000001", decimal.Decimal("-1.0000000001")),
        ("day", "date", "DATE", "2026-11-21", datetime.date(2026, 11, 21)),
        ("ts", "timestamp", "TIMESTAMP", "1969-12-31 23:59:59.999999",
         datetime.datetime(1969, 12, 31, 23, 59, 59, 999999)),
        ("s", "text", "VARCHAR", "a,\"b\"\n", "a,\"b\"\n"),
        ("u", "uuid", "UUID", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("j", "json", "VARCHAR", '{"k": [1, 2.50]}', '{"k": [1, 2.50]}'),
        ("x", "binary", "VARCHAR", "\\xDEAD00", "dead00"),
    ]
    data = emit([[c[3] for c in columns], [None] * len(columns)], [f"{c[0]}:{c[1]}" for c in columns])
    read = duckdb_read(data, tmp_path, [(c[0], c[2]) for c in columns])
    assert [str(v) if c[0] == "u" else v for v, c in zip(read[0], columns)] == [c[4] for c in columns]
    assert read[1] == (None,) * len(columns)


def test_duckdb_tells_an_instant_from_a_wall_clock_time(tmp_path):
    """A timestamptz carries Z, so a reader in another zone finds the same instant; a timestamp has no zone."""
    path = tmp_path / "data.csv"
    row = ["2026-07-01 12:00:00", "2026-07-01 12:00:00+00"]
    path.write_bytes(emit([row], ["wall:timestamp", "instant:timestamp_tz"]))
    connection = duckdb.connect()
    connection.execute("SET TimeZone='Asia/Kolkata'")
    wall, instant = connection.execute(
        "SELECT wall::VARCHAR, epoch_us(instant) "
        "FROM read_csv(?, columns={'wall': 'TIMESTAMP', 'instant': 'TIMESTAMPTZ'})",
        [str(path)],
    ).fetchone()
    assert wall == "2026-07-01 12:00:00"
    assert instant == 1782907200000000


# ---- psql ----


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    given = os.environ.get("RIVET_TEST_PG_URL")
    if given:
        yield given
        return
    folder = temp_base()
    server = PostgresServer(15, folder).start()
    yield server.url()
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


def psql(url: str, script: str) -> str:
    done = subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-At", url], input=script,
                          capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("null,delimiter", [("", ","), ("NULL", ";"), ("\\N", "\t")])
def test_psql_copies_every_text_in(tmp_path, postgres_url, seed, null, delimiter):
    # Before version 18 a line of its own that reads \. ends the data even inside quotes; see docs/csv.md.
    pieces = [p for p in PIECES if p not in ("\n", "\r", "\r\n")] + ["\n-", "\r-"]
    rows = hostile_rows(seed, 100, 3, pieces)
    path = tmp_path / "data.csv"
    path.write_bytes(emit(rows, text_columns(3), null=null, delimiter=delimiter))
    option = delimiter.replace("\t", "\\t")
    out = psql(
        postgres_url,
        "CREATE TEMP TABLE t (n serial, c0 text, c1 text, c2 text);\n"
        f"\\copy t (c0, c1, c2) from '{path}' with (format csv, header, delimiter E'{option}', null '{null}')\n"
        "SELECT coalesce(encode(convert_to(c0, 'UTF8'), 'hex'), '-') || ' ' || "
        "coalesce(encode(convert_to(c1, 'UTF8'), 'hex'), '-') || ' ' || "
        "coalesce(encode(convert_to(c2, 'UTF8'), 'hex'), '-') FROM t ORDER BY n;\n"
    )
    expected = [" ".join("-" if v is None else v.encode().hex() for v in row) for row in rows]
    assert out.splitlines() == expected


def test_psql_copies_a_lone_end_marker_in(tmp_path, postgres_url):
    path = tmp_path / "data.csv"
    path.write_bytes(emit([["\\."], ["after"], [None], [""]], ["c:text"]))
    out = psql(
        postgres_url,
        f"CREATE TEMP TABLE t (c text);\n\\copy t from '{path}' with (format csv, header)\n"
        "SELECT coalesce(c, 'NULL') FROM t;\n"
    )
    assert out.splitlines() == ["\\.", "after", "NULL", ""]


# ---- pandas ----


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("delimiter,eol", [(",", "lf"), (";", "crlf"), ("\t", "lf"), ("|", "crlf")])
@pytest.mark.parametrize("codec,suffix", [("none", "csv"), ("gzip", "csv.gz")])
def test_pandas_tells_null_from_empty_by_a_text_that_does_not_occur(tmp_path, seed, delimiter, eol, codec, suffix):
    rows = hostile_rows(seed, 200, 3, PIECES + ["\0"])
    path = tmp_path / f"data.{suffix}"
    path.write_bytes(emit(rows, text_columns(3), delimiter=delimiter, null="<null>", eol=eol, codec=codec))
    frame = pandas.read_csv(path, sep=delimiter, dtype=str, keep_default_na=False, na_values=["<null>"],
                            skip_blank_lines=False)
    read = [[None if pandas.isna(v) else v for v in row] for row in frame.values.tolist()]
    assert read == rows


# ---- MariaDB ----


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MysqlServer]:
    folder = temp_base()
    server = MysqlServer(MARIADB, folder).start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("delimiter,eol,header", [(",", "lf", True), (";", "crlf", False), ("\t", "lf", True)])
def test_mariadb_loads_every_text(tmp_path, mariadb, seed, delimiter, eol, header):
    rows = hostile_rows(seed, 200, 3, PIECES + ["\0"])
    path = tmp_path / "data.csv"
    path.write_bytes(emit(rows, text_columns(3), delimiter=delimiter, null="NULL", header=header, eol=eol))
    database = mariadb.new_database()
    terminator = {"lf": "\\n", "crlf": "\\r\\n"}[eol]
    out = subprocess.run(
        mariadb.client("--local-infile=1", "--show-warnings", f"--database={database}"),
        input="CREATE TABLE t (n INT AUTO_INCREMENT PRIMARY KEY, c0 LONGTEXT, c1 LONGTEXT, c2 LONGTEXT);"
        f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE t CHARACTER SET utf8mb4"
        f" FIELDS TERMINATED BY '{delimiter}' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY ''"
        f" LINES TERMINATED BY '{terminator}' IGNORE {1 if header else 0} LINES (c0, c1, c2);",
        capture_output=True, text=True, timeout=SECONDS)
    assert out.returncode == 0 and out.stdout == "", out
    stored = mariadb.query("SELECT HEX(c0), HEX(c1), HEX(c2) FROM t ORDER BY n", database)
    assert [[None if v is None else bytes.fromhex(v).decode() for v in row] for row in stored] == rows
