"""A password with every printable byte logs in, and appears nowhere."""

import random
import string
from urllib.parse import quote

import pytest

from support.servers import MARIADB, MysqlServer, PostgresServer, wait_until

CANARY = "".join(random.Random(7).sample(string.punctuation + string.digits + string.ascii_letters + " ", 95))
PIECE = 8  # so many bytes of it in a row are a leak
HBA = "local all all trust\nhost all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
FORMS = (CANARY, quote(CANARY, safe=""), quote(CANARY), CANARY.replace("\\", "\\\\").replace('"', '\\"'))


@pytest.fixture(scope="module")
def guarded_mysql(base):
    """The same of the other family; what is said to it is in its general log."""
    server = MysqlServer(MARIADB, base, "guarded-mysql", {"general_log": "ON"}).start()
    database = server.new_database("shop")
    server.execute(
        "CREATE TABLE t (id int PRIMARY KEY)",
        "INSERT INTO t VALUES (1), (2), (3)",
        "SET SESSION sql_log_off = 1",
        "CREATE USER 'etl'@'%' IDENTIFIED BY '" + CANARY.replace("\\", "\\\\").replace("'", "''") + "'",
        "GRANT SELECT, PROCESS ON *.* TO 'etl'@'%'",
        database=database,
    )
    yield server, database
    server.stop()


@pytest.fixture(scope="module")
def guarded(base):
    """A server that asks for the password, with a table."""
    server = PostgresServer(15, base, "guarded", hba=HBA).start()
    server.execute(
        "CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 100) i;"
        "CREATE ROLE etl LOGIN; GRANT SELECT ON t TO etl"
    )
    with server.connect() as session:
        session.execute("SELECT set_config('log_statement', 'none', false)")
        session.execute("ALTER ROLE etl PASSWORD '" + CANARY.replace("'", "''") + "'")
    yield server
    server.stop()


def leaked(data: bytes) -> str | None:
    """The first piece of any form of the canary in `data`."""
    for form in FORMS:
        for i in range(len(form) - PIECE):
            if form[i : i + PIECE].encode() in data:
                return form[i : i + PIECE]
    return None


def ways(server: PostgresServer) -> dict:
    """Each way of giving the password: the source block, files beside the configuration, and the
    environment."""
    url = server.url("postgres", "etl", CANARY)
    fields = {
        "type": "postgres",
        "host": "127.0.0.1",
        "port": server.port,
        "user": "etl",
        "database": "postgres",
    }
    return {
        "url": ({"url": url}, {}, {}),
        "url_env": ({"url_env": "DB"}, {}, {"DB": url}),
        "url_file": ({"url_file": "url"}, {"url": url + "\n"}, {}),
        "password": (fields | {"password": CANARY.replace("${", "$${")}, {}, {}),
        "password_env": (fields | {"password_env": "PW"}, {}, {"PW": CANARY}),
        "variable": (fields | {"password": "${PW}"}, {}, {"PW": CANARY}),
    }


WAYS = ("url", "url_env", "url_file", "password", "password_env", "variable")


@pytest.fixture(params=WAYS)
def secretive(request, program, guarded):
    """A program that is given the canary in one of the ways."""
    source, files, env = ways(guarded)[request.param]
    for name, text in files.items():
        (program.folder / name).write_text(text)
    program.env |= env
    program.secret_files = {program.config.name, *files}
    return program.configure(source, program.export("t"))


def check_nothing_leaked(program, *results) -> None:
    for result in results:
        assert leaked(result.out) is None and leaked(result.err.encode()) is None
    for path in program.folder.rglob("*"):
        if path.is_file() and path.name not in program.secret_files:
            assert leaked(path.read_bytes()) is None, path


def test_it_logs_in_and_leaves_no_trace(secretive):
    debug = ("--log-level", "debug")
    results = [secretive.run("--json", "--summary-output", "summary.json", *debug).ok()]
    for command in (("doctor",), ("state", "show"), ("state", "files"), ("metrics",), ("journal",)):
        results.append(secretive.call(*command, "-c", "rivet.yaml", "--json", *debug).ok())
    check_nothing_leaked(secretive, *results)


def test_failures_leave_no_trace(secretive, guarded):
    guarded.execute("ALTER ROLE etl NOLOGIN")
    try:
        results = [
            secretive.run("--log-level", "debug"),
            secretive.run("--json-errors"),
            secretive.call("doctor", "-c", "rivet.yaml"),
        ]
        assert all(result.rc == 1 for result in results)
        check_nothing_leaked(secretive, *results)
    finally:
        guarded.execute("ALTER ROLE etl LOGIN")


