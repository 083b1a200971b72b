"""SQLite: declared types and the storage class of each value, read without a trace in the file."""

import sqlite3
from datetime import UTC
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from support.delivery import check_delivery, part_paths
from support.program import Program


@pytest.fixture
def file(program: Program) -> Path:
    return program.folder / "a.db"


def make(file: Path, *statements) -> None:
    db = sqlite3.connect(file)
    for statement in statements:
        sql, parameters = statement if isinstance(statement, tuple) else (statement, ())
        db.execute(sql, parameters)
    db.commit()
    db.close()


def export(program: Program, **keys) -> list[dict]:
    program.configure("sqlite://a.db", program.export("t", on_existing="replace", **keys)).run().ok()
    [manifest] = check_delivery(program.out)
    return [row for path in part_paths(program.out, manifest) for row in pq.read_table(path).to_pylist()]


def test_storage_classes_arrive_exactly(program, file):
    make(
        file,
        "CREATE TABLE t (i INTEGER, r REAL, s TEXT, b BLOB, flag BOOLEAN)",
        ("INSERT INTO t VALUES (?, ?, ?, ?, ?)", (-(2**63), 0.1, "äöü 🎉", bytes(range(256)), 1)),
        ("INSERT INTO t VALUES (?, ?, ?, ?, ?)", (2**63 - 1, 1.7976931348623157e308, "", b"", 0)),
        "INSERT INTO t VALUES (NULL, NULL, NULL, NULL, NULL)",
    )
    assert export(program) == [
        {"i": -(2**63), "r": 0.1, "s": "äöü 🎉", "b": bytes(range(256)), "flag": True},
        {"i": 2**63 - 1, "r": 1.7976931348623157e308, "s": "", "b": b"", "flag": False},
        {"i": None, "r": None, "s": None, "b": None, "flag": None},
    ]


@pytest.mark.parametrize(
    "declared, value",
    [("INTEGER", "text"), ("INTEGER", 1.5), ("REAL", "x"), ("BOOLEAN", 2), ("INTEGER", b"\x01")],
)
def test_a_value_that_is_not_what_was_declared_has_policies(program, file, declared, value):
    make(
        file,
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {declared})",
        ("INSERT INTO t VALUES (1, ?)", (value,)),
    )
    program.configure("sqlite://a.db", program.export("t"))
    result = program.run()
    assert (
        result.rc == 1
        and result.code.startswith("RIVET_VALUE_")
        and "'v'" in result.err
        and "id=1" in result.err
    )
    assert export(program, on_invalid="null") == [{"id": 1, "v": None}]


@pytest.mark.parametrize(
    "declared, value, expected",
    [
        ("INTEGER", 5.0, 5),
        ("REAL", 3, 3.0),
        ("DATE", "2024-02-29", "2024-02-29"),
        ("", "anything", "anything"),
        ("", 5, "5"),
        ("NUMERIC", 12, "12"),
        ("DECIMAL(10,2)", 1.5, "1.5"),
        ("VARCHAR(3)", "longer than three", "longer than three"),
        ("JSON", "{}", "{}"),
    ],
)
def test_declared_types_are_wishes(program, file, declared, value, expected):
    make(file, f"CREATE TABLE t (v {declared})", ("INSERT INTO t VALUES (?)", (value,)))
    assert export(program) == [{"v": expected}]


def test_overrides_make_types_that_sqlite_has_not(program, file):
    from datetime import date, datetime
    from decimal import Decimal

    make(
        file,
        "CREATE TABLE t (d TEXT, ts TEXT, price TEXT)",
        "INSERT INTO t VALUES ('2024-02-29', '2024-02-29T12:00:00Z', '1.50')",
    )
    columns = {"d": "date", "ts": "timestamp_tz", "price": "decimal(10,2)"}
    [row] = export(program, columns=columns)
    assert row == {
        "d": date(2024, 2, 29),
        "ts": datetime(2024, 2, 29, 12, tzinfo=UTC),
        "price": Decimal("1.50"),
    }


def test_every_row_of_a_large_table_in_several_pages(program, file):
    db = sqlite3.connect(file)
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT NOT NULL)")
    db.executemany("INSERT INTO t VALUES (?, ?)", ((i * 3 - 150000, f"v{i}") for i in range(100000)))
    db.commit()
    db.close()
    rows = export(program)
    assert rows == [{"id": i * 3 - 150000, "v": f"v{i}"} for i in range(100000)]
    assert export(program, tuning={"batch_size": 777}) == rows


@pytest.mark.parametrize(
    "ddl, strategy",
    [
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)", "rowid"),
        ("CREATE TABLE t (id INT, v TEXT)", "rowid"),
        ("CREATE TABLE t (id INT PRIMARY KEY, v TEXT) WITHOUT ROWID", None),
        ("CREATE TABLE t (id INT, v TEXT) STRICT", "rowid"),
        ("CREATE TABLE base (id INT, v TEXT); CREATE VIEW t AS SELECT * FROM base", "stream"),
        ("CREATE TABLE t (rowid TEXT, id INT, v TEXT)", None),
        ("CREATE TABLE t (id INT, v TEXT, w TEXT GENERATED ALWAYS AS (v || 'x') VIRTUAL)", "rowid"),
    ],
)
def test_every_kind_of_table(program, file, ddl, strategy):
    table = "base" if "VIEW" in ddl else "t"
    make(
        file,
        *ddl.split(";"),
        *[(f"INSERT INTO {table} (id, v) VALUES (?, ?)", (i, f"v{i}")) for i in (-5, 1, 2**62)],
    )
    rows = export(program)
    assert [(row["id"], row["v"]) for row in sorted(rows, key=lambda row: row["id"])] == [
        (-5, "v-5"),
        (1, "v1"),
        (2**62, f"v{2**62}"),
    ]
    found = check_delivery(program.out)[0]["source"]["extraction"]["strategy"]
    assert strategy in (None, found)


