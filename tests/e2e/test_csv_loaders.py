"""CSV files into other systems and back out, by the very commands that docs/csv.md prints.

What was loaded is compared with what was put into the source, value by value: every text that breaks
parsers, NULL and the empty string, decimals of 40 digits, lists, instants, binary.
"""

import datetime
import json
import re
import sqlite3
import subprocess
import sys
from decimal import Decimal

import duckdb
import pytest

from support.account import REPOSITORY
from support.delivery import check_delivery, part_paths
from support.program import environment
from test_csv import NASTY

PAGE = (REPOSITORY / "docs" / "csv.md").read_text()
COMMANDS = dict(re.findall(r"^<!-- csv: (\w+) -->\n```(?:sh|python)\n(.*?)^```", PAGE, re.M | re.S))
OPTIONS = {"duckdb": {}, "psql": {}, "pandas": {"null": "\\N"}, "mariadb": {"null": "NULL"}}

UTC = datetime.timezone.utc
AT = datetime.datetime(2026, 11, 21, 9, 30, 0, 123456)


def orders() -> list[tuple]:
    """id, note, paid, amount, tags, placed, wall, day, raw."""
    texts = [*NASTY, "\ufeff", "a\tb\tc", "\\N\\N", "x\\", "'\"'", "NA", "nan", "None", "-", "0"]
    texts += ["z" * 200000, None]
    amounts = ["123456789012345678901234567890.0123456789", "-0.0000000001", "0.0000000000", None]
    tags = [[], ["a", None, ""], ['"', "\\", ",", "line\nbreak"], None]
    rows = []
    for i, note in enumerate(texts):
        moment = AT + datetime.timedelta(days=i * 37 - 300, microseconds=i)
        rows.append(
            (
                i,
                note,
                [True, False, None][i % 3],
                None if amounts[i % 4] is None else Decimal(amounts[i % 4]),
                tags[i % 4],
                None if i % 5 == 4 else moment.replace(tzinfo=UTC),
                None if i % 5 == 3 else moment,
                None if i % 5 == 2 else moment.date(),
                [b"", bytes(range(256)), b"\\N\n", None][i % 4],
            )
        )
    return rows


ROWS = orders()


def in_postgresql(pg15) -> str:
    database = pg15.new_database("orders")
    with pg15.connect(database) as session:
        session.execute(
            "CREATE TABLE orders (id bigint, note text, paid boolean, amount numeric(40,10), tags text[],"
            " placed timestamptz, wall timestamp, day date, raw bytea)"
        )
        session.cursor().executemany(f"INSERT INTO orders VALUES ({', '.join(['%s'] * 9)})", ROWS)
    return pg15.url(database)


def as_text(row: tuple) -> tuple:
    """As an application that has only SQLite would keep such a row."""
    i, note, paid, amount, tags, placed, wall, day, raw = row
    return (
        i,
        note,
        paid,
        None if amount is None else f"{amount:f}",
        None if tags is None else json.dumps(tags, separators=(",", ":")),
        None if placed is None else placed.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        None if wall is None else wall.isoformat(timespec="microseconds"),
        None if day is None else day.isoformat(),
        raw,
    )


def in_sqlite(folder) -> str:
    with sqlite3.connect(folder / "orders.db") as db:
        db.execute(
            "CREATE TABLE orders (id INTEGER, note TEXT, paid BOOLEAN, amount TEXT, tags TEXT, placed TEXT,"
            " wall TEXT, day DATE, raw BLOB)"
        )
        db.executemany(f"INSERT INTO orders VALUES ({', '.join(['?'] * 9)})", map(as_text, ROWS))
    db.close()
    return "sqlite://orders.db"


def exported(program, url: str, options: dict, compression: str = "none"):
    """orders.csv, with the suffix of its compression, in the program's folder."""
    export = program.export("orders", format="csv", csv=options, compression=compression)
    program.configure(url, export).run().ok()
    [manifest] = check_delivery(program.out)
    [part] = part_paths(program.out, manifest)
    path = program.folder / ("orders" + part.name[part.name.index(".csv") :])
    path.write_bytes(part.read_bytes())
    return path


