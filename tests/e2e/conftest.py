"""Fixtures of the end-to-end tests. Servers start when the first test asks for one and end with the
session."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.account import as_account, reachable, temp_base
from support.program import RELEASE, RIVET, Program
from support.servers import (
    MARIADB,
    MYSQL57,
    MYSQL80,
    Flavour,
    MysqlServer,
    PgBouncer,
    PostgresServer,
    own_folder,
)
from tables import CONTENT_ITEMS, ORDERS, SPARSE

MAJORS = (13, 15, 17)


@pytest.fixture(scope="session")
def base() -> Iterator[Path]:
    """Folder of everything that lives as long as the session; any account may enter it."""
    folder = temp_base()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def servers(base: Path) -> Iterator[dict[int, PostgresServer]]:
    """The servers started so far, by major."""
    running: dict[int, PostgresServer] = {}
    yield running
    for server in running.values():
        server.stop()


def started(servers: dict[int, PostgresServer], base: Path, major: int) -> PostgresServer:
    if major not in servers:
        servers[major] = PostgresServer(major, base).start()
    return servers[major]


@pytest.fixture(scope="session")
def pg15(servers: dict[int, PostgresServer], base: Path) -> PostgresServer:
    """The server that most tests use."""
    return started(servers, base, 15)


@pytest.fixture(scope="session")
def pg17(servers: dict[int, PostgresServer], base: Path) -> PostgresServer:
    """The newest major."""
    return started(servers, base, 17)


@pytest.fixture(scope="session", params=MAJORS, ids=lambda major: f"pg{major}")
def pg(request, servers: dict[int, PostgresServer], base: Path) -> PostgresServer:
    """Every major in turn."""
    return started(servers, base, request.param)


@pytest.fixture(scope="session")
def pgbouncer(pg15: PostgresServer, base: Path) -> Iterator[PgBouncer]:
    pooler = PgBouncer(pg15, base).start()
    yield pooler
    pooler.stop()


@pytest.fixture(scope="session")
def mysql_servers(base: Path) -> Iterator[dict[str, MysqlServer]]:
    """The servers of the MySQL family started so far, by flavour."""
    running: dict[str, MysqlServer] = {}
    yield running
    for server in running.values():
        server.stop()


def started_mysql(running: dict[str, MysqlServer], base: Path, flavour: Flavour) -> MysqlServer:
    if flavour.name not in running:
        running[flavour.name] = MysqlServer(flavour, base).start()
    return running[flavour.name]


@pytest.fixture(scope="session")
def mariadb(mysql_servers: dict[str, MysqlServer], base: Path) -> MysqlServer:
    return started_mysql(mysql_servers, base, MARIADB)


@pytest.fixture(scope="session")
def mysql80(mysql_servers: dict[str, MysqlServer], base: Path) -> MysqlServer:
    return started_mysql(mysql_servers, base, MYSQL80)


@pytest.fixture(scope="session")
def mysql57(mysql_servers: dict[str, MysqlServer], base: Path) -> MysqlServer:
    """The old end."""
    return started_mysql(mysql_servers, base, MYSQL57)


@pytest.fixture(scope="session", params=(MARIADB, MYSQL80), ids=lambda flavour: flavour.name)
def mysql(request, mysql_servers: dict[str, MysqlServer], base: Path) -> MysqlServer:
    """The two that most users have."""
    return started_mysql(mysql_servers, base, request.param)


@pytest.fixture(scope="session", params=(MARIADB, MYSQL80, MYSQL57), ids=lambda flavour: flavour.name)
def every_mysql(request, mysql_servers: dict[str, MysqlServer], base: Path) -> MysqlServer:
    """The old end as well."""
    return started_mysql(mysql_servers, base, request.param)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program under test in an empty folder."""
    assert RIVET.exists(), f"{RIVET} is not built; scripts/test.sh builds it, or set RIVET_BIN"
    return Program(tmp_path)


@pytest.fixture
def plain_user(base: Path) -> Program:
    """The program without root's powers, in a folder of the account that runs it."""
    folder = own_folder(base / f"user-{os.urandom(4).hex()}")
    return Program(folder, reachable(RIVET.parent, base) / RIVET.name, account=as_account())


@pytest.fixture
def release(tmp_path: Path) -> Program:
    """The program as users get it: no sanitizers, no crash points."""
    assert RELEASE.exists(), f"{RELEASE} is not built; scripts/test.sh builds it, or set RIVET_RELEASE_BIN"
    return Program(tmp_path, RELEASE)


@pytest.fixture
def database(pg15: PostgresServer) -> str:
    """A new, empty database on the usual server."""
    return pg15.new_database()


@pytest.fixture
def shop(pg15: PostgresServer, database: str) -> str:
    """A database with a small table `t` of every everyday type; rows know their own content."""
    pg15.execute(SMALL_TABLE, database)
    return database


@pytest.fixture(scope="session")
def big(pg15: PostgresServer) -> str:
    """A database with larger tables; see tables.py. Nobody writes to it."""
    name = pg15.new_database("big")
    for sql, rows in ((ORDERS, 200_000), (CONTENT_ITEMS, 40_000), (SPARSE, 300_000)):
        pg15.execute(sql.format(rows=rows), name)
    return name


SMALL_TABLE = """
CREATE TABLE t (id bigint PRIMARY KEY, n integer NOT NULL, price numeric(10,2), at timestamptz, name text,
    note text);
INSERT INTO t SELECT i, i * 7 % 1000, i / 100.0, '2024-02-29 12:34:56.789012+00'::timestamptz + i * interval
    '1 minute',
       'name ' || i || ' äöü 日本 🎉', CASE WHEN i % 3 = 0 THEN NULL WHEN i % 3 = 1 THEN '' ELSE
           'note, "quoted"' END
FROM generate_series(1, 1000) AS i;
ANALYZE t;
"""
