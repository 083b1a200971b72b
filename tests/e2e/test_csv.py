"""CSV that every parser reads back as the very same texts, and NULL that stays apart from the empty
string."""

import csv
import gzip
import io
import sqlite3

import duckdb
import polars
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest

from support.delivery import check_delivery, part_paths
from torture import q

NASTY = [
    "",
    " ",
    "NULL",
    "null",
    "\\N",
    "a,b",
    'say "hi"',
    '"',
    '""',
    "line\nbreak",
    "carriage\rreturn",
    "both\r\n",
    "tab\there",
    ";",
    "|",
    "'",
    "\\",
    '\\"',
    "#comment",
    "=1+1",
    "-1",
    "+1",
    "@x",
    " leading",
    "trailing ",
    "äöü",
    "日本",
    "🎉",
    "\ufeffbom",
    "\u2028",
    "\x01",
    "\x7f",
    "true",
    "1e5",
    "NaN",
    "a" * 70000,
    ",",
    ",,,",
    '","',
    "\n",
    "\r",
    "end,",
    '"quoted"',
    "\\.",
]


@pytest.fixture(scope="module")
def nasty(pg15) -> str:
    database = pg15.new_database("nasty")
    rows = ", ".join(f"({i}, {text}, {text})" for i, text in enumerate(q(*NASTY)))
    pg15.execute(
        f"CREATE TABLE t (id int, v text, w text); INSERT INTO t VALUES {rows}, ({len(NASTY)}, NULL, NULL)",
        database,
    )
    return database


def exported(program, pg15, database: str, **keys) -> bytes:
    program.configure(pg15.url(database), program.export("t", format="csv", **keys)).run().ok()
    [manifest] = check_delivery(program.out)
    [path] = part_paths(program.out, manifest)
    return path.read_bytes()


def with_python(data: bytes, delimiter: str) -> list:
    rows = list(csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter))[1:]
    return [row[1] for row in rows]


def with_duckdb(data: bytes, delimiter: str, tmp_path) -> list:
    path = tmp_path / "duckdb.csv"
    path.write_bytes(data)
    return [
        v
        for (v,) in duckdb.sql(
            f"SELECT v FROM read_csv('{path}', delim = '{delimiter}', header = true,"
            " quote = '\"', escape = '\"',"
            " all_varchar = true, auto_detect = false, allow_quoted_nulls = false, new_line = '\\n',"
            " columns = {'id': 'varchar', 'v': 'varchar', 'w': 'varchar'}, parallel = false)"
        ).fetchall()
    ]


def with_pyarrow(data: bytes, delimiter: str) -> list:
    parse = pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    convert = pacsv.ConvertOptions(
        column_types={"v": pa.string(), "w": pa.string()},
        strings_can_be_null=True,
        null_values=[""],
        quoted_strings_can_be_null=False,
    )
    return pacsv.read_csv(io.BytesIO(data), parse_options=parse, convert_options=convert)["v"].to_pylist()


def with_polars(data: bytes, delimiter: str) -> list:
    return polars.read_csv(
        io.BytesIO(data), separator=delimiter, infer_schema=False, missing_utf8_is_empty_string=False
    )["v"].to_list()


EXPECTED = [*NASTY, None]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_four_parsers_read_the_same(program, pg15, nasty, tmp_path, delimiter):
    data = exported(program, pg15, nasty, csv={"delimiter": delimiter})
    as_empty = [value or "" for value in EXPECTED]
    assert with_python(data, delimiter) == as_empty, "Python's parser does not tell NULL from empty"
    assert with_pyarrow(data, delimiter) == EXPECTED
    assert [value or "" for value in with_duckdb(data, delimiter, tmp_path)] == as_empty
    assert [value or "" for value in with_polars(data, delimiter)] == as_empty


@pytest.mark.parametrize(
    "options",
    [{}, {"delimiter": ";"}, {"null": "\\N"}, {"null": "NULL"}, {"line_ending": "crlf"}, {"header": False}],
    ids=str,
)
def test_postgresql_reads_back_what_it_gave(program, pg15, nasty, options):
    """COPY FROM is the judge: NULLs, empty strings and every byte between."""
    data = exported(program, pg15, nasty, csv=options)
    header = "true" if options.get("header", True) else "false"
    with pg15.connect(nasty) as session:
        session.execute("DROP TABLE IF EXISTS back; CREATE TABLE back (id int, v text, w text)")
        copy = (
            f"COPY back FROM STDIN (FORMAT csv, HEADER {header}, DELIMITER '{options.get('delimiter', ',')}',"
            f" NULL '{options.get('null', '')}')"
        )
        with session.cursor().copy(copy) as sink:
            sink.write(data)
        assert session.execute("SELECT * FROM back EXCEPT SELECT * FROM t").fetchall() == []
        assert session.execute("SELECT count(*) FROM back WHERE v IS NULL").fetchone() == (1,)
        assert session.execute("SELECT count(*) FROM back").fetchone() == (len(NASTY) + 1,)


