"""Incremental exports lose nothing and repeat nothing: ties, late commits, NULL cursors, time zones, and many writers at
once. RIVET_INCREMENTAL_SECONDS sets how long the writers work; two hours, one for each consistency, are the full measure,
with a run every RIVET_INCREMENTAL_PAUSE seconds (without it, one after the other)."""

import os
import random
import threading
import time
from pathlib import Path

import duckdb
import pytest

from support.delivery import check_delivery, part_paths
from support.program import Program

SECONDS = float(os.environ.get("RIVET_INCREMENTAL_SECONDS", "25"))
PAUSE = float(os.environ.get("RIVET_INCREMENTAL_PAUSE", "0"))


def configure(program: Program, server, database: str, **keys) -> Program:
    keys = {"mode": "incremental", "cursor_column": "updated_at"} | keys
    return program.configure(server.url(database), program.export("t", **keys))


def exported(program: Program) -> list[tuple[str, list[tuple]]]:
    """(run_id, sorted rows of (id, v)) for each run, oldest first."""
    runs = []
    for manifest in check_delivery(program.out):
        names = [str(path) for path in part_paths(program.out, manifest)]
        rows = []
        if names:
            with duckdb.connect() as session:
                rows = session.execute(f"SELECT id, v FROM read_parquet({names}) ORDER BY id, v").fetchall()
        runs.append((manifest["run_id"], rows))
    return runs


def all_rows(program: Program) -> list[tuple]:
    return sorted(row for _, rows in exported(program) for row in rows)


@pytest.fixture
def feed(pg15, database) -> str:
    pg15.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, v int NOT NULL, updated_at timestamptz, created_at timestamptz);"
        "CREATE INDEX ON t (updated_at);"
        "INSERT INTO t SELECT i, 1, '2024-01-01+00'::timestamptz + (i / 10) * interval '1.000001 s' , '2023-01-01+00'"
        " FROM generate_series(1, 1000) i; ANALYZE t",
        database,
    )
    return database


def test_each_run_takes_what_is_new(program, pg15, feed):
    configure(program, pg15, feed)
    first = program.run_json()["per_export"][0]
    assert first["rows"] == 1000
    assert program.run_json()["per_export"][0]["rows"] == 0
    pg15.execute("UPDATE t SET v = 2, updated_at = '2024-06-01+00' WHERE id <= 10", feed)
    assert program.run_json()["per_export"][0]["rows"] == 10
    pg15.execute("INSERT INTO t SELECT i, 3, '2024-06-01+00' FROM generate_series(2001, 2005) i", feed)
    assert program.run_json()["per_export"][0]["rows"] == 5, "ties with the last value are no loss"
    assert program.run_json()["per_export"][0]["rows"] == 0
    rows = all_rows(program)
    assert len(rows) == len(set(rows)) == 1015


def test_a_full_run_after_increments_reads_everything(program, pg15, feed):
    """No window that was meant for another mode stands in its way, and the next increment goes on from its own."""
    configure(program, pg15, feed)
    program.run().ok()
    program.configure(pg15.url(feed), program.export("t"))
    assert program.run_json()["per_export"][0]["rows"] == 1000
    configure(program, pg15, feed)
    assert program.run_json()["per_export"][0]["rows"] in (0, 1000), "all of them or none, never some"


def test_an_increment_is_cut_along_its_index(program, pg15, feed):
    configure(program, pg15, feed, chunk_size=100, parallel=3)
    assert program.run_json()["per_export"][0]["rows"] == 1000
    pg15.execute("UPDATE t SET v = 2, updated_at = updated_at + interval '1 day' WHERE id > 500; ANALYZE t", feed)
    again = program.run_json()["per_export"][0]
    assert again["rows"] == 500
    manifest = check_delivery(program.out)[-1]
    assert 4 <= len(manifest["parts"]) <= 7 and max(part["rows"] for part in manifest["parts"]) < 250
    assert sorted(v for _, rows in exported(program)[1:] for _, v in rows) == [2] * 500


