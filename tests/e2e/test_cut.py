"""A connection that breaks after any number of bytes: never a success with rows missing, never a hang."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.delivery import check_delivery, visible
from support.program import Program
from support.proxy import Break, Proxy
from support.servers import MysqlServer, PostgresServer, wait_until
from tables_mysql import USER, new_database

STEP = 200
MYSQL_CUTS = 12  # of a run from MySQL, and one after each of the last bytes
MYSQL_LAST = (1, 5, 6, 9, 10, 20, 40)
HOWS = (Break.CLOSE, Break.RESET)


def prepared(program: Program, folder, pg15, database: str, proxy: Proxy, **keys) -> Program:
    """A program in its own folder that reads through the proxy."""
    folder.mkdir(exist_ok=True)
    one = Program(folder, program.binary)
    source = {"url": pg15.url(database, port=proxy.port) + "?connect_timeout=5", "tuning": {"retry_backoff_ms": 5}}
    return one.configure(source, one.export("t", **keys))


def whole_length(program: Program, pg15, database: str, **keys) -> int:
    """Bytes from the server in a run that is left alone."""
    with Proxy(pg15.port) as proxy:
        prepared(program, program.folder / "whole", pg15, database, proxy, **keys).run().ok()
        return proxy.passed


def check_cut(program: Program, pg15, database: str, after: int, how: Break, rows: int, **keys) -> None:
    with Proxy(pg15.port, after, how) as proxy:
        one = prepared(program, program.folder / f"cut-{after}-{how.value}", pg15, database, proxy, **keys)
        result = one.run(seconds=60)
    if result.rc == 0:
        [manifest] = check_delivery(one.out)
        assert manifest["row_count"] == rows, f"a success with rows missing, cut after {after} bytes"
        return
    assert result.rc in (1, 75) and result.code.startswith("RIVET_SOURCE_"), f"cut after {after}: {result}"
    assert visible(one.out) == [], f"cut after {after} bytes"


@pytest.fixture
def small(pg15, database) -> str:
    pg15.execute(
        "CREATE TABLE t AS SELECT i AS id, md5(i::text) AS v FROM generate_series(1, 150) i; ANALYZE t",
        database,
    )
    return database


@pytest.mark.timeout(600)
@pytest.mark.parametrize("keys", [{}, {"query": "SELECT * FROM t"}], ids=["copy", "fetch"])
def test_a_small_table_cut_everywhere(program, pg15, small, keys):
    length = whole_length(program, pg15, small, **keys)
    offsets = range(0, length + STEP, STEP)
    with ThreadPoolExecutor(3) as pool:
        list(
            pool.map(
                lambda after: check_cut(program, pg15, small, after, HOWS[after // STEP % 2], 150, **keys),
                offsets,
            )
        )


@pytest.mark.timeout(600)
def test_a_larger_table_cut_at_random(program, pg15, database):
    pg15.execute(
        "CREATE TABLE t AS SELECT i AS id, repeat(md5(i::text), 10) AS v FROM generate_series(1, 20000) i;"
        "ANALYZE t",
        database,
    )
    keys = {"tuning": {"batch_size_memory_mb": 1}}
    length = whole_length(program, pg15, database, **keys)
    seed = time.time_ns()
    print("seed", seed)
    chance = random.Random(seed)
    offsets = [chance.randrange(length) for _ in range(38)] + [length - 1, length - 6]
    with ThreadPoolExecutor(3) as pool:
        list(
            pool.map(
                lambda after: check_cut(program, pg15, database, after, chance.choice(HOWS), 20000, **keys),
                offsets,
            )
        )


@pytest.mark.timeout(200)
def test_a_black_hole_ends_in_a_failure_of_its_own_kind(program, pg15, database):
    """Nothing arrives any more and nobody says so: at the handshake, in the catalog, in the middle of the
    rows."""
    pg15.execute(
        "CREATE TABLE t AS SELECT i AS id, repeat(md5(i::text), 10) AS v FROM generate_series(1, 20000) i;"
        "ANALYZE t",
        database,
    )
    keys = {"tuning": {"batch_size_memory_mb": 1, "statement_timeout_s": 2, "max_retries": 0}}
    length = whole_length(program, pg15, database, **keys)
    # after so many bytes -> the longest that may take: the limit that applies there, and some time to give up
    holes = {100: 5 + 10, 1500: 60 + 30, length // 2: 12 + 20, length - 1: 60 + 30}

    def fall(after: int) -> None:
        with Proxy(pg15.port, after, Break.HOLE) as proxy:
            one = prepared(program, program.folder / f"hole-{after}", pg15, database, proxy, **keys)
            result = one.run(seconds=150)
        if result.rc == 0:
            assert check_delivery(one.out)[0]["row_count"] == 20000
            return
        assert result.rc == 75 and result.code in ("RIVET_SOURCE_CONNECT", "RIVET_SOURCE_LOST"), result
        assert result.seconds < holes[after], f"after {after} bytes: {result.seconds} s"
        assert visible(one.out) == []

    with ThreadPoolExecutor(len(holes)) as pool:
        list(pool.map(fall, holes))


def test_a_server_that_restarts_is_a_passing_failure(program, base):
    server = PostgresServer(15, base, "restarted").start()
    server.execute(
        "CREATE TABLE t AS SELECT i AS id, md5(i::text) AS v FROM generate_series(1, 100000) i; ANALYZE t"
    )
    program.configure(
        server.url(),
        program.export("t", query="SELECT * FROM t", tuning={"batch_size": 1000, "throttle_ms": 500, "max_retries": 0}),
    )
    process = program.start("run", "-c", "rivet.yaml")
    wait_until(lambda: list(program.out.glob(".rivet-*")), 30, "the first spool file")
    server.stop()
    result = program.finish(process, 30)
    assert result.rc == 75 and result.code == "RIVET_SOURCE_LOST", result.err
    assert visible(program.out) == []


def test_an_administrator_ends_the_session(program, pg15, database):
    pg15.execute(
        "CREATE TABLE t AS SELECT i AS id, md5(i::text) AS v FROM generate_series(1, 100000) i; ANALYZE t",
        database,
    )
    program.configure(
        pg15.url(database),
        program.export("t", query="SELECT * FROM t", tuning={"batch_size": 1000, "throttle_ms": 500, "max_retries": 0}),
    )
    process = program.start("run", "-c", "rivet.yaml")
    wait_until(lambda: list(program.out.glob(".rivet-*")), 30, "the first spool file")
    pg15.query(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
    result = program.finish(process, 30)
    assert result.rc == 75 and result.code == "RIVET_SOURCE_LOST", result.err
    assert visible(program.out) == []


# ---- MySQL and MariaDB: the client library tells the end of the rows and a failure by the same NULL ----


def through_proxy(program: Program, folder: str, server: MysqlServer, database: str, proxy: Proxy, **keys) -> Program:
    """A program in its own folder that reads through the proxy, in the clear so that it is rows that are cut."""
    (program.folder / folder).mkdir(exist_ok=True)
    one = Program(program.folder / folder, program.binary)
    url = server.url(database, USER, port=proxy.port) + "?sslmode=disable&connect_timeout=5"
    return one.configure({"url": url, "tuning": {"retry_backoff_ms": 5}}, one.export("t", **keys))


def whole_mysql_length(program: Program, server: MysqlServer, database: str, **keys) -> int:
    with Proxy(server.port) as proxy:
        through_proxy(program, "whole", server, database, proxy, **keys).run().ok()
        return proxy.passed


def mysql_table(server: MysqlServer, rows: int, value: str = "MD5(i)") -> str:
    database = new_database(server, rows)
    server.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v text)",
        f"INSERT INTO t SELECT i, {value} FROM numbers",
        "ANALYZE TABLE t",
        database=database,
    )
    return database


@pytest.mark.timeout(600)
@pytest.mark.parametrize("keys", [{}, {"query": "SELECT * FROM t"}], ids=["pages", "stream"])
def test_rows_of_mysql_cut_everywhere(program, mysql, keys):
    """Of a stream and of pages; the bytes behind the last row are those that say that it was the last."""
    database = mysql_table(mysql, 150)
    length = whole_mysql_length(program, mysql, database, **keys)
    chance = random.Random(length)
    offsets = {i * length // MYSQL_CUTS + chance.randrange(length // MYSQL_CUTS) for i in range(MYSQL_CUTS)}
    offsets |= {length - last for last in MYSQL_LAST}

    def check(after: int) -> int:
        with Proxy(mysql.port, after, HOWS[after % 2]) as proxy:
            one = through_proxy(program, f"cut-{after}", mysql, database, proxy, **keys)
            result = one.run(seconds=60)
        if result.rc == 0:
            [manifest] = check_delivery(one.out)
            assert manifest["row_count"] == 150, f"a success with rows missing, cut after {after} bytes"
        else:
            assert result.rc in (1, 75) and result.code.startswith("RIVET_SOURCE_"), f"cut after {after}: {result}"
            assert visible(one.out) == [], f"cut after {after} bytes"
        return result.rc

    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(check, sorted(offsets))) & {1, 75}, "nothing was cut"


@pytest.mark.timeout(200)
@pytest.mark.parametrize("keys", [{}, {"query": "SELECT * FROM t"}], ids=["pages", "stream"])
def test_a_black_hole_before_mysql_ends_in_a_failure_of_its_own_kind(program, mariadb, keys):
    """Nothing arrives any more and nobody says so: at the handshake, and in the middle of the rows."""
    database = mysql_table(mariadb, 20000, "REPEAT(MD5(i), 10)")
    keys = keys | {"tuning": {"batch_size_memory_mb": 1, "statement_timeout_s": 1, "max_retries": 0}}
    length = whole_mysql_length(program, mariadb, database, **keys)
    failures = [(75, "RIVET_SOURCE_CONNECT"), (75, "RIVET_SOURCE_LOST")]
    if "query" in keys:  # one statement, whose time has a limit however the server spends it
        failures += [(1, "RIVET_SOURCE_STATEMENT_TIMEOUT")]

    def fall(after: int) -> None:
        with Proxy(mariadb.port, after, Break.HOLE) as proxy:
            one = through_proxy(program, f"hole-{after}", mariadb, database, proxy, **keys)
            result = one.run(seconds=60)
        assert (result.rc, result.code) in failures, result
        assert visible(one.out) == []

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fall, (40, length // 2)))