def test_the_extremes_of_rowid(program, file):
    make(
        file,
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        *[("INSERT INTO t VALUES (?)", (i,)) for i in (-(2**63), -1, 0, 2**63 - 1)],
    )
    assert [row["id"] for row in export(program)] == [-(2**63), -1, 0, 2**63 - 1]


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_the_file_is_only_read(program, file, journal):
    make(file, f"PRAGMA journal_mode={journal}", "CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)")
    before = file.read_bytes()
    assert export(program) == [{"id": 1}]
    assert file.read_bytes() == before
    assert {path.name for path in program.folder.iterdir()} <= {
        "a.db",
        "a.db-wal",
        "a.db-shm",
        "rivet.yaml",
        "out",
        ".rivet_state.db",
    }


def test_a_writer_is_not_in_the_way_and_its_open_work_is_not_seen(program, file):
    make(file, "PRAGMA journal_mode=WAL", "CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)")
    writer = sqlite3.connect(file)
    writer.execute("INSERT INTO t VALUES (2)")
    assert export(program) == [{"id": 1}]
    writer.commit()
    assert len(export(program)) == 2
    writer.close()


def test_a_locked_file_is_a_passing_failure(program, file):
    make(file, "CREATE TABLE t (id INTEGER)")
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    program.configure("sqlite://a.db", program.export("t", tuning={"lock_timeout_s": 1, "max_retries": 0}))
    result = program.run(seconds=60)
    assert result.rc == 75 and result.code in ("RIVET_SOURCE_BUSY", "RIVET_SOURCE_LOCK_TIMEOUT"), result.err
    writer.close()
    program.run().ok()


@pytest.mark.parametrize(
    "content, code",
    [(None, "RIVET_SOURCE_NOT_FOUND"), (b"this is no database" * 100, None), (b"", "RIVET_SOURCE_NOT_FOUND")],
)
def test_what_is_no_database(program, file, content, code):
    if content is not None:
        file.write_bytes(content)
    program.configure("sqlite://a.db", program.export("t"))
    result = program.run()
    assert (
        result.rc == 1 and result.code in (code,)
        if code
        else result.rc == 1 and result.code.startswith("RIVET_SOURCE_")
    )
    assert content is not None or not file.exists(), "the file is never created"


def test_a_damaged_file_fails(program, file):
    make(file, "CREATE TABLE t (v TEXT)", *[("INSERT INTO t VALUES (?)", ("x" * 1000,)) for _ in range(200)])
    data = bytearray(file.read_bytes())
    data[8192:9000] = b"\xff" * 808
    file.write_bytes(data)
    program.configure("sqlite://a.db", program.export("t"))
    result = program.run()
    assert result.rc != 0 and result.code.startswith("RIVET_"), "a damaged page is never skipped"


def test_text_that_is_not_utf8(program, file):
    make(file, "CREATE TABLE t (id INTEGER, v TEXT)", "INSERT INTO t VALUES (1, CAST(x'636166e9' AS TEXT))")
    program.configure("sqlite://a.db", program.export("t")).run().failed(1, "RIVET_VALUE_ENCODING")
    assert export(program, on_invalid={"encoding": "null"}) == [{"id": 1, "v": None}]


@pytest.mark.parametrize(
    "query, code",
    [
        ("SELECT id FROM t; DROP TABLE t", None),
        ("DELETE FROM t", None),
        ("SELECT nothing FROM t", None),
        ("PRAGMA journal_mode=WAL", None),
        ("ATTACH 'b.db' AS b", None),
    ],
)
def test_queries_only_read(program, file, query, code):
    make(file, "CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)")
    before = file.read_bytes()
    program.configure("sqlite://a.db", program.export("q", query=query))
    result = program.run()
    assert result.rc == 1 and result.code.startswith("RIVET_SOURCE_"), result.err
    assert file.read_bytes() == before and not (program.folder / "b.db").exists()


def test_a_read_only_file_in_a_read_only_folder(plain_user):
    data = plain_user.folder / "data"
    data.mkdir()
    make(data / "a.db", "CREATE TABLE t (id INTEGER)", "INSERT INTO t VALUES (1)")
    (data / "a.db").chmod(0o444)
    data.chmod(0o555)
    plain_user.configure(f"sqlite://{data}/a.db", plain_user.export("t")).run().ok()
    check_delivery(plain_user.out)


def test_values_changed_in_rows_that_were_exported_before_are_not_counted_again(program):
    """The look-back reads them once more, and drops them."""
    with sqlite3.connect(program.folder / "a.db") as db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, day TEXT)")
        db.executemany("INSERT INTO t VALUES (?, ?, '2024-02-30')", ((i, 1000 + i) for i in range(1, 11)))
    db.close()
    program.configure(
        "sqlite://a.db",
        program.export(
            "t",
            mode="incremental",
            cursor_column="at",
            cursor_lookback=50,
            columns={"day": "date"},
            on_invalid={"unparseable": "null"},
        ),
    )
    changed = []
    for late in ((), ((11, 1005, "2024-02-30"), (12, 1006, "2024-02-28"))):
        with sqlite3.connect(program.folder / "a.db") as db:
            db.executemany("INSERT INTO t VALUES (?, ?, ?)", late)
        db.close()
        [summary] = program.run_json()["per_export"]
        changed.append((summary["rows"], summary["values_changed"]))
    assert changed == [(10, 10), (2, 1)]
    uses = [manifest["columns"][2]["policy_uses"] for manifest in check_delivery(program.out)]
    assert uses == [{"unparseable": 10}, {"unparseable": 1}]