def test_the_dialect_to_the_byte(program, pg15, database):
    pg15.execute(
        'CREATE TABLE t (id int, "a,b" text, "q""q" text);'
        "INSERT INTO t VALUES (1, '', NULL), (2, 'x', 'a\"b')",
        database,
    )
    assert exported(program, pg15, database) == b'id,"a,b","q""q"\n1,"",\n2,x,"a""b"\n'
    options = {"delimiter": ";", "null": "NULL", "header": False, "line_ending": "crlf"}
    assert (
        exported(program, pg15, database, csv=options, on_existing="replace")
        == b'1;"";NULL\r\n2;x;"a""b"\r\n'
    )


def test_values_have_one_text(program, pg15, database):
    """Contract, 3.2: the text of each type, whatever the database's settings."""
    pairs = {
        "true": "true",
        "'-32768'::smallint": "-32768",
        "'0.10'::numeric(5,2)": "0.10",
        "'1e30'::numeric": "1" + "0" * 30,
        "'0.1'::real": "0.1",
        "'1e-7'::float8": "1e-07",
        "'NaN'::float8": "NaN",
        "'-Infinity'::float8": "-inf",
        "'1e20'::float8": "1e+20",
        "'2024-02-29'::date": "2024-02-29",
        "'12:00'::time": "12:00:00.000000",
        "'12:34:56.000001'::time": "12:34:56.000001",
        "'1969-12-31 23:59:59.999999'::timestamp": "1969-12-31T23:59:59.999999",
        "'2024-02-29 12:00:00.5+05:30'::timestamptz": "2024-02-29T06:30:00.500000Z",
        "'\\x00fF'::bytea": "00ff",
        "'27005CFF-2700-5cff-2700-00275cff0001'::uuid": "27005cff-2700-5cff-2700-00275cff0001",
        "'1 year 2 mons 3 days 04:05:06.7'::interval": "P1Y2M3DT4H5M6.7S",
        "'0'::interval": "PT0S",
        "'10.0.0.1/8'::inet": "10.0.0.1/8",
        '\'{"b":1, "a" : 2}\'::json': '{"b":1, "a" : 2}',
        "'{1,NULL,3}'::int[]": "[1,null,3]",
        '\'{a,"b\\"c",NULL}\'::text[]': '["a","b\\"c",null]',
        "'{}'::date[]": "[]",
    }
    pg15.execute(
        f"ALTER DATABASE \"{database}\" SET bytea_output = 'escape';"
        f"ALTER DATABASE \"{database}\" SET DateStyle = 'German, DMY'"
    )
    query = "SELECT " + ", ".join(f"{sql} AS c{i}" for i, sql in enumerate(pairs))
    data = exported(program, pg15, database, query=query)
    [_, row] = csv.reader(io.StringIO(data.decode(), newline=""))
    assert dict(zip(pairs, row)) == pairs


def test_an_empty_line_never_stands_for_a_row(program, pg15, database):
    """One column, NULL: an empty line is skipped by most parsers, so the row has to be seen all the same."""
    pg15.execute("CREATE TABLE t (v text); INSERT INTO t VALUES ('a'), (NULL), ('b')", database)
    data = exported(program, pg15, database)
    with pg15.connect(database) as session:
        session.execute("CREATE TABLE back (v text)")
        with session.cursor().copy("COPY back FROM STDIN (FORMAT csv, HEADER)") as sink:
            sink.write(data)
        assert session.execute("SELECT v FROM back").fetchall() == [("a",), (None,), ("b",)]


def test_csv_of_a_sqlite_file(program):
    with sqlite3.connect(program.folder / "a.db") as db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
        db.executemany("INSERT INTO t VALUES (?, ?)", enumerate(NASTY))
    db.close()
    program.configure("sqlite://a.db", program.export("t", format="csv")).run().ok()
    [manifest] = check_delivery(program.out)
    assert with_python(part_paths(program.out, manifest)[0].read_bytes(), ",") == NASTY


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_compressed_csv_is_the_same_text(program, pg15, nasty, codec):
    plain = exported(program, pg15, nasty)
    program.configure(
        pg15.url(nasty), program.export("t", format="csv", compression=codec, on_existing="replace")
    )
    program.run().ok()
    [manifest] = check_delivery(program.out)
    [path] = part_paths(program.out, manifest)
    packed = path.read_bytes()
    if codec == "gzip":
        assert gzip.decompress(packed) == plain
    else:
        assert pa.CompressedInputStream(pa.BufferReader(packed), "zstd").read() == plain
