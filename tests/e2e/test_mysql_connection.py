"""Logins and encryption with MySQL and MariaDB: every authentication plugin, every TLS mode against real certificates,
who sits in between, and what a client must never give away. libmariadb is plain by default and takes any certificate
unless told otherwise, so each mode is asked of the server itself and tried against an impostor."""

from pathlib import Path

import pytest

from support.certificates import Authority
from support.mysql_wire import Faltering, Impostor, Relay, RogueServer, Stripper
from support.proxy import Break, Proxy
from support.servers import MARIADB, MYSQL80, MysqlServer, tls_settings

PASSWORD = "p@ss:w/örd?#%&+ \"'\\日本"
WRONG = (1, "RIVET_SOURCE_TLS")
SECRET = "a-row-of-the-table"
CIPHER = "SELECT VARIABLE_VALUE AS v FROM performance_schema.session_status WHERE VARIABLE_NAME = 'Ssl_cipher'"
NATIVE = "IDENTIFIED WITH mysql_native_password"
FLAVOURS = pytest.mark.parametrize("flavour", [MARIADB, MYSQL80], ids=lambda flavour: flavour.name, scope="module")


@pytest.fixture(scope="module")
def authority(base) -> Authority:
    folder = base / "mysql-certificates"
    folder.mkdir()
    return Authority(folder, "ours")


@pytest.fixture(scope="module")
def other(base) -> Authority:
    folder = base / "mysql-other-certificates"
    folder.mkdir()
    return Authority(folder, "theirs")


@pytest.fixture(scope="module")
def tls_servers(base, authority, other):
    """Servers by flavour and certificate, started when asked for."""
    running: dict[tuple, MysqlServer] = {}
    pairs = {
        "right": lambda: (authority.ca, authority.issue("127.0.0.1")),
        "misnamed": lambda: (authority.ca, authority.issue("db.example")),
        "expired": lambda: (authority.ca, authority.issue("127.0.0.1", days=-1)),
        "own": lambda: (other.ca, (other.ca, other.folder / "theirs.key")),  # signed by itself
    }

    def server(flavour, kind: str) -> MysqlServer:
        if (flavour, kind) not in running:
            name = f"{flavour.name}-{kind}"
            settings = tls_settings(base, name, *pairs[kind]())
            running[flavour, kind] = prepared(MysqlServer(flavour, base, name, settings | plugins(flavour)).start())
        return running[flavour, kind]

    yield server
    for each in running.values():
        each.stop()


@pytest.fixture(scope="module")
def plain_servers(base):
    """Servers without TLS, by flavour."""
    running: dict = {}

    def server(flavour) -> MysqlServer:
        if flavour not in running:
            off = {"skip_ssl": None} if flavour is MARIADB else {"ssl": "OFF"}
            name = f"{flavour.name}-plain"
            running[flavour] = prepared(MysqlServer(flavour, base, name, off | plugins(flavour)).start())
        return running[flavour]

    yield server
    for each in running.values():
        each.stop()


def plugins(flavour) -> dict:
    return {"plugin_load_add": "auth_ed25519"} if flavour is MARIADB else {}


def prepared(server: MysqlServer) -> MysqlServer:
    server.execute("CREATE DATABASE shop")
    server.execute("CREATE TABLE t (id int PRIMARY KEY, v text)", f"INSERT INTO t VALUES (1, '{SECRET}')", database="shop")
    server.new_user("exporter", NATIVE)
    server.new_user("tls_only", NATIVE, require="SSL")
    return server


def configure(program, server, tls: dict | None, user: str = "exporter", query: str = "", **source):
    fields = {"type": "mysql", "host": "127.0.0.1", "port": server.port, "user": user, "database": "shop"}
    block = {} if tls is None else {"tls": tls}
    what = {"query": query, "format": "csv", "destination": {"type": "stdout"}} if query else {}
    what = what or {"on_existing": "replace"}
    return program.configure(fields | block | source, program.export("t", **what))


def run(program, server, tls: dict | None, user: str = "exporter", query: str = "", **source):
    return configure(program, server, tls, user, query, **source).run()


def cipher(program, server, tls: dict | None, **source) -> str:
    """What the server says of the session that the run had."""
    header, value = run(program, server, tls, query=CIPHER, **source).ok().text.split("\n")[:2]
    assert header == "v"
    return value.strip('"')


