"""Tables of MySQL and MariaDB that are altered, renamed, dropped or locked between two pages of a run. Without a snapshot
nothing is held between statements, so it can happen: then the run goes on with what it began with, or says what has
happened; never is a row lost or a value read as something else. What waits for a lock waits no longer than it may."""

import re
import signal

import pytest

from support.pausing import between_two_pages
from support.servers import MysqlServer, wait_until
from tables_mysql import USER, configure, new_database, rows_of, source_rows

ROWS = 600
SLOWLY = {"batch_size": 100, "throttle_ms": 100, "max_retries": 0}
STATEMENT = {"consistency": "statement", "on_existing": "replace"}
LOST = (1, "RIVET_SOURCE_NOT_FOUND")
ALTERED = (1, "RIVET_SOURCE_QUERY")


@pytest.fixture
def database(mysql) -> str:
    return new_database(mysql, ROWS)


def make_table(server: MysqlServer, database: str, key: str = "id int PRIMARY KEY", value: str = "i") -> None:
    server.execute(
        f"CREATE TABLE t ({key}, v int NOT NULL, w varchar(40), n int NOT NULL DEFAULT 5) CHARACTER SET utf8mb4",
        f"INSERT INTO t (id, v, w) SELECT {value}, i, CONCAT('w', i) FROM numbers",
        database=database,
    )


# What is done, and how the run ends: None, well.
CHANGES = {
    "add-last": ("ALTER TABLE t ADD more int NOT NULL DEFAULT 7", None),
    "add-first": ("ALTER TABLE t ADD more int NOT NULL DEFAULT 7 FIRST", None),
    "add-index": ("CREATE INDEX k ON t (v)", None),
    "reorder": ("ALTER TABLE t MODIFY v int NOT NULL AFTER w", None),
    "drop-another": ("ALTER TABLE t DROP n", LOST),
    "drop": ("ALTER TABLE t DROP w", LOST),
    "rename-column": ("ALTER TABLE t CHANGE w x varchar(40)", LOST),
    "wider": ("ALTER TABLE t MODIFY v bigint NOT NULL", ALTERED),
    "unsigned": ("ALTER TABLE t MODIFY v int unsigned NOT NULL", ALTERED),
    "other-type": ("ALTER TABLE t MODIFY n varchar(9) NOT NULL", ALTERED),
    "drop-table": ("DROP TABLE t", LOST),
    "rename-table": ("RENAME TABLE t TO u", LOST),
    "drop-key": ("ALTER TABLE t DROP PRIMARY KEY", ALTERED),
}


@pytest.mark.parametrize("change", CHANGES)
def test_altered_between_two_pages(program, mysql, database, change):
    sql, expected = CHANGES[change]
    make_table(mysql, database)
    before = source_rows(mysql, database)
    configure(program, mysql, database, tuning=SLOWLY, **STATEMENT)
    with between_two_pages(program) as ended:
        mysql.execute(sql, database=database)
    [result] = ended
    if expected is None:
        result.ok()
        assert rows_of(program) == before
        return
    result.failed(*expected)
    assert "'t'" in result.err or ".t" in result.err, "the table is named"
    assert not list(program.out.glob("*.parquet")), "nothing of it is left"


@pytest.mark.parametrize("change", ["add-last", "drop", "wider"])
@pytest.mark.parametrize("decision, rc", [("fail", 4), ("continue", 0)])
def test_the_next_run_decides_on_the_new_columns(program, mysql, database, change, decision, rc):
    sql, _ = CHANGES[change]
    columns = "v" if change == "drop" else "v, w"
    make_table(mysql, database)
    configure(program, mysql, database, **STATEMENT)
    program.run().ok()
    configure(program, mysql, database, tuning=SLOWLY, on_schema_drift=decision, **STATEMENT)
    with between_two_pages(program):
        mysql.execute(sql, database=database)
    result = program.run()
    assert result.rc == rc, result.err
    if rc == 0:
        assert rows_of(program, columns) == source_rows(mysql, database, columns=columns)