def run(program, command: list[str], script: str, **env) -> str:
    done = subprocess.run(
        command,
        input=script,
        cwd=program.folder,
        env=environment(program.folder) | env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and "Warning" not in done.stdout, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


# ---- what each loader holds afterwards, as ROWS has it ----


def with_duckdb(program, command: str, **_) -> list[tuple]:
    run(program, [sys.executable, "-"], command)
    db = duckdb.connect(str(program.folder / "orders.duckdb"), read_only=True)
    db.execute("SET TimeZone = 'UTC'")
    loaded = db.sql("SELECT * REPLACE (placed AT TIME ZONE 'UTC' AS placed) FROM orders ORDER BY id")
    rows = []
    for i, note, paid, amount, tags, placed, wall, day, raw in loaded.fetchall():
        amount = None if amount is None else Decimal(amount)
        rows.append((i, note, paid, amount, tags, placed and placed.replace(tzinfo=UTC), wall, day, raw))
    return rows


def with_psql(program, command: str, pg15, **_) -> list[tuple]:
    database = pg15.new_database("loaded")
    run(program, ["bash", "-euo", "pipefail"], command, DATABASE_URL=pg15.url(database))
    return pg15.query("SELECT * FROM loaded ORDER BY id", database)


def with_pandas(program, command: str, **_) -> list[tuple]:
    show = (
        "import json\n"
        "rows = [[None if pandas.isna(v) else v for v in row] for row in orders.values.tolist()]\n"
        "print(json.dumps(rows, default=lambda v: v.isoformat(timespec='microseconds')))\n"
    )
    rows = []
    printed = json.loads(run(program, [sys.executable, "-"], command + show))
    for i, note, paid, amount, tags, placed, wall, day, raw in printed:
        rows.append(
            (
                i,
                note,
                None if paid is None else {"true": True, "false": False}[paid],
                None if amount is None else Decimal(amount),
                None if tags is None else json.loads(tags),
                placed and datetime.datetime.fromisoformat(placed),
                wall and datetime.datetime.fromisoformat(wall),
                day and datetime.date.fromisoformat(day),
                None if raw is None else bytes.fromhex(raw),
            )
        )
    return rows


def unhexed(text: str) -> str | None:
    return None if text == "NULL" else bytes.fromhex(text).decode()


def printed(mariadb, sql: str, database: str) -> list[list[str]]:
    """Rows as the client prints them."""
    command = mariadb.client("--batch", "--skip-column-names", f"--database={database}")
    done = subprocess.run(command, input=sql, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]


def with_mariadb(program, command: str, mariadb, **_) -> list[tuple]:
    database = mariadb.new_database("loaded")
    mariadb.options_file(program.folder, database)
    run(program, ["bash", "-euo", "pipefail"], command)
    rows = []
    columns = "id, HEX(note), paid, amount, HEX(tags), HEX(placed), HEX(wall), HEX(day), HEX(raw)"
    stored = printed(mariadb, f"SELECT {columns} FROM orders ORDER BY id", database)
    for i, note, paid, amount, tags, placed, wall, day, raw in stored:
        placed, wall = unhexed(placed), unhexed(wall)
        rows.append(
            (
                int(i),
                unhexed(note),
                None if paid == "NULL" else paid == "1",
                None if amount == "NULL" else Decimal(amount),
                None if tags == "NULL" else json.loads(unhexed(tags)),
                placed and datetime.datetime.fromisoformat(placed).replace(tzinfo=UTC),
                wall and datetime.datetime.fromisoformat(wall),
                None if day == "NULL" else datetime.date.fromisoformat(unhexed(day)),
                None if raw == "NULL" else bytes.fromhex(raw),
            )
        )
    return rows


LOADERS = {"duckdb": with_duckdb, "psql": with_psql, "pandas": with_pandas, "mariadb": with_mariadb}


def compared(loader: str, rows: list[tuple]) -> None:
    expected = ROWS
    if loader == "pandas":  # the one text that its null text is; the page says so
        expected = [(row[0], None if row[1] == "\\N" else row[1], *row[2:]) for row in ROWS]
    assert len(rows) == len(expected)
    for got, wanted in zip(rows, expected):
        assert tuple(got) == wanted


def documented(loader: str) -> dict:
    """The options must be the ones that the page's table names."""
    for name, value in OPTIONS[loader].items():
        assert f"`{name}: '{value}'`" in PAGE
    return OPTIONS[loader]


@pytest.fixture(params=LOADERS)
def loader(request) -> str:
    return request.param


@pytest.fixture
def targets(request, loader, pg15) -> dict:
    return {"pg15": pg15} | ({"mariadb": request.getfixturevalue("mariadb")} if loader == "mariadb" else {})


def test_every_loader_has_its_commands():
    assert COMMANDS.keys() == LOADERS.keys()
    assert PAGE.count("<!-- csv: ") == len(LOADERS)


def test_a_table_of_postgresql_is_loaded_without_loss(program, pg15, loader, targets):
    exported(program, in_postgresql(pg15), documented(loader))
    compared(loader, LOADERS[loader](program, COMMANDS[loader], **targets))


def test_a_table_of_sqlite_is_loaded_without_loss(program, loader, targets):
    exported(program, in_sqlite(program.folder), documented(loader))
    compared(loader, LOADERS[loader](program, COMMANDS[loader], **targets))


def changed(command: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in command, old
        command = command.replace(old, new)
    return command


COMPRESSED = {
    ("duckdb", "gzip"): [("orders.csv", "orders.csv.gz")],
    ("duckdb", "zstd"): [("orders.csv", "orders.csv.zst")],
    ("psql", "gzip"): [("FROM 'orders.csv'", "FROM PROGRAM 'zcat orders.csv.gz'")],
    ("psql", "zstd"): [("FROM 'orders.csv'", "FROM PROGRAM 'zstd -dc orders.csv.zst'")],
    ("pandas", "gzip"): [("orders.csv", "orders.csv.gz")],
}


@pytest.mark.parametrize("compressed", COMPRESSED, ids="-".join)
def test_compressed_files_are_loaded_without_loss(program, pg15, compressed):
    loader, codec = compressed
    exported(program, in_postgresql(pg15), documented(loader), codec)
    command = changed(COMMANDS[loader], *COMPRESSED[compressed])
    compared(loader, LOADERS[loader](program, command, pg15=pg15))


def test_mariadb_loads_a_compressed_file_from_a_pipe(program, pg15, mariadb):
    exported(program, in_postgresql(pg15), documented("mariadb"), "gzip")
    command = changed(
        COMMANDS["mariadb"],
        ("mariadb --local-infile=1 --show-warnings <<'SQL'\n", "cat > load.sql <<'SQL'\n"),
        ("'orders.csv'", "'/dev/stdin'"),
    )
    command += '\nzcat orders.csv.gz | mariadb --local-infile=1 --show-warnings -e "$(cat load.sql)"\n'
    compared("mariadb", with_mariadb(program, command, mariadb))


DIALECTS = {
    "duckdb": (
        {"delimiter": "|", "null": "none"},
        [("delim = ','", "delim = '|'"), ("nullstr = ''", "nullstr = 'none'")],
    ),
    "psql": (
        {"delimiter": ";", "null": "\\N", "header": False},
        [("FORMAT csv, HEADER", "FORMAT csv, DELIMITER ';', NULL '\\N'")],
    ),
    "pandas": (
        {"delimiter": "\t", "null": "\\N", "line_ending": "crlf"},
        [("dtype=str,", "dtype=str, sep='\\t',")],
    ),
    "mariadb": (
        {"delimiter": ";", "null": "NULL", "line_ending": "crlf", "header": False},
        [("TERMINATED BY ','", "TERMINATED BY ';'"), ("BY '\\n' IGNORE 1 LINES", "BY '\\r\\n'")],
    ),
}


def test_other_dialects_are_loaded_without_loss(program, pg15, loader, targets):
    options, pairs = DIALECTS[loader]
    exported(program, in_postgresql(pg15), options)
    compared(loader, LOADERS[loader](program, changed(COMMANDS[loader], *pairs), **targets))
