"""Incremental exports from MySQL and MariaDB lose nothing and repeat nothing, with readable InnoDB transactions and
without. RIVET_INCREMENTAL_SECONDS sets how long the writers work, a quarter of it in each case; four hours are the full
measure, with a run every RIVET_INCREMENTAL_PAUSE seconds (without it, one after the other)."""

import os
import random
import threading
import time

import pytest

from support.program import Program
from support.servers import MysqlServer
from tables_mysql import USER, configure, new_database, rows_of

SECONDS = float(os.environ.get("RIVET_INCREMENTAL_SECONDS", "25"))
PAUSE = float(os.environ.get("RIVET_INCREMENTAL_PAUSE", "0"))
FEED = (
    "CREATE TABLE t (id bigint PRIMARY KEY, v int NOT NULL, updated_at timestamp(6) NULL, created_at datetime(6),"
    " KEY (updated_at))"
)


@pytest.fixture
def feed(mysql) -> str:
    database = new_database(mysql, 1000)
    mysql.execute(
        FEED,
        "INSERT INTO t SELECT i, 1, '2024-01-01' + INTERVAL i DIV 10 * 1000001 MICROSECOND, '2023-01-01' FROM numbers",
        "ANALYZE TABLE t",
        database=database,
    )
    return database


def incremental(program: Program, server: MysqlServer, database: str, **keys) -> Program:
    return configure(program, server, database, **({"mode": "incremental", "cursor_column": "updated_at"} | keys))


def new_rows(program: Program) -> int:
    return program.run_json()["per_export"][0]["rows"]


def test_each_run_takes_what_is_new(program, mysql, feed):
    incremental(program, mysql, feed)
    assert new_rows(program) == 1000
    assert new_rows(program) == 0
    mysql.execute("UPDATE t SET v = 2, updated_at = '2024-06-01' WHERE id <= 10", database=feed)
    assert new_rows(program) == 10
    mysql.execute("INSERT INTO t SELECT i + 2000, 3, '2024-06-01', NULL FROM numbers WHERE i <= 5", database=feed)
    assert new_rows(program) == 5, "ties with the last value are no loss"
    assert new_rows(program) == 0
    rows = rows_of(program, "id, v")
    assert len(rows) == len(set(rows)) == 1015


@pytest.mark.parametrize("grants", ["SELECT, PROCESS ON *.*", "SELECT ON *.*"], ids=["process", "no-process"])
def test_a_row_that_commits_late_is_exported_later(program, mysql, feed, grants):
    """With PROCESS the oldest open transaction is seen; without it what lies behind is looked at again."""
    mysql.new_user(USER, "IDENTIFIED WITH mysql_native_password", grants)
    incremental(program, mysql, feed, cursor_lookback="400d")
    with mysql.connect(feed, autocommit=False) as late, mysql.connect(feed, autocommit=False) as other:
        late.query("SET autocommit = 0")
        other.query("SET autocommit = 0")
        late.query("INSERT INTO t VALUES (5000, 1, '2024-03-01', NULL)")
        late.query("SAVEPOINT a")
        late.query("INSERT INTO t VALUES (5001, 1, '2024-03-01 00:00:01', NULL)")
        other.query("INSERT INTO t VALUES (6000, 1, '2024-05-01', NULL)")
        other.commit()
        program.run().ok()
        program.run().ok()
        late.commit()
    program.run().ok()
    program.run().ok()
    rows = rows_of(program, "id, v")
    assert len(rows) == len(set(rows)) == 1003


def test_null_cursors_are_reported(program, mysql, feed):
    mysql.execute("UPDATE t SET updated_at = NULL WHERE id % 4 = 0", database=feed)
    incremental(program, mysql, feed)
    assert new_rows(program) == 1000, "the first run takes them along"
    assert "rows without a value of 'updated_at'" in program.run().ok().err


def test_a_composite_cursor(program, mysql, feed):
    mysql.execute("CREATE UNIQUE INDEX u ON t (updated_at, id)", database=feed)
    incremental(program, mysql, feed, cursor_column=["updated_at", "id"], tuning={"batch_size": 37})
    assert new_rows(program) == 1000
    mysql.execute("INSERT INTO t SELECT 10000 + i, 1, '2025-01-01', NULL FROM numbers WHERE i <= 500", database=feed)
    assert new_rows(program) == 500
    assert new_rows(program) == 0