def with_mode(mode: str, ca: Path) -> dict:
    return {"mode": mode} | ({"ca_file": str(ca)} if mode.startswith("verify") else {})


# ---- TLS ----

MATRIX = [
    # mode, and what becomes of it with each certificate
    ("require", {"right": 0, "misnamed": 0, "expired": 0, "own": 0}),
    ("verify-ca", {"right": 0, "misnamed": 0, "expired": WRONG, "own": WRONG}),
    ("verify-full", {"right": 0, "misnamed": WRONG, "expired": WRONG, "own": WRONG}),
]
CASES = [(mode, kind, expected) for mode, row in MATRIX for kind, expected in row.items()]


@FLAVOURS
@pytest.mark.parametrize("mode, kind, expected", CASES, ids=[f"{mode}-{kind}" for mode, kind, _ in CASES])
def test_each_mode_with_each_certificate(program, tls_servers, authority, flavour, mode, kind, expected):
    server, tls = tls_servers(flavour, kind), with_mode(mode, authority.ca)
    if expected:
        run(program, server, tls).failed(*expected)
    else:
        assert cipher(program, server, tls) != ""


@FLAVOURS
def test_disable_is_plain_text(program, tls_servers, flavour):
    server = tls_servers(flavour, "right")
    assert cipher(program, server, {"mode": "disable"}) == ""
    run(program, server, {"mode": "disable"}, "tls_only").failed(1, "RIVET_SOURCE_AUTH")
    assert cipher(program, server, {"mode": "require"}, user="tls_only") != ""


@FLAVOURS
@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_server_without_tls_is_never_talked_to_in_the_clear(program, plain_servers, authority, flavour, mode):
    with Relay(plain_servers(flavour).port) as relay:
        run(program, relay, with_mode(mode, authority.ca)).failed(*WRONG)
        assert b"exporter" not in relay.from_client


@FLAVOURS
@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_server_whose_offer_of_tls_was_taken_out_is_not_talked_to(program, tls_servers, authority, flavour, mode):
    with Stripper(tls_servers(flavour, "right").port) as stripper:
        run(program, stripper, with_mode(mode, authority.ca)).failed(*WRONG)
        assert b"exporter" not in stripper.from_client and SECRET.encode() not in stripper.from_server
        run(program, stripper, {"mode": "disable"}).ok()
        assert b"exporter" in stripper.from_client, "the same ears hear what is said in the clear"


@FLAVOURS
@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_an_impostor_with_another_certificate_learns_nothing(program, tls_servers, authority, other, flavour, mode):
    with Impostor(tls_servers(flavour, "right").port, *other.issue("127.0.0.1")) as impostor:
        run(program, impostor, with_mode(mode, authority.ca)).failed(*WRONG)
        assert impostor.connections > 0 and b"exporter" not in impostor.from_client
        run(program, impostor, {"mode": "require"}).ok()
        assert SECRET.encode() in impostor.from_server, "an unchecked certificate is anybody's"


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "end"])
def test_a_handshake_that_breaks_is_tried_again_and_nothing_is_said_in_the_clear(program, tls_servers, authority, reset):
    """The library has one number for it and for a wrong certificate; a server that restarts is no wrong certificate."""
    with Faltering(tls_servers(MARIADB, "right").port, reset) as relay:
        tls = with_mode("verify-full", authority.ca)
        run(program, relay, tls, tuning={"max_retries": 0}).failed(75, "RIVET_SOURCE_CONNECT")
        assert relay.connections == 1
    with Faltering(tls_servers(MARIADB, "right").port, reset) as relay:
        run(program, relay, tls, tuning={"max_retries": 1, "retry_backoff_ms": 5}).ok()
        assert relay.connections > 1 and b"exporter" not in relay.from_client


@FLAVOURS
@pytest.mark.parametrize("how", [Break.RESET, Break.CLOSE])
def test_a_connection_that_breaks_under_tls_is_lost_and_no_fault_of_tls(program, tls_servers, flavour, how):
    tuning = {"max_retries": 0}
    with Proxy(tls_servers(flavour, "right").port, 200_000, how) as cut:
        result = run(program, cut, {"mode": "require"}, query="SELECT REPEAT('x', 1000000) AS v", tuning=tuning)
        assert cut.broken.is_set()
        result.failed(75, "RIVET_SOURCE_LOST")