# A key whose rows sort otherwise from now on: the place that a page begins after means another one.
ORDERS = {
    "collation": (
        "id varchar(20) COLLATE utf8mb4_bin PRIMARY KEY",
        "CONCAT(CHAR(65 + i % 2 * 32 USING latin1), i)",
        "MODIFY id varchar(20) COLLATE utf8mb4_general_ci",
    ),
    "charset": (
        "id varchar(20) CHARACTER SET latin1 COLLATE latin1_bin PRIMARY KEY",
        "CONCAT(CHAR(65 + i % 2 * 32 USING latin1), i)",
        "MODIFY id varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    ),
    "labels": (
        "e enum('a','b','c') NOT NULL, id int, PRIMARY KEY (e, id)",
        "i",
        "MODIFY e enum('c','b','a') NOT NULL",
    ),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("mode", [{}, {"mode": "chunked", "chunk_size": 200}], ids=["full", "chunked"])
def test_a_key_that_sorts_otherwise_between_two_pages(program, mysql, database, order, mode):
    key, value, change = ORDERS[order]
    make_table(mysql, database, key, value)
    if order == "labels":
        mysql.execute("UPDATE t SET e = ELT(1 + id % 3, 'a', 'b', 'c')", database=database)
    before = source_rows(mysql, database)
    configure(program, mysql, database, tuning=SLOWLY, **STATEMENT, **mode)
    with between_two_pages(program) as ended:
        mysql.execute(f"ALTER TABLE t {change}", database=database)
    [result] = ended
    result.failed(*ALTERED)
    assert "altered" in result.err or "collations" in result.err
    program.run().ok()
    assert rows_of(program) == before


def test_chunks_are_not_resumed_in_another_order(program, mysql, database):
    """They were cut in the order that the key had."""
    key, value, change = ORDERS["collation"]
    make_table(mysql, database, key, value)
    before = source_rows(mysql, database)
    configure(program, mysql, database, mode="chunked", chunk_size=150, **STATEMENT)
    assert program.run(env={"RIVET_CRASH_AT": "after-chunk-complete:2"}).rc == -signal.SIGKILL
    mysql.execute(f"ALTER TABLE t {change}", database=database)
    assert not program.run_json()["per_export"][0]["resumed"]
    assert rows_of(program) == before


@pytest.mark.parametrize("value, rc", [(None, 1), ("later", 0)], ids=["null", "value"])
def test_a_column_that_may_be_null_from_now_on(program, mysql, database, value, rc):
    make_table(mysql, database)
    mysql.execute("ALTER TABLE t MODIFY w varchar(40) NOT NULL", database=database)
    configure(program, mysql, database, tuning=SLOWLY, **STATEMENT)
    with between_two_pages(program) as ended, mysql.connect(database) as session:
        session.query("ALTER TABLE t MODIFY w varchar(40) NULL")
        session.cursor().execute("UPDATE t SET w = %s WHERE id > 500", [value])
    assert ended[0].rc == rc, ended[0].err


# ---- locks ----

WAITING = (
    f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '{USER}' AND STATE LIKE '%table metadata lock%'"
)


def waits(server: MysqlServer) -> bool:
    return server.query(WAITING)[0][0] > 0


@pytest.mark.parametrize("consistency", ["statement", "snapshot"])
def test_a_locked_table_is_not_waited_for_without_end(program, mysql, database, consistency):
    """Each try lasts lock_timeout_s, and there are as many as there may be: no more waits than that are seen."""
    make_table(mysql, database)
    tuning = {"lock_timeout_s": 1, "max_retries": 1, "retry_backoff_ms": 10}
    configure(program, mysql, database, consistency=consistency, tuning=tuning)
    with mysql.watched() as watch, mysql.connect(database) as session:
        session.query("LOCK TABLES t WRITE")
        result = program.run(seconds=30).failed(75, "RIVET_SOURCE_LOCK_TIMEOUT")
    assert "1205" in result.err and "lock_timeout_s" in result.err
    tries = re.compile(r"SELECT (\*|_rivet\.`id`, .*) FROM `\w+`\.`t`")
    waited = [line for line in watch.statements(USER) if line.command == "Prepare" and tries.match(line.text)]
    assert 1 <= len(waited) <= 4, waited
    program.run().ok()
    assert rows_of(program) == source_rows(mysql, database)


@pytest.mark.parametrize("retries, code", [(0, "RIVET_SOURCE_LOCK_TIMEOUT"), (20, "")], ids=["once", "again"])
def test_a_lock_between_two_pages(program, mysql, database, retries, code):
    """It is given up after lock_timeout_s; whoever may try again does, and goes on when the lock is gone."""
    make_table(mysql, database)
    tuning = SLOWLY | {"lock_timeout_s": 1, "max_retries": retries, "retry_backoff_ms": 10}
    configure(program, mysql, database, tuning=tuning, **STATEMENT)
    process = program.start("run", "-c", "rivet.yaml", "--json")
    wait_until(lambda: list(program.out.glob(".rivet-*")), 30, "the first page")
    with mysql.connect(database) as session:
        session.query("LOCK TABLES t WRITE")
        wait_until(lambda: waits(mysql), 30, "the reader to stand before the lock")
        wait_until(lambda: not waits(mysql) or process.poll() is not None, 30, "the wait's end")
    result = program.finish(process)
    if code:
        result.failed(75, code)
        return
    assert result.ok().json["per_export"][0]["retries"] >= 1
    assert rows_of(program) == source_rows(mysql, database)


def test_an_interrupt_ends_the_wait_for_a_lock(program, mysql, database):
    make_table(mysql, database)
    configure(program, mysql, database, tuning={"lock_timeout_s": 100})
    with mysql.connect(database) as session:
        session.query("LOCK TABLES t WRITE")
        process = program.start("run", "-c", "rivet.yaml")
        wait_until(lambda: waits(mysql), 30, "the reader to stand before the lock")
        process.send_signal(signal.SIGINT)
        assert program.finish(process, 20).rc == 130
        wait_until(lambda: mysql.sessions(USER) == 0, 20, "its session to end")


@pytest.mark.parametrize("server", ["mariadb", "mysql80"])
def test_a_table_that_is_altered_waits_for_a_snapshot_or_the_run_says_so(program, request, server):
    """Once a table was read within a snapshot the server keeps it as it is; before that it refuses to show it."""
    server = request.getfixturevalue(server)
    database = new_database(server, ROWS)
    make_table(server, database)
    before = source_rows(server, database)
    configure(program, server, database, tuning=SLOWLY, consistency="snapshot")
    with between_two_pages(program) as ended, server.connect(database) as session:
        session.query("SET SESSION lock_wait_timeout = 1")
        with pytest.raises(Exception, match="1205"):
            session.query("ALTER TABLE t DROP w")
    ended[0].ok()
    assert rows_of(program) == before
