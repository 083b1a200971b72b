"""Encryption against real certificates, logins, sockets, and what is refused rather than done in the
clear."""

import os
import shutil

import pytest

from support.account import own
from support.certificates import Authority
from support.delivery import check_delivery
from support.servers import PostgresServer

HBA = """
local all all trust
hostssl all postgres 127.0.0.1/32 trust
hostssl all scram 127.0.0.1/32 scram-sha-256
hostssl all md5 127.0.0.1/32 md5
hostssl all denied 127.0.0.1/32 reject
"""


@pytest.fixture(scope="module")
def authority(base) -> Authority:
    folder = base / "certificates"
    folder.mkdir()
    return Authority(folder, "ours")


@pytest.fixture(scope="module")
def other(base) -> Authority:
    folder = base / "other-certificates"
    folder.mkdir()
    return Authority(folder, "theirs")


def tls_server(base, name: str, pair: tuple) -> PostgresServer:
    certificate, key = (own(shutil.copy(path, base / f"{name}-{path.name}")) for path in pair)
    os.chmod(key, 0o600)
    server = PostgresServer(
        15, base, name, {"ssl": "on", "ssl_cert_file": certificate, "ssl_key_file": key}, HBA
    ).start()
    server.execute(
        "CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 10) i;"
        "CREATE ROLE scram LOGIN PASSWORD 'right'; GRANT SELECT ON t TO scram;"
        "SET password_encryption = 'md5'; CREATE ROLE md5 LOGIN PASSWORD 'right'; GRANT SELECT ON t TO md5;"
        "CREATE ROLE denied LOGIN"
    )
    return server