@FLAVOURS
@pytest.mark.parametrize("mode", ["disable", "require"])
def test_what_is_read_is_on_the_wire_in_the_clear_only_without_tls(program, tls_servers, flavour, mode):
    with Relay(tls_servers(flavour, "right").port) as relay:
        run(program, relay, {"mode": mode}).ok()
        assert (SECRET.encode() in relay.from_server) is (mode == "disable")


@FLAVOURS
def test_the_default_of_a_tls_block_is_the_strictest(program, tls_servers, authority, flavour):
    ca = {"ca_file": str(authority.ca)}
    run(program, tls_servers(flavour, "right"), ca).ok()
    run(program, tls_servers(flavour, "misnamed"), ca).failed(*WRONG)
    run(program, tls_servers(flavour, "right"), {"mode": "verify-full"}).failed(*WRONG)


@FLAVOURS
def test_checks_are_given_up_only_by_name_and_with_a_warning(program, tls_servers, authority, other, flavour):
    names = {"ca_file": str(authority.ca), "accept_invalid_hostnames": True}
    assert "warning" in run(program, tls_servers(flavour, "misnamed"), names).ok().err
    run(program, tls_servers(flavour, "own"), names).failed(*WRONG)
    certificates = {"ca_file": str(authority.ca), "accept_invalid_certs": True}
    assert "warning" in run(program, tls_servers(flavour, "own"), certificates).ok().err


@FLAVOURS
def test_the_url_carries_tls_as_well(program, tls_servers, authority, other, flavour):
    server = tls_servers(flavour, "right")
    url = server.url("shop", "exporter") + "?sslmode=verify-full&sslrootcert="
    program.configure(url + str(authority.ca), program.export("t")).run().ok()
    program.configure(url + str(other.ca), program.export("t")).run().failed(*WRONG)


@FLAVOURS
def test_doctor_says_how_the_connection_is_protected(program, tls_servers, authority, flavour):
    configure(program, tls_servers(flavour, "right"), {"ca_file": str(authority.ca)})
    text = program.call("doctor", "-c", "rivet.yaml").ok().text
    assert "TLSv1.3" in text and "certificate verified for 127.0.0.1" in text


@pytest.mark.parametrize("host", ["192.0.2.1", "db.example.invalid"])
def test_nothing_is_sent_to_another_machine_in_the_clear(program, host):
    source = {"type": "mysql", "host": host, "user": "u", "password": "secret", "database": "d"}
    result = program.configure(source, program.export("t")).run(seconds=10)
    assert result.rc == 1 and result.code in ("RIVET_SOURCE_TLS", "RIVET_CONFIG_VALUE"), result.err


# ---- logins ----

LOGINS = [
    # flavour, how the server knows the user, in the clear and with TLS
    (MARIADB, "IDENTIFIED WITH mysql_native_password USING PASSWORD({password})", True),
    (MARIADB, "IDENTIFIED VIA ed25519 USING PASSWORD({password})", True),
    (MYSQL80, "IDENTIFIED WITH mysql_native_password BY {password}", True),
    (MYSQL80, "IDENTIFIED WITH caching_sha2_password BY {password}", True),
    (MYSQL80, "IDENTIFIED WITH sha256_password BY {password}", True),
]
LOGIN_IDS = [f"{flavour.name}-{login.split()[2]}" for flavour, login, _ in LOGINS]


def literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def user_with(server: MysqlServer, login: str, password: str) -> str:
    server.new_user("someone", login.format(password=literal(password)))
    server.execute("FLUSH PRIVILEGES")  # and whatever caching_sha2_password remembers of the last one
    return "someone"


@pytest.mark.parametrize("flavour, login, _", LOGINS, ids=LOGIN_IDS)
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("password", ["simple", PASSWORD, "x" * 79], ids=["simple", "odd", "long"])
def test_passwords(program, tls_servers, plain_servers, flavour, login, _, encrypted, password):
    """Twice each: MySQL remembers a login that it has seen in full, and takes a shorter way the second time."""
    server = tls_servers(flavour, "right") if encrypted else plain_servers(flavour)
    tls = {"mode": "require" if encrypted else "disable"}
    user = user_with(server, login, password)
    for _ in range(2):
        assert (cipher(program, server, tls, user=user, password=password) != "") is encrypted
    url = server.url("shop", user, password) + f"?sslmode={tls['mode']}"
    program.configure(url, program.export("t", on_existing="replace")).run().ok()
    wrong = run(program, server, tls, user, password="wr0ngwr0ng").failed(1, "RIVET_SOURCE_AUTH")
    assert "wr0ngwr0ng" not in wrong.err and "1045" in wrong.err
    run(program, server, tls, user).failed(1, "RIVET_SOURCE_AUTH")


