"""Servers of the MySQL family: Debian's MariaDB, and Oracle's MySQL as scripts/install-deps.sh fetched it."""

import atexit
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pymysql

from support.account import REPOSITORY, own, reachable, server_account
from support.servers.process import (
    START_SECONDS,
    end_process,
    free_port,
    output_of,
    own_file,
    own_folder,
    serve,
    wait_until,
)


@dataclass(frozen=True, eq=False)
class Flavour:
    """One of the programs. `settings` are what only this one knows."""

    name: str
    version: tuple[int, int]
    fetched: str  # folder below build/mysql; "" for Debian's own
    settings: dict

    @property
    def is_mariadb(self) -> bool:
        return not self.fetched


# Time zones, modes and character sets are left as an installation has them: tests set what they are about.
SETTINGS = {
    "bind_address": "127.0.0.1",
    "character_set_server": "utf8mb4",
    "skip_name_resolve": "ON",
    "local_infile": "ON",
    "max_allowed_packet": "64M",
    "max_connections": "200",
    "innodb_buffer_pool_size": "128M",
    "innodb_flush_log_at_trx_commit": "0",
    "innodb_doublewrite": "OFF",
    "innodb_stats_auto_recalc": "OFF",  # statistics change only when a test says so
    "sync_binlog": "0",
    "server_id": "1",
    "performance_schema": "ON",
    "log_output": "TABLE",
    "slow_query_log": "ON",
    "long_query_time": "0.25",
}
MARIADB = Flavour("mariadb", (10, 11), "", {"innodb_log_file_size": "32M"})
MYSQL80 = Flavour(
    "mysql80", (8, 0), "8.0", {"mysqlx": "OFF", "log_error_verbosity": "2", "innodb_redo_log_capacity": "32M"}
)
MYSQL57 = Flavour("mysql57", (5, 7), "5.7", {"innodb_log_file_size": "16M", "show_compatibility_56": "OFF"})
FLAVOURS = {flavour.name: flavour for flavour in (MARIADB, MYSQL80, MYSQL57)}
# Whoever comes in as root from this machine needs no password: like `trust` of PostgreSQL.
ROOT = """SET SESSION sql_log_bin = 0;
CREATE USER IF NOT EXISTS 'root'@'%' IDENTIFIED WITH mysql_native_password;
GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;
"""


# Whatever a server's own settings are, sessions of tests can do anything and see everything.
NEUTRAL = (
    "SET SESSION autocommit = 1, sql_mode = '', time_zone = '+00:00', sql_select_limit = 18446744073709551615,"
    " sql_big_selects = 1, completion_type = 0, group_concat_max_len = 1000000, div_precision_increment = 4"
)


def tls_settings(base: Path, name: str, authority: Path, pair: tuple[Path, Path]) -> dict:
    """Settings of a server that shows that certificate; its key is for the account alone."""
    folder = own_folder(base / f"tls-{name}")
    certificate, key = (own(Path(shutil.copy(path, folder))) for path in pair)
    key.chmod(0o600)
    return {"ssl_ca": own(Path(shutil.copy(authority, folder))), "ssl_cert": certificate, "ssl_key": key}