@pytest.mark.parametrize("sub", [False, True], ids=["plain", "savepoints"])
def test_a_row_that_commits_late_is_exported_later(program, pg15, feed, sub):
    configure(program, pg15, feed, cursor_lookback="400d")
    with pg15.connect(feed) as late, pg15.connect(feed) as other:
        late.autocommit = other.autocommit = False
        late.execute("INSERT INTO t VALUES (5000, 1, '2024-03-01+00')")
        if sub:
            late.execute("SAVEPOINT a")
            late.execute("INSERT INTO t VALUES (5001, 1, '2024-03-01 00:00:01+00')")
            late.execute("RELEASE a")
        other.execute("INSERT INTO t VALUES (6000, 1, '2024-05-01+00')")
        other.commit()
        program.run().ok()
        program.run().ok()
        late.commit()
        program.run().ok()
    program.run().ok()
    rows = all_rows(program)
    assert len(rows) == len(set(rows)) == 1001 + 1 + sub


def test_a_long_open_transaction_is_told(program, pg15, feed):
    configure(program, pg15, feed)
    with pg15.connect(feed) as holder:
        holder.autocommit = False
        holder.execute("INSERT INTO t VALUES (5000, 1, '2024-03-01+00')")
        pg15.execute("INSERT INTO t VALUES (6000, 1, '2024-05-01+00')", feed)
        result = program.run().ok()
        assert "transaction" in result.err + result.text
    program.run().ok()
    rows = all_rows(program)
    assert len(rows) == len(set(rows)) == 1002


def test_null_cursors_are_reported_and_followed_with_a_fallback(program, pg15, feed):
    pg15.execute("UPDATE t SET updated_at = NULL WHERE id % 4 = 0", feed)
    configure(program, pg15, feed)
    assert program.run_json()["per_export"][0]["rows"] == 1000, "the first run takes them along"
    second = program.run().ok()
    assert "rows without a value of 'updated_at'" in second.err, "later ones cannot, and say so"
    fresh = Program(program.folder / "coalesce")
    fresh.folder.mkdir()
    configure(fresh, pg15, feed, incremental_cursor_mode="coalesce", cursor_fallback_column="created_at")
    assert fresh.run_json()["per_export"][0]["rows"] == 1000
    pg15.execute("INSERT INTO t VALUES (3000, 9, NULL, '2024-12-01+00')", feed)
    assert fresh.run_json()["per_export"][0]["rows"] == 1
    assert fresh.run_json()["per_export"][0]["rows"] == 0


def test_a_composite_cursor(program, pg15, feed):
    pg15.execute("CREATE UNIQUE INDEX ON t (updated_at, id)", feed)
    configure(program, pg15, feed, cursor_column=["updated_at", "id"], tuning={"batch_size": 37})
    assert program.run_json()["per_export"][0]["rows"] == 1000
    pg15.execute("INSERT INTO t SELECT 10000 + i, 1, '2025-01-01+00' FROM generate_series(1, 500) i", feed)
    assert program.run_json()["per_export"][0]["rows"] == 500
    assert program.run_json()["per_export"][0]["rows"] == 0
    rows = all_rows(program)
    assert len(rows) == len(set(rows)) == 1500


@pytest.mark.parametrize("column", ["timestamp", "timestamptz", "date", "bigint", "numeric", "text", "uuid"])
@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "plain"])
def test_cursors_of_every_type_in_any_zone(program, pg15, database, column, indexed):
    value = {
        "timestamp": "'2024-03-31 00:00:00'::timestamp + i * interval '1 hour 0.000001 s'",
        "timestamptz": "'2024-10-26 23:00:00+00'::timestamptz + i * interval '1 hour 0.000001 s'",
        "date": "'2024-01-01'::date + i",
        "bigint": "9223372036854775807 - 1000000 + i",
        "numeric": "12345678901234567890.123456789 + i / 1000000000.0",
        "text": "lpad(i::text, 10, '0')",
        "uuid": "lpad(to_hex(i), 32, '0')::uuid",
    }[column]
    pg15.execute(
        f"CREATE TABLE t (id bigint PRIMARY KEY, v int NOT NULL, updated_at {column});"
        f"INSERT INTO t SELECT i, i, {value} FROM generate_series(1, 300) i; ANALYZE t;"
        f'ALTER DATABASE "{database}" SET TimeZone = \'Europe/Berlin\'',
        database,
    )
    if indexed:
        pg15.execute("CREATE INDEX ON t (updated_at)", database)
    configure(program, pg15, database)
    assert program.run_json()["per_export"][0]["rows"] == 300
    pg15.execute(
        f'ALTER DATABASE "{database}" SET TimeZone = \'America/St_Johns\';'
        f"INSERT INTO t SELECT i, i, {value} FROM generate_series(301, 350) i",
        database,
    )
    assert program.run_json()["per_export"][0]["rows"] == 50
    assert program.run_json()["per_export"][0]["rows"] == 0


