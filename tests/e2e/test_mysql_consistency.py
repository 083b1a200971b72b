"""Several lanes see one moment of a MySQL server that is written to, and increments lose and repeat nothing there.
RIVET_INCREMENTAL_SECONDS sets how long the writers work; an hour is the full measure."""

import os
import random
import threading
import time

import duckdb
import pytest

from support.delivery import check_delivery, part_paths
from support.program import Program
from support.servers.mysql import MARIADB, MYSQL80, MysqlServer

SECONDS = float(os.environ.get("RIVET_INCREMENTAL_SECONDS", "25"))
WRITERS = 32
ACCOUNTS = 6000

SERVERS = {
    "mariadb": (MARIADB, {}),
    "mariadb-binlog": (MARIADB, {"log_bin": "binlog", "binlog_format": "ROW"}),
    "mysql80": (MYSQL80, {}),
    "mysql80-gtid": (MYSQL80, {"gtid_mode": "ON", "enforce_gtid_consistency": "ON"}),
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request, base):
    flavour, settings = SERVERS[request.param]
    running = MysqlServer(flavour, base, f"consistency-{request.param}", settings).start()
    yield running
    running.stop()


class Work:
    """Threads that each do one step after the other in a session of their own until they are stopped."""

    def __init__(self, server: MysqlServer, database: str, step):
        self.stop = threading.Event()
        self.failures: list[Exception] = []
        self.threads = [
            threading.Thread(target=self.work, args=(server, database, step, number)) for number in range(WRITERS)
        ]

    def work(self, server, database, step, number):
        chance = random.Random(number)
        try:
            with server.connect(database, autocommit=False) as session, session.cursor() as cursor:
                while not self.stop.is_set():
                    step(self, session, cursor, number, chance)
        except Exception as problem:  # noqa: BLE001: told by __exit__
            self.failures.append(problem)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        assert not self.failures, self.failures[0]


def read(paths, sql: str) -> list[tuple]:
    with duckdb.connect() as session:
        return session.execute(sql.format(f"read_parquet({[str(path) for path in paths]})")).fetchall()


def transfer(work, session, cursor, number, chance):
    low, high = sorted(chance.sample(range(ACCOUNTS), 2))  # in one order: no deadlocks
    amount = chance.randrange(1, 100)
    sign = chance.choice((1, -1))
    cursor.execute("UPDATE accounts SET balance = balance - %s WHERE id = %s", (sign * amount, low))
    cursor.execute("UPDATE accounts SET balance = balance + %s WHERE id = %s", (sign * amount, high))
    session.commit()


def test_a_sum_never_changes_while_money_is_moved(program, server):
    database = server.new_database()
    server.execute(
        "CREATE TABLE accounts (id BIGINT PRIMARY KEY, balance BIGINT NOT NULL, note VARCHAR(200) NOT NULL)",
        "INSERT INTO accounts WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999)"
        " SELECT a.i + 1000 * b.i, 1000, repeat('x', 150) FROM n a JOIN n b ON b.i < 6",
        "ANALYZE TABLE accounts",
        database=database,
    )
    server.new_user("reader", "IDENTIFIED BY 'pw'", "SELECT, PROCESS ON *.*")
    program.configure(
        server.url(database, "reader", "pw"),
        program.export(
            "accounts", mode="chunked", chunk_by_key=["id"], chunk_size=500, parallel=4, consistency="snapshot"
        ),
    )
    with Work(server, database, transfer):
        for _ in range(3):
            program.run().ok()
        with server.watched() as watch:
            program.run().ok()
    for manifest in check_delivery(program.out):
        rows = read(part_paths(program.out, manifest), "SELECT count(*), count(DISTINCT id), sum(balance) FROM {}")
        assert rows == [(ACCOUNTS, ACCOUNTS, 1000 * ACCOUNTS)]
    said = [statement.text.upper() for statement in watch.statements("reader")]
    assert any("CONSISTENT SNAPSHOT" in text for text in said)
    assert not any("FLUSH" in text or "LOCK TABLE" in text for text in said)


def write_rows(work, session, cursor, number, chance):
    ids = []
    for _ in range(chance.randrange(1, 4)):
        cursor.execute("INSERT INTO t (v, created_at) VALUES (0, NOW(6))")
        ids.append(cursor.lastrowid)
        if chance.random() < 0.4:
            cursor.execute("UPDATE t SET v = v + 1 WHERE id = %s", (chance.choice(ids),))
    work.stop.wait(chance.expovariate(4))
    session.rollback() if chance.random() < 0.1 else session.commit()


CURSORS = {
    "updated": ("updated_at", ()),
    "composite": (["updated_at", "id"], ()),
    "id": ("id", ()),
    "created": ("created_at", ()),
}


@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize("cursor", CURSORS)
@pytest.mark.parametrize("sees", ["all", "own"])
def test_many_writers_and_many_runs(release, server, cursor, sees):
    """What the runs export together is the table; no row version twice."""
    database = server.new_database()
    server.new_user("reader", "IDENTIFIED BY 'pw'", "SELECT" + (", PROCESS" if sees == "all" else "") + " ON *.*")
    server.execute(
        "CREATE TABLE t (id BIGINT PRIMARY KEY AUTO_INCREMENT, v INT NOT NULL, created_at DATETIME(6) NOT NULL,"
        " updated_at TIMESTAMP(6) NOT NULL DEFAULT NOW(6) ON UPDATE CURRENT_TIMESTAMP(6), KEY (updated_at, id),"
        " KEY (created_at))",
        database=database,
    )
    column = CURSORS[cursor][0]
    release.configure(
        server.url(database, "reader", "pw"),
        release.export("t", mode="incremental", cursor_column=column, parallel=2, tuning={"batch_size": 100}),
    )
    end = time.monotonic() + SECONDS / 4
    with Work(server, database, write_rows):
        while time.monotonic() < end:
            release.run().ok()
            time.sleep(0.2)
    for _ in range(2):
        release.run().ok()
    rows = []
    manifests = check_delivery(release.out)
    for manifest in manifests:
        paths = part_paths(release.out, manifest)
        rows += read(paths, "SELECT id, v FROM {}") if paths else []
    assert len(manifests) > 2
    table = server.query("SELECT id, v FROM t", database)
    if cursor in ("id", "created"):  # which do not change with a row
        ids = [row for row, _ in rows]
        assert len(ids) == len(set(ids)), "a row was exported twice"
        assert set(ids) == {row for row, _ in table}
        return
    assert len(rows) == len(set(rows)), "a row version was exported twice"
    latest = {}
    for row, v in rows:
        latest[row] = max(v, latest.get(row, -1))
    assert latest == dict(table)