@pytest.mark.parametrize("login", [login for flavour, login, _ in LOGINS if flavour is MYSQL80])
def test_no_password_is_on_the_wire(program, plain_servers, login):
    server = plain_servers(MYSQL80)
    user = user_with(server, login, "a-rare-password")
    with Relay(server.port) as relay:
        run(program, relay, {"mode": "disable"}, user, password="a-rare-password").ok()
        assert user.encode() in relay.from_client and b"a-rare-password" not in relay.from_client


def test_a_password_in_the_clear_is_never_given(program):
    """libmariadb has a plugin that hands the password to any server that asks nicely."""
    with RogueServer("password") as rogue:
        result = run(program, rogue, {"mode": "disable"}, password="a-rare-password")
        assert result.rc in (1, 75) and rogue.connections > 0
        assert b"a-rare-password" not in rogue.from_client


def test_no_file_of_this_machine_is_given(program):
    (program.folder / "private").write_text("the-file-s-content")
    with RogueServer(str(program.folder / "private")) as rogue:
        result = run(program, rogue, {"mode": "disable"})
        assert result.rc in (1, 75) and rogue.connections > 0
        assert b"the-file-s-content" not in rogue.from_client


@FLAVOURS
def test_no_password(program, plain_servers, flavour):
    run(program, plain_servers(flavour), {"mode": "disable"}).ok()


@FLAVOURS
@pytest.mark.parametrize(
    "sql, user, code",
    [
        ("SELECT 1", "nobody", (1, "RIVET_SOURCE_AUTH")),
        ("ALTER USER exporter@'%' ACCOUNT LOCK", "exporter", (1, "RIVET_SOURCE_AUTH")),
        ("ALTER USER exporter@'%' PASSWORD EXPIRE", "exporter", (1, "RIVET_SOURCE_AUTH")),
    ],
    ids=["unknown", "locked", "expired"],
)
def test_refused_users(program, plain_servers, flavour, sql, user, code):
    server = plain_servers(flavour)
    server.execute(sql)
    try:
        run(program, server, {"mode": "disable"}, user).failed(*code)
    finally:
        server.new_user("exporter", NATIVE)


@FLAVOURS
def test_a_missing_database_and_a_closed_port_are_told_apart(program, plain_servers, flavour):
    server = plain_servers(flavour)
    plain = {"mode": "disable"}
    run(program, server, plain, database="nowhere").failed(1, "RIVET_SOURCE_NOT_FOUND")
    server.new_user("little", NATIVE, "SELECT ON shop.*")
    run(program, server, plain, "little", database="mysql").failed(1, "RIVET_SOURCE_DENIED")
    run(program, server, plain, port=1, tuning={"retry_backoff_ms": 5}).failed(75, "RIVET_SOURCE_CONNECT")


@FLAVOURS
def test_a_full_server_is_busy(program, base, flavour):
    server = prepared(MysqlServer(flavour, base, f"{flavour.name}-full", {"max_connections": "10"}).start())
    sessions = []
    try:
        while len(sessions) < 10:
            sessions.append(server.connect(unix_socket=None, host="127.0.0.1", port=server.port, user="exporter"))
        server.execute("SET GLOBAL max_connections = 10")
        result = run(program, server, {"mode": "disable"}, tuning={"max_retries": 1, "retry_backoff_ms": 5})
        assert (result.rc, result.code) == (75, "RIVET_SOURCE_BUSY") and "1040" in result.err
    finally:
        for session in sessions:
            session.close()
        server.stop()


