"""Run a command beside servers, whose addresses it finds in its environment.

    PYTHONPATH=tests/e2e python -m support.servers 15 mariadb -- meson test -C build/asan

A number is a major of PostgreSQL, in RIVET_TEST_PG_URL. mariadb, mysql80 and mysql57 are in RIVET_TEST_MYSQL_URL.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from support.account import temp_base
from support.servers import MysqlServer, PostgresServer
from support.servers.mysql import FLAVOURS


def start(name: str, base: Path) -> tuple[PostgresServer | MysqlServer, dict]:
    """A server, and what the command's environment says of it."""
    if name in FLAVOURS:
        server = MysqlServer(FLAVOURS[name], base).start()
        return server, {"RIVET_TEST_MYSQL_URL": server.url(server.new_database("rivet_test"))}
    server = PostgresServer(int(name), base).start()
    return server, {"RIVET_TEST_PG_URL": server.url()}


def main(arguments: list[str]) -> int:
    end = arguments.index("--")
    base = temp_base()
    running, environment = [], dict(os.environ)
    try:
        for name in arguments[:end]:
            server, said = start(name, base)
            running.append(server)
            environment |= said
        return subprocess.run(arguments[end + 1 :], env=environment).returncode
    finally:
        for server in running:
            server.stop()
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