CURSORS = {
    "datetime(6)": "'2024-03-31' + INTERVAL i * 3600000001 MICROSECOND",
    "datetime": "'2024-03-31' + INTERVAL i HOUR",
    "timestamp(6) NULL": "'2024-10-26 23:00:00' + INTERVAL i * 3600000001 MICROSECOND",
    "date": "'2024-01-01' + INTERVAL i DAY",
    "bigint": "9223372036854774807 + i",
    "bigint unsigned": "18446744073709550615 + i",
    "decimal(38,9)": "12345678901234567890.123456789 + i / 1000000000.0",
    "varchar(20)": "LPAD(i, 10, '0')",
    "varchar(20) COLLATE utf8mb4_general_ci": "CONCAT('ä', LPAD(i, 10, '0'))",
    "binary(16)": "UNHEX(LPAD(HEX(i), 32, '0'))",
}


@pytest.mark.parametrize("kind", CURSORS)
@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "plain"])
def test_cursors_of_every_type_in_any_zone(program, mysql, kind, indexed):
    database = new_database(mysql, 350)
    mysql.execute(
        f"CREATE TABLE t (id bigint PRIMARY KEY, v int NOT NULL, updated_at {kind}{', KEY (updated_at)' if indexed else ''})",
        f"INSERT INTO t SELECT i, i, {CURSORS[kind]} FROM numbers WHERE i <= 300",
        database=database,
    )
    incremental(program, mysql, database)
    zone = mysql.query("SELECT @@GLOBAL.time_zone")[0][0]
    try:
        for setting, found in (("+05:45", 300), ("-03:30", 0)):
            mysql.execute(f"SET GLOBAL time_zone = '{setting}'")
            assert new_rows(program) == found
        mysql.execute(
            f"INSERT INTO t SELECT i, i, {CURSORS[kind]} FROM numbers WHERE i > 300", database=database
        )
        assert new_rows(program) == 50
        assert new_rows(program) == 0
    finally:
        mysql.execute(f"SET GLOBAL time_zone = '{zone}'")


def test_an_interrupted_run_keeps_its_window(program, mysql, feed):
    incremental(program, mysql, feed, tuning={"batch_size": 50})
    assert program.run(env={"RIVET_CRASH_AT": "after-page-read:4"}).rc < 0
    mysql.execute("INSERT INTO t VALUES (9000, 1, '2024-07-01', NULL)", database=feed)
    program.run().ok()
    program.run().ok()
    rows = rows_of(program, "id, v")
    assert len(rows) == len(set(rows)) == 1001


class Writers:
    """Threads that insert and update rows and commit after delays, some with savepoints, some rolled back."""

    def __init__(self, server: MysqlServer, database: str, n: int):
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
                session.query("SET autocommit = 0")
                serial = 0
                while not self.stop.is_set():
                    for _ in range(chance.randrange(1, 4)):
                        serial += 1
                        row = (number + 1) * 10_000_000 + serial
                        if chance.random() < 0.3:
                            session.query("SAVEPOINT s")
                        session.query(f"INSERT INTO t VALUES ({row}, 0, SYSDATE(6), NULL)")
                        if chance.random() < 0.3:
                            session.query(f"UPDATE t SET v = v + 1, updated_at = SYSDATE(6) WHERE id = {row}")
                    self.stop.wait(chance.expovariate(4))
                    session.rollback() if chance.random() < 0.1 else session.commit()
        except Exception as problem:  # noqa: BLE001: told by __exit__
            self.failures.append(problem)


@pytest.mark.timeout(SECONDS + 240)
@pytest.mark.parametrize("consistency", ["statement", "snapshot"])
@pytest.mark.parametrize("grants", ["SELECT, PROCESS ON *.*", "SELECT ON *.*"], ids=["process", "no-process"])
def test_many_writers_and_many_runs(release, mysql, feed, consistency, grants):
    """What the runs export together is the table; no row version twice."""
    mysql.new_user(USER, "IDENTIFIED WITH mysql_native_password", grants)
    mysql.execute("TRUNCATE t", database=feed)
    tuning = {"batch_size": 100}
    incremental(release, mysql, feed, consistency=consistency, parallel=2, tuning=tuning, cursor_lookback="10m")
    end = time.monotonic() + SECONDS / 4
    runs = 0
    with Writers(mysql, feed, 32):
        while time.monotonic() < end:
            release.run().ok()
            runs += 1
            time.sleep(PAUSE)
    for _ in range(2):
        release.run().ok()
    rows = rows_of(release, "id, v")
    assert len(rows) == len(set(rows)), "a row version was exported twice"
    latest: dict[int, int] = {}
    for row, v in rows:
        latest[row] = max(v, latest.get(row, -1))
    assert latest == dict(mysql.query("SELECT id, v FROM t", feed)) and runs > 3
