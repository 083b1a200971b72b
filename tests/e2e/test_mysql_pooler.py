"""Behind a proxy that multiplexes: everything works, and no session of the server is left other than it was."""

import signal

import pytest

from support.mysql_pool import Multiplexer
from support.servers import wait_until
from tables_mysql import USER, configure, new_database, rows_of, source_rows

ROWS = 3000


@pytest.fixture
def database(mysql) -> str:
    name = new_database(mysql, ROWS)
    mysql.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, v int NOT NULL, w text)",
        "INSERT INTO t SELECT i, i, REPEAT('w', i % 40) FROM numbers",
        database=name,
    )
    return name


@pytest.fixture
def pool(mysql, database):
    """With what its server connections had set before and have afterwards."""
    with Multiplexer(mysql.port, USER, database) as multiplexer:
        before = multiplexer.settings()
        yield multiplexer
        wait_until(multiplexer.idle, 30, "every session's end")
        assert changed(before, multiplexer.settings()) == [{}, {}, {}], "settings leaked to the next client"


def changed(before: list[dict], after: list[dict]) -> list[dict]:
    """(was, is) by name, for each server connection."""
    return [
        {name: (was.get(name), value) for name, value in now.items() if was.get(name) != value}
        for was, now in zip(before, after, strict=True)
    ]


def through(program, pool, mysql, database, **keys):
    configure(program, mysql, database, **keys)
    source = mysql.url(database, USER, port=pool.port)
    return program.configure(source, program.export("t", on_existing="replace", **keys))


EXPORTS = [
    {},
    {"consistency": "snapshot"},
    {"consistency": "statement"},
    {"mode": "chunked", "chunk_size": 500, "tuning": {"batch_size": 100}},
    {"mode": "chunked", "chunk_column": "v", "chunk_count": 5},
    {"mode": "incremental", "cursor_column": "id"},
    {"query": "SELECT * FROM t"},
]


@pytest.mark.parametrize("keys", EXPORTS, ids=str)
def test_every_row_and_nothing_left_behind(program, pool, mysql, database, keys):
    through(program, pool, mysql, database, **keys).run().ok()
    assert rows_of(program) == source_rows(mysql, database)
    assert pool.commands > 10


def test_more_lanes_than_server_connections(program, pool, mysql, database):
    keys = {"mode": "chunked", "chunk_size": 300, "parallel": 4, "consistency": "statement"}
    through(program, pool, mysql, database, tuning={"batch_size": 50}, **keys).run().ok()
    assert rows_of(program) == source_rows(mysql, database)


def test_doctor_says_that_it_is_noticed(program, pool, mysql, database):
    through(program, pool, mysql, database)
    assert "pooler" in program.call("doctor", "-c", "rivet.yaml").ok().text


def test_a_failing_query(program, pool, mysql, database):
    through(program, pool, mysql, database, query="SELECT no_such_column FROM t")
    program.run().failed(1, "RIVET_SOURCE_NOT_FOUND")


@pytest.mark.parametrize("number, rc", [(signal.SIGKILL, -9), (signal.SIGINT, 130)], ids=["SIGKILL", "SIGINT"])
def test_a_killed_run(program, mysql, database, number, rc):
    """A session whose client is gone in the middle of a transaction is not the program's to put back."""
    with Multiplexer(mysql.port, USER, database) as pool:
        before = pool.settings()
        through(program, pool, mysql, database, tuning={"batch_size": 50, "throttle_ms": 200})
        process = program.start("run", "-c", "rivet.yaml")
        wait_until(lambda: list(program.out.glob(".rivet-*")) or process.poll() is not None, 30, "a spool file")
        process.send_signal(number)
        assert program.finish(process).rc == rc
        if number == signal.SIGINT:
            wait_until(pool.idle, 30, "every session's end")
            assert changed(before, pool.settings()) == [{}, {}, {}]