def test_a_server_that_says_nothing_is_given_up(program, plain_servers):
    with Proxy(plain_servers(MARIADB).port, 0, Break.HOLE) as silent:
        url = f"mysql://exporter@127.0.0.1:{silent.port}/shop?sslmode=disable&connect_timeout=1"
        source = {"url": url, "tuning": {"max_retries": 0}}
        result = program.configure(source, program.export("t")).run()
        assert (result.rc, result.code) == (75, "RIVET_SOURCE_CONNECT")


@FLAVOURS
def test_a_unix_socket(program, plain_servers, flavour):
    server = plain_servers(flavour)
    run(program, server, None, host=str(server.socket)).ok()
    socket = str(server.socket).replace("/", "%2F")
    program.configure(f"mysql://exporter@{socket}/shop", program.export("t", on_existing="replace")).run().ok()


def test_a_user_whom_the_socket_vouches_for(plain_user, plain_servers):
    """MariaDB asks the kernel who is there; nobody else gets in as that user."""
    server = plain_servers(MARIADB)
    server.execute(
        "INSTALL SONAME 'auth_socket'" if not plugin_is_there(server) else "SELECT 1",
        "CREATE OR REPLACE USER 'rivet-test'@'localhost' IDENTIFIED VIA unix_socket",
        "GRANT SELECT ON *.* TO 'rivet-test'@'localhost'",
        "CREATE OR REPLACE USER 'somebody'@'localhost' IDENTIFIED VIA unix_socket",
    )
    run(plain_user, server, None, "rivet-test", host=str(server.socket)).ok()
    run(plain_user, server, None, "somebody", host=str(server.socket)).failed(1, "RIVET_SOURCE_AUTH")


def plugin_is_there(server: MysqlServer) -> bool:
    return server.query("SELECT COUNT(*) FROM information_schema.PLUGINS WHERE PLUGIN_NAME = 'unix_socket'") == [(1,)]


# ---- the environment has no say ----


def test_what_cannot_be_overruled_is_refused_by_name(program, plain_servers):
    result = configure(program, plain_servers(MARIADB), None).run(env={"MARIADB_PLUGIN_DIR": "/nowhere"})
    assert result.rc == 1 and "MARIADB_PLUGIN_DIR" in result.err


@pytest.mark.parametrize(
    "name, value",
    [
        ("MYSQL_HOST", "192.0.2.1"),
        ("MYSQL_TCP_PORT", "1"),
        ("MYSQL_UNIX_PORT", "/nowhere"),
        ("MYSQL_PWD", "wrong"),
        ("MARIADB_HOST", "192.0.2.1"),
        ("LIBMYSQL_PLUGIN_DIR", "/nowhere"),
        ("LIBMYSQL_PLUGINS", "mysql_clear_password"),
        ("LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN", "1"),
        ("MARIADB_TLS_DISABLE_PEER_VERIFICATION", "1"),
        ("TZ", "Asia/Kathmandu"),
        ("LC_ALL", "de_DE.UTF-8"),
    ],
)
def test_the_environment_has_no_say(program, tls_servers, authority, name, value):
    server = tls_servers(MYSQL80, "right")
    user = user_with(server, LOGINS[3][1], "simple")
    tls = {"ca_file": str(authority.ca)}
    configure(program, server, tls, user, password="simple")
    assert program.run_json(env={name: value})["total_rows"] == 1
    configure(program, tls_servers(MYSQL80, "own"), tls, "exporter").run(env={name: value}).failed(*WRONG)


def test_option_files_have_no_say(program, tls_servers, authority):
    text = "port=1\nuser=nobody\npassword=wrong\nhost=192.0.2.1\nssl-verify-server-cert=0\ndisable-ssl\n"
    (program.folder / ".my.cnf").write_text("".join(f"[{group}]\n{text}" for group in ("client", "rivet", "mysql")))
    run(program, tls_servers(MARIADB, "right"), {"ca_file": str(authority.ca)}).ok()
    run(program, tls_servers(MARIADB, "own"), {"ca_file": str(authority.ca)}).failed(*WRONG)


@FLAVOURS
def test_the_server_shows_who_is_reading(program, plain_servers, flavour):
    query = (
        "SELECT ATTR_VALUE AS v FROM performance_schema.session_account_connect_attrs"
        " WHERE PROCESSLIST_ID = CONNECTION_ID() AND ATTR_NAME = 'program_name'"
    )
    assert run(program, plain_servers(flavour), {"mode": "disable"}, query=query).ok().text == "v\nrivet\n"