class MysqlServer:
    """One server. A setting of None is given without a value; `environment` is that of the program (TZ)."""

    def __init__(
        self,
        flavour: Flavour,
        base: Path,
        name: str = "",
        settings: dict | None = None,
        environment: dict | None = None,
    ):
        self.flavour = flavour
        self.folder = own_folder(base / (name or flavour.name))
        self.port = free_port()
        self.log = self.folder / "log"
        self.process: subprocess.Popen | None = None
        self._base = base
        self._settings = SETTINGS | flavour.settings | (settings or {})
        self._environment = environment or {}
        self._n_databases = 0
        if flavour.is_mariadb:
            self._install = Path("/usr")
            self._program = Path("/usr/sbin/mariadbd")
        else:
            self._install = reachable(REPOSITORY / "build" / "mysql" / flavour.fetched, base)
            self._program = self._install / "bin" / "mysqld"
            assert self._program.exists(), f"{self._program}: scripts/install-deps.sh test fetches it"

    @property
    def is_mariadb(self) -> bool:
        return self.flavour.is_mariadb

    @property
    def version(self) -> tuple[int, int]:
        return self.flavour.version

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> "MysqlServer":
        if not self.data.exists():
            shutil.copytree(self._prepared(), self.data, copy_function=copy_owned)
            own_tree(self.data)
        atexit.register(self.stop)
        options = [
            f"--{name.replace('_', '-')}" + ("" if value is None else f"={value}")
            for name, value in self._settings.items()
        ]
        init = own_file(self.folder / "init.sql", ROOT)
        self.process = serve(
            [
                self._program,
                "--no-defaults",
                f"--basedir={self._install}",
                f"--datadir={self.data}",
                f"--socket={self.socket}",
                f"--pid-file={self.folder / 'pid'}",
                f"--tmpdir={self.folder}",
                f"--port={self.port}",
                f"--init-file={init}",
                *options,
            ],
            self.log,
            **self._environment,
        )
        wait_until(self._answers, START_SECONDS, f"{self.flavour.name}, see {self.log}")
        return self

    def stop(self) -> None:
        end_process(self.process, signal.SIGTERM)
        self.process = None

    def connect(self, database: str | None = None, **more) -> pymysql.Connection:
        """A superuser's session over the socket; see NEUTRAL."""
        parameters = {
            "unix_socket": str(self.socket),
            "user": "root",
            "charset": "utf8mb4",
            "init_command": NEUTRAL,
            "autocommit": True,
        }
        return pymysql.connect(database=database, **(parameters | more))

    def query(self, sql: str, database: str | None = None) -> list[tuple]:
        with self.connect(database) as session, session.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def execute(self, sql: str, *more: str, database: str | None = None) -> None:
        """Statements, one by one, in one session."""
        with self.connect(database) as session, session.cursor() as cursor:
            for statement in (sql, *more):
                cursor.execute(statement)

    def new_database(self, prefix: str = "db", options: str = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin") -> str:
        self._n_databases += 1
        name = f"{prefix}_{self._n_databases}"
        self.execute(f"CREATE DATABASE `{name}` {options}")
        return name

    def new_user(self, name: str, login: str, grants: str = "SELECT ON *.*", require: str = "NONE") -> None:
        """`login`: "IDENTIFIED …", "IDENTIFIED WITH …"."""
        self.execute(
            f"DROP USER IF EXISTS '{name}'@'%'",
            f"CREATE USER '{name}'@'%' {login} REQUIRE {require}",
            f"GRANT {grants} TO '{name}'@'%'",
        )

    def url(self, database: str, user: str = "root", password: str = "", port: int = 0) -> str:
        login = quote(user, safe="") + (":" + quote(password, safe="") if password else "")
        return f"mysql://{login}@127.0.0.1:{port or self.port}/{quote(database, safe='')}"

    def client(self, *arguments: str) -> list[str]:
        """The command line of a client that reads no configuration of this machine."""
        login = [f"--socket={self.socket}", "--user=root", "--default-character-set=utf8mb4"]
        return ["mariadb", "--no-defaults", *login, *arguments]

    def options_file(self, folder: Path, database: str) -> Path:
        """~/.my.cnf for a user whose home is `folder`."""
        path = folder / ".my.cnf"
        path.write_text(
            f"[client]\nsocket={self.socket}\nuser=root\ndefault-character-set=utf8mb4\n"
            f"[mariadb-client]\ndatabase={database}\n"
        )
        return path

    def sessions(self, user: str) -> int:
        """How many sessions that user has now."""
        return self.query(
            f"SELECT COUNT(*) FROM performance_schema.threads WHERE PROCESSLIST_USER = '{user}'"
        )[0][0]

    @contextmanager
    def watched(self) -> Iterator["Watch"]:
        """Everything said to the server meanwhile, in the general log and in performance_schema."""
        watch = Watch(self)
        self.execute(
            "SET GLOBAL general_log = OFF",
            "TRUNCATE mysql.general_log",
            "TRUNCATE performance_schema.events_statements_summary_by_user_by_event_name",
            "SET GLOBAL general_log = ON",
        )
        yield watch
        self.execute("SET GLOBAL general_log = OFF")

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.flavour.name} ended: {self.log.read_text(errors='replace')[-2000:]}")
        try:
            self.connect().close()
            return True
        except pymysql.err.OperationalError:
            return False

    def _prepared(self) -> Path:
        """A data folder as installed, made once below the session's folder and copied for each server."""
        folder = self._base / f"prepared-{self.flavour.name}"
        if folder.exists():
            return folder / "data"
        own_folder(folder)
        if self.is_mariadb:
            command = ["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal"]
            command += ["--skip-test-db", "--skip-name-resolve"]
        else:
            command = [self._program, "--no-defaults", f"--basedir={self._install}", "--initialize-insecure"]
        sizes = ("innodb_log_file_size", "innodb_redo_log_capacity")
        command += [f"--{name}={self._settings[name]}" for name in sizes if name in self._settings]
        output_of([*command, f"--datadir={folder / 'data'}"])
        (folder / "data" / "auto.cnf").unlink(missing_ok=True)  # two servers have two identities
        return folder / "data"


@dataclass(frozen=True)
class Statement:
    """One line of the general log."""

    session: int
    user: str
    command: str  # Connect, Query, Prepare, Execute, …
    text: str


@dataclass(frozen=True)
class Cost:
    """What the server recorded of all statements of one kind that a user ran."""

    count: int
    longest_seconds: float
    rows_sent: int
    rows_examined: int
    tmp_tables: int
    tmp_disk_tables: int
    sorted_rows: int


EXECUTE = "statement/com/Execute"  # of a prepared statement, by the binary protocol


class Watch:
    """What a server was told and what it took; see MysqlServer.watched()."""

    def __init__(self, server: MysqlServer):
        self._server = server

    def statements(self, user: str) -> list[Statement]:
        """In the order in which they came, of that user's sessions."""
        rows = self._server.query(
            "SELECT thread_id, user_host, command_type, CONVERT(argument USING utf8mb4) FROM mysql.general_log"
        )
        said = [Statement(session, host.partition("[")[0], kind, text) for session, host, kind, text in rows]
        sessions = {line.session for line in said if line.user == user}
        return [line for line in said if line.session in sessions]

    def costs(self, user: str) -> dict[str, Cost]:
        """By performance_schema's names of the kinds, EXECUTE for one. A session's are summed up when it ends."""
        wait_until(lambda: self._server.sessions(user) == 0, START_SECONDS, f"the sessions of {user} to end")
        rows = self._server.query(
            "SELECT EVENT_NAME, COUNT_STAR, MAX_TIMER_WAIT / 1e12, SUM_ROWS_SENT, SUM_ROWS_EXAMINED,"
            " SUM_CREATED_TMP_TABLES, SUM_CREATED_TMP_DISK_TABLES, SUM_SORT_ROWS"
            " FROM performance_schema.events_statements_summary_by_user_by_event_name"
            f" WHERE USER = '{user}' AND COUNT_STAR > 0"
        )
        return {
            name: Cost(int(count), float(longest), *map(int, counts)) for name, count, longest, *counts in rows
        }


def copy_owned(source: str, target: str) -> str:
    return shutil.copyfile(source, target)


def own_tree(folder: Path) -> None:
    account = server_account()
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, account.pw_uid, account.pw_gid)
