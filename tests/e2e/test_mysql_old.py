"""The old end of the family, MySQL 5.7, through everything that a run does: full and chunked, in increments that meet late
commits, killed and resumed, logged in to with its own TLS, which is too old. The newer servers go through more of each in the
other files; what differs here is the catalog, the snapshot's proof, and what the transactions of others are seen by."""

import signal

import pytest

from support.certificates import openssl
from support.delivery import check_delivery
from support.mysql_wire import Relay
from support.servers import MYSQL57, MysqlServer, tls_settings
from tables_mysql import USER, configure, new_database, rows_of, source_rows
from test_mysql_modes import FORBIDDEN, make_table

ROWS = 2000
CIPHER = "SELECT VARIABLE_VALUE AS v FROM performance_schema.session_status WHERE VARIABLE_NAME = 'Ssl_cipher'"


@pytest.fixture
def database(mysql57) -> str:
    return new_database(mysql57, ROWS)


WAYS = {
    "full": {},
    "statement": {"consistency": "statement"},
    "chunked": {"mode": "chunked", "chunk_size": 400, "parallel": 3},
    "lanes-of-one-snapshot": {"mode": "chunked", "chunk_size": 400, "parallel": 3, "consistency": "snapshot"},
    "range": {"mode": "chunked", "chunk_column": "v", "chunk_count": 5},
    "query": {"query": "SELECT * FROM t"},
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_reading(program, mysql57, database, way):
    make_table(mysql57, database, "composite")
    configure(program, mysql57, database, tuning={"batch_size": 150}, **WAYS[way])
    with mysql57.watched() as watch:
        summary = program.run_json()["per_export"][0]
    assert rows_of(program) == source_rows(mysql57, database)
    assert way == "query" or summary["strategy"] == ("range" if way == "range" else "keyset")
    said = watch.statements(USER)
    assert said and not [line.text for line in said if FORBIDDEN.search(line.text)]


@pytest.mark.parametrize("point", ["after-page-read:9", "before-part-put:2", "after-chunk-complete:2", "after-manifest:1"])
def test_killed_and_resumed(program, mysql57, database, point):
    make_table(mysql57, database, "text-unicode")
    keys = {"mode": "chunked", "chunk_size": 400, "parallel": 2, "tuning": {"batch_size": 100}}
    configure(program, mysql57, database, **keys)
    assert program.run(env={"RIVET_CRASH_AT": point}).rc == -signal.SIGKILL, "the point was not met"
    assert program.run_json()["per_export"][0]["resumed"]
    assert len(check_delivery(program.out)) == 1
    assert rows_of(program) == source_rows(mysql57, database)


@pytest.mark.parametrize("grants", ["SELECT, PROCESS ON *.*", "SELECT ON *.*"], ids=["process", "no-process"])
def test_a_row_that_commits_late_is_exported_later(program, mysql57, database, grants):
    mysql57.new_user(USER, "IDENTIFIED WITH mysql_native_password", grants)
    mysql57.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, v int NOT NULL, updated_at timestamp(6) NULL, KEY (updated_at))",
        "INSERT INTO t SELECT i, 1, '2024-01-01' + INTERVAL i SECOND FROM numbers",
        database=database,
    )
    keys = {"mode": "incremental", "cursor_column": "updated_at", "cursor_lookback": "400d"}
    configure(program, mysql57, database, **keys)
    with mysql57.connect(database, autocommit=False) as late:
        late.query("SET autocommit = 0")
        late.query("INSERT INTO t VALUES (5000, 1, '2024-01-01 00:00:30')")
        mysql57.execute("INSERT INTO t VALUES (6000, 1, '2024-05-01')", database=database)
        program.run().ok()
        program.run().ok()
        assert (5000, 1) not in rows_of(program, "id, v")
        late.commit()
    program.run().ok()
    program.run().ok()
    rows = rows_of(program, "id, v")
    assert len(rows) == len(set(rows)) == ROWS + 2 and (5000, 1) in rows


# ---- logins and encryption ----


@pytest.fixture(scope="module")
def old_tls(base) -> MysqlServer:
    """Its TLS is a library of its own, which ends with version 1.1 and reads RSA keys in their oldest form only."""
    folder = base / "mysql57-certificates"
    folder.mkdir()
    key, plain_key, certificate = (folder / name for name in ("key", "rsa-key", "crt"))
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "2"]
    openssl(*request, "-keyout", key, "-out", certificate)
    openssl("rsa", "-traditional", "-in", key, "-out", plain_key)
    settings = tls_settings(base, "mysql57-tls", certificate, (certificate, plain_key))
    server = MysqlServer(MYSQL57, base, "mysql57-tls", settings).start()
    server.execute("CREATE DATABASE shop")
    server.new_user("someone", "IDENTIFIED WITH mysql_native_password BY 'a-rare-päss'")
    assert server.query("SELECT @@have_ssl, @@tls_version") == [("YES", "TLSv1,TLSv1.1")]
    yield server
    server.stop()


def ask_cipher(program, server, tls: dict, password: str = "a-rare-päss"):
    source = {"type": "mysql", "host": "127.0.0.1", "port": server.port, "user": "someone", "database": "shop"}
    asked = {"query": CIPHER, "format": "csv", "destination": {"type": "stdout"}}
    return program.configure(source | {"password": password, "tls": tls}, program.export("t", **asked)).run()


def test_a_login_without_tls(program, old_tls):
    with Relay(old_tls.port) as relay:
        header, value = ask_cipher(program, relay, {"mode": "disable"}).ok().text.split("\n")[:2]
        assert (header, value.strip('"')) == ("v", "")
        assert b"someone" in relay.from_client and "a-rare-päss".encode() not in relay.from_client
    ask_cipher(program, old_tls, {"mode": "disable"}, "wr0ng").failed(1, "RIVET_SOURCE_AUTH")


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_tls_too_old_to_protect_is_refused_and_never_done_without(program, old_tls, base, mode):
    """TLS 1.1 is not taken (RFC 8996); nor is the login sent in the clear instead."""
    tls = {"mode": mode} | ({} if mode == "require" else {"ca_file": str(base / "mysql57-certificates" / "crt")})
    with Relay(old_tls.port) as relay:
        ask_cipher(program, relay, tls).failed(1, "RIVET_SOURCE_TLS")
        assert relay.from_client and b"someone" not in relay.from_client


# ---- around ----


def test_init_doctor_and_run_agree(program, mysql57, database):
    make_table(mysql57, database, "bigint")
    program.call("init", "--source", mysql57.url(database, USER), "--table", "t", "-o", "rivet.yaml").ok()
    report = program.call("doctor", "-c", "rivet.yaml", "--json").ok().json
    details = {check["name"]: check["detail"] for check in report["checks"]}
    assert report["all_ok"] and details["source"].startswith("MySQL 5.7.")
    assert details["export t"].startswith(f"table {database}.t, 3 columns; keyset, 1 chunk: ")
    program.run().ok()