def test_a_misspelt_key_beside_it_shows_nothing_of_it(secretive):
    text = secretive.config.read_text()
    secretive.config.write_text(
        text.replace('"exports"', '"exprots"').replace('"url"', '"ulr"').replace('"password"', '"pasword"')
    )
    result = secretive.run("--log-level", "debug")
    assert result.rc == 1
    check_nothing_leaked(secretive, result)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://etl:{raw}@127.0.0.1:{port}/postgres",
        "postgresql//etl:{quoted}@127.0.0.1/postgres",
        "postgresql://etl:{quoted}@127.0.0.1:{port}/postgres?what={quoted}",
        "mysql://etl:{quoted}@h/d",
        "{raw}",
        "postgresql://etl:{quoted}%@127.0.0.1/postgres",
        "postgresql://etl:{quoted}@[::1/postgres",
    ],
)
def test_a_malformed_url_is_not_repeated(program, guarded, url):
    program.secret_files = {"rivet.yaml"}
    text = url.format(raw=CANARY, quoted=quote(CANARY, safe=""), port=guarded.port)
    program.configure(text.replace("${", "$${"), program.export("t"))
    results = [
        program.run("--log-level", "debug"),
        program.call("init", "--source", text, "--log-level", "debug"),
    ]
    assert all(result.rc == 1 for result in results)
    check_nothing_leaked(program, *results)


def test_init_leaves_it_out(program, guarded):
    program.secret_files = set()
    url = guarded.url("postgres", "etl", CANARY)
    shown = program.call("init", "--source", url, "--log-level", "debug").ok()
    written = program.call("init", "--source", url, "-o", "rivet.yaml").ok()
    check_nothing_leaked(program, shown, written)
    assert program.run_json(env={"RIVET_PASSWORD": CANARY})["total_rows"] == 100


def test_the_command_line_of_a_running_export_has_none_of_it(program, guarded):
    source, _, env = ways(guarded)["url_env"]
    slow = {"batch_size": 1, "throttle_ms": 2000}
    program.configure(source, program.export("t", query="SELECT * FROM t", tuning=slow))
    process = program.start("run", "-c", "rivet.yaml", env=env)
    wait_until(lambda: guarded.sessions("postgres") > 0, 30, "the session")
    with open(f"/proc/{process.pid}/cmdline", "rb") as file:
        assert leaked(file.read()) is None
    assert not any(leaked(query.encode()) for (query,) in guarded.query("SELECT query FROM pg_stat_activity"))
    process.terminate()
    program.finish(process)


def test_the_server_s_own_log_has_none_of_it(guarded):
    assert leaked(guarded.log.read_bytes().split(b"ALTER ROLE etl PASSWORD")[-1]) is None


def mysql_ways(server: MysqlServer, database: str) -> dict:
    fields = {"type": "mysql", "host": "127.0.0.1", "port": server.port, "user": "etl", "database": database}
    return {
        "url": ({"url": server.url(database, "etl", CANARY).replace("${", "$${")}, {}),
        "password_env": (fields | {"password_env": "PW"}, {"PW": CANARY}),
    }


@pytest.mark.parametrize("way", ["url", "password_env"])
def test_mysql_is_told_it_and_nobody_else_is(program, guarded_mysql, way):
    """It logs in, on the connection that reads and on those that stop a statement; no failure repeats it."""
    server, database = guarded_mysql
    source, env = mysql_ways(server, database)[way]
    program.env |= env
    program.secret_files = {program.config.name}
    program.configure(source, program.export("t"))
    debug = ("--log-level", "debug")
    results = [program.run("--json", "--summary-output", "summary.json", *debug).ok()]
    for command in (("doctor",), ("state", "show"), ("metrics",), ("journal",)):
        results.append(program.call(*command, "-c", "rivet.yaml", "--json", *debug).ok())

    endless = {"query": "SELECT id + SLEEP(600) AS id FROM t", "tuning": {"statement_timeout_s": 1, "max_retries": 0}}
    program.configure(source, program.export("t", **endless))
    stopped = program.run(*debug)
    assert stopped.rc != 0 and stopped.code == "RIVET_SOURCE_STATEMENT_TIMEOUT", stopped.err
    server.execute("ALTER USER 'etl'@'%' ACCOUNT LOCK")
    try:
        refused = [program.run(*debug), program.run("--json-errors"), program.call("doctor", "-c", "rivet.yaml", *debug)]
    finally:
        server.execute("ALTER USER 'etl'@'%' ACCOUNT UNLOCK")
    assert all(result.rc == 1 for result in refused)
    check_nothing_leaked(program, *results, stopped, *refused)

    written = program.call("init", "--source", server.url(database, "etl", CANARY), "-o", "new.yaml", *debug).ok()
    check_nothing_leaked(program, written)
    log = "\n".join(text for (text,) in server.query("SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log"))
    assert "`t`" in log and leaked(log.encode()) is None, "the server's own log"
    assert leaked(server.log.read_bytes()) is None
