"""Tables of MySQL and MariaDB, filled by SQL that all versions know."""

import duckdb

from support.delivery import check_delivery, part_paths
from support.program import Program
from support.servers import MysqlServer

USER = "exporter"


def number_tables(rows: int) -> list[str]:
    """Statements that make `numbers` (i from 1 to rows); there are no recursive queries before 8.0."""
    statements = ["CREATE TABLE numbers (i bigint PRIMARY KEY)", "INSERT INTO numbers VALUES (1)"]
    n = 1
    while n < rows:
        statements.append(f"INSERT INTO numbers SELECT i + {n} FROM numbers WHERE i <= {min(n, rows - n)}")
        n *= 2
    return statements


def new_database(server: MysqlServer, rows: int) -> str:
    """A database with `numbers`, and the user who may read everything."""
    database = server.new_database()
    server.new_user(USER, "IDENTIFIED WITH mysql_native_password", "SELECT, PROCESS ON *.*")
    server.execute(*number_tables(rows), database=database)
    return database


def configure(program: Program, server: MysqlServer, database: str, name: str = "t", **keys) -> Program:
    return program.configure(server.url(database, USER), program.export(name, **keys))


def rows_of(program: Program, columns: str = "v, w") -> list[tuple]:
    """Of all runs together, sorted."""
    names = [str(path) for manifest in check_delivery(program.out) for path in part_paths(program.out, manifest)]
    if not names:
        return []
    with duckdb.connect() as session:
        return session.execute(
            f"SELECT {columns} FROM read_parquet({names}) ORDER BY ALL NULLS FIRST"
        ).fetchall()


def source_rows(server: MysqlServer, database: str, where: str = "1 = 1", columns: str = "v, w") -> list[tuple]:
    rows = server.query(f"SELECT {columns} FROM t WHERE {where}", database)
    return sorted(rows, key=lambda row: tuple((value is not None, value) for value in row))
