"""Throw-away servers: real programs, free loopback ports, temporary folders."""

from support.servers.mysql import MARIADB, MYSQL57, MYSQL80, Flavour, MysqlServer, tls_settings
from support.servers.postgres import REPLICATED, PgBouncer, PostgresServer, Standby
from support.servers.process import end_process, free_port, own_file, own_folder, wait_until

__all__ = [
    "MARIADB",
    "MYSQL57",
    "MYSQL80",
    "Flavour",
    "MysqlServer",
    "REPLICATED",
    "PgBouncer",
    "PostgresServer",
    "Standby",
    "end_process",
    "free_port",
    "own_file",
    "own_folder",
    "tls_settings",
    "wait_until",
]