@pytest.fixture(scope="module")
def tls(base, authority):
    """A server whose certificate is for 127.0.0.1, and which takes nothing but TLS over TCP."""
    server = tls_server(base, "tls", authority.issue("127.0.0.1"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def misnamed(base, authority):
    """The same, but the certificate is for another host."""
    server = tls_server(base, "misnamed", authority.issue("db.example"))
    yield server
    server.stop()


def run(program, server, tls: dict | None, user: str = "postgres", **source):
    fields = {
        "type": "postgres",
        "host": "127.0.0.1",
        "port": server.port,
        "user": user,
        "database": "postgres",
    }
    block = {} if tls is None else {"tls": tls}
    program.configure(fields | block | source, program.export("t"))
    return program.run()


WRONG = (1, "RIVET_SOURCE_TLS")
MATRIX = [
    # mode, right authority, other authority, right authority but other host
    ("require", 0, 0, 0),
    ("verify-ca", 0, WRONG, 0),
    ("verify-full", 0, WRONG, WRONG),
]


def check(result, expected) -> None:
    if expected == 0:
        result.ok()
    else:
        result.failed(*expected)


@pytest.mark.parametrize("mode, right, _, __", MATRIX, ids=[row[0] for row in MATRIX])
def test_the_right_authority(program, tls, authority, mode, right, _, __):
    check(
        run(
            program,
            tls,
            {"mode": mode, "ca_file": str(authority.ca)} if mode != "require" else {"mode": mode},
        ),
        right,
    )
    check_delivery(program.out)


@pytest.mark.parametrize("mode, _, wrong, __", MATRIX[1:], ids=[row[0] for row in MATRIX[1:]])
def test_another_authority(program, tls, other, mode, _, wrong, __):
    check(run(program, tls, {"mode": mode, "ca_file": str(other.ca)}), wrong)


@pytest.mark.parametrize("mode, _, __, misnamed_host", MATRIX, ids=[row[0] for row in MATRIX])
def test_a_certificate_for_another_host(program, misnamed, authority, mode, _, __, misnamed_host):
    check(
        run(
            program,
            misnamed,
            {"mode": mode, "ca_file": str(authority.ca)} if mode != "require" else {"mode": mode},
        ),
        misnamed_host,
    )


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_server_without_tls_is_never_talked_to_in_the_clear(program, pg15, shop, authority, mode):
    result = run(program, pg15, {"mode": mode, "ca_file": str(authority.ca)}, database=shop)
    result.failed(1, "RIVET_SOURCE_TLS")


def test_disable_is_plain_text_and_this_server_refuses_it(program, tls, pg15, shop):
    run(program, tls, {"mode": "disable"}).failed(1, "RIVET_SOURCE_AUTH")
    run(program, pg15, {"mode": "disable"}, database=shop).ok()


def test_the_default_of_a_tls_block_is_the_strictest(program, tls, misnamed, authority):
    run(program, tls, {"ca_file": str(authority.ca)}).ok()
    run(program, misnamed, {"ca_file": str(authority.ca)}).failed(*WRONG)
    run(program, tls, {"mode": "verify-full"}).failed(*WRONG)


def test_checks_are_given_up_only_by_name_and_with_a_warning(program, misnamed, authority, other):
    ca = str(authority.ca)
    assert "warning" in run(program, misnamed, {"ca_file": ca, "accept_invalid_hostnames": True}).ok().err
    assert (
        "warning" in run(program, misnamed, {"ca_file": str(other.ca), "accept_invalid_certs": True}).ok().err
    )


def test_the_url_carries_tls_as_well(program, tls, other, authority):
    url = tls.url() + "?sslmode=verify-full&sslrootcert="
    program.configure(url + str(authority.ca), program.export("t")).run().ok()
    program.configure(url + str(other.ca), program.export("t")).run().failed(*WRONG)
    program.configure(tls.url() + "?sslmode=prefer", program.export("t")).run().failed(
        1, "RIVET_CONFIG_VALUE"
    )


def test_doctor_says_how_the_connection_is_protected(program, tls, authority):
    program.configure({"url": tls.url(), "tls": {"ca_file": str(authority.ca)}}, program.export("t"))
    assert (
        "TLSv1.3, certificate verified for 127.0.0.1" in program.call("doctor", "-c", "rivet.yaml").ok().text
    )


@pytest.mark.parametrize("user", ["scram", "md5"])
def test_passwords(program, tls, user):
    require = {"mode": "require"}
    run(program, tls, require, user, password="right").ok()
    wrong = run(program, tls, require, user, password="wr0ngwr0ng").failed(1, "RIVET_SOURCE_AUTH")
    assert "[28P01]" in wrong.err and "wr0ngwr0ng" not in wrong.err and "hint" in wrong.err
    missing = run(program, tls, require, user).failed(1, "RIVET_SOURCE_AUTH")
    assert "password" in missing.err


@pytest.mark.parametrize("user", ["denied", "nobody"])
def test_refused_users(program, tls, user):
    run(program, tls, {"mode": "require"}, user).failed(1, "RIVET_SOURCE_AUTH")


def test_a_missing_database_and_a_closed_port_are_told_apart(program, pg15, shop):
    program.configure(pg15.url("nowhere"), program.export("t")).run().failed(1, "RIVET_SOURCE_NOT_FOUND")
    source = {"url": pg15.url(shop, port=1), "tuning": {"retry_backoff_ms": 5}}
    program.configure(source, program.export("t")).run().failed(75, "RIVET_SOURCE_CONNECT")


@pytest.mark.parametrize("host", ["192.0.2.1", "db.example.invalid", "127.0.0.1,192.0.2.1"])
def test_nothing_is_sent_to_another_machine_in_the_clear(program, host):
    source = {"type": "postgres", "host": host, "user": "u", "password": "secret", "database": "d"}
    result = program.configure(source, program.export("t")).run(seconds=10)
    assert result.rc == 1 and result.code in ("RIVET_SOURCE_TLS", "RIVET_CONFIG_VALUE"), result.err
    assert result.seconds < 5, "refused before anything is sent"


def test_a_unix_socket(program, pg15, shop):
    source = {
        "type": "postgres",
        "host": str(pg15.socket_folder),
        "port": pg15.port,
        "user": "postgres",
        "database": shop,
    }
    program.configure(source, program.export("t")).run().ok()
    folder = str(pg15.socket_folder).replace("/", "%2F")
    program.configure(f"postgresql://postgres@{folder}:{pg15.port}/{shop}", program.export("t")).run().ok()


@pytest.mark.parametrize(
    "name, value",
    [
        ("PGHOST", "192.0.2.1"),
        ("PGPORT", "1"),
        ("PGUSER", "nobody"),
        ("PGDATABASE", "nowhere"),
        ("PGSSLMODE", "require"),
        ("PGCLIENTENCODING", "LATIN1"),
        ("PGAPPNAME", "x"),
        ("PGPASSFILE", "/dev/full"),
        ("PGTZ", "Asia/Kolkata"),
        ("PGDATESTYLE", "German"),
        ("PGTARGETSESSIONATTRS", "read-only"),
    ],
)
def test_the_environment_has_no_say(program, pg15, shop, name, value):
    program.configure(pg15.url(shop), program.export("t"))
    assert program.run_json(env={name: value})["total_rows"] == 1000


@pytest.mark.parametrize("name", ["PGSERVICE", "PGHOSTADDR", "PGOPTIONS"])
def test_what_cannot_be_overruled_is_refused_by_name(program, pg15, shop, name):
    program.configure(pg15.url(shop), program.export("t"))
    result = program.run(env={name: "127.0.0.1"})
    assert result.rc != 0 and name in result.err


def test_the_server_shows_who_is_reading(program, pg15, shop):
    name = "SELECT current_setting('application_name') AS name"
    program.configure(
        pg15.url(shop), program.export("t", query=name, format="csv", destination={"type": "stdout"})
    )
    assert program.run().ok().text == "name\nrivet\n"