def test_an_interrupted_run_keeps_its_window(program, pg15, feed):
    configure(program, pg15, feed, tuning={"batch_size": 50})
    assert program.run(env={"RIVET_CRASH_AT": "after-page-read:4"}).rc < 0
    pg15.execute("INSERT INTO t VALUES (9000, 1, '2024-07-01+00')", feed)
    program.run().ok()
    program.run().ok()
    rows = all_rows(program)
    assert len(rows) == len(set(rows)) == 1001


def test_state_reset_begins_anew_and_another_column_is_refused(program, pg15, feed):
    configure(program, pg15, feed)
    program.run().ok()
    configure(program, pg15, feed, cursor_column="created_at")
    refused = program.run()
    assert refused.rc == 1 and "state reset" in refused.err
    program.call("state", "reset", "-c", "rivet.yaml", "-e", "t").ok()
    assert program.run_json()["per_export"][0]["rows"] == 1000


class Writers:
    """Threads that insert and update rows and commit after delays, some in the reverse order, some with savepoints."""

    def __init__(self, server, database: str, n: int):
        self.server, self.database = server, database
        self.stop = threading.Event()
        self.failures: list[Exception] = []
        self.threads = [threading.Thread(target=self.work, args=(i,)) for i in range(n)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        assert not self.failures, self.failures

    def work(self, number: int) -> None:
        chance = random.Random(number)
        try:
            with self.server.connect(self.database) as session:
                session.autocommit = False
                serial = 0
                while not self.stop.is_set():
                    for _ in range(chance.randrange(1, 4)):
                        serial += 1
                        row = number * 10_000_000 + serial
                        if chance.random() < 0.3:
                            session.execute("SAVEPOINT s")
                        session.execute("INSERT INTO t VALUES (%s, 0, clock_timestamp())", (row,))
                        if chance.random() < 0.3:
                            session.execute(
                                "UPDATE t SET v = v + 1, updated_at = clock_timestamp() WHERE id = %s", (row,)
                            )
                    self.stop.wait(chance.expovariate(4))
                    session.rollback() if chance.random() < 0.1 else session.commit()
        except Exception as problem:  # noqa: BLE001: told by __exit__
            self.failures.append(problem)


@pytest.mark.timeout(SECONDS + 240)
@pytest.mark.parametrize("consistency", ["statement", "snapshot"])
def test_many_writers_and_many_runs(release, pg15, feed, consistency):
    """What the runs export together is the table; no row version twice."""
    pg15.execute("TRUNCATE t", feed)
    configure(release, pg15, feed, consistency=consistency, parallel=2, tuning={"batch_size": 100})
    end = time.monotonic() + SECONDS / 2
    with Writers(pg15, feed, 32):
        while time.monotonic() < end:
            release.run().ok()
            time.sleep(PAUSE)
    for _ in range(2):
        release.run().ok()
    rows = all_rows(release)
    assert len(rows) == len(set(rows)), "a row version was exported twice"
    latest = {}
    for row, v in rows:
        latest[row] = max(v, latest.get(row, -1))
    assert latest == dict(pg15.query("SELECT id, v FROM t", feed))
    assert len(exported(release)) > 3


def test_sqlite_incremental(program):
    import sqlite3

    db = sqlite3.connect(program.folder / "shop.db")
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v INT, updated_at TEXT)")
    db.executemany("INSERT INTO t VALUES (?, 1, ?)", ((i, f"2024-01-01 00:{i // 60:02}:{i % 60:02}") for i in range(600)))
    db.commit()
    program.configure("sqlite://shop.db", program.export("t", mode="incremental", cursor_column="updated_at"))
    assert program.run_json()["per_export"][0]["rows"] == 600
    assert program.run_json()["per_export"][0]["rows"] == 0
    db.execute("INSERT INTO t VALUES (700, 1, '2024-02-01 00:00:00')")
    db.commit()
    db.close()
    assert program.run_json()["per_export"][0]["rows"] == 1


def part_names(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.parquet")}
