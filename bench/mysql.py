"""Measure MariaDB and MySQL 8.0, compare with the targets, write docs/benchmarks-mysql.md. Called by scripts/bench.sh
--mysql.

For each server and table the limit (page_limit.c), rivet and the other programs run in turns, so that a busy moment of
the machine hits all of them: one round to warm up, then some that count. Wall time is the best of those; memory and the
longest statement, which performance_schema records, are the worst. Then every value of rivet's files, read by DuckDB, is
compared with the server's."""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from dataclasses import dataclass, field

import duckdb

MIB = 1024 * 1024
ROOT = pathlib.Path(__file__).resolve().parent.parent
USER = "exporter"
PAGE_ROWS = 10_000  # of the limit
MAX_OF_LIMIT = 1.4
MAX_STATEMENT_S = 0.25
MAX_RSS_MIB = 96
TABLES = ("orders", "content_items", "narrow")
DOUBLE_SCALE = 2 ** 43  # times that a double is exact, and what is cut off lies below its last bit

Server = namedtuple("Server", "name socket port")
Sample = namedtuple("Sample", "wall_s rss_bytes longest_s tmp_tables output")
Verdict = namedtuple("Verdict", "what measured target met")


@dataclass
class Measured:
    samples: list = field(default_factory=list)
    failure: str = ""

    @property
    def wall_s(self):
        return min(sample.wall_s for sample in self.samples)

    @property
    def rss_mib(self):
        return max(sample.rss_bytes for sample in self.samples) / MIB

    @property
    def longest_s(self):
        return max(sample.longest_s for sample in self.samples)

    @property
    def tmp_tables(self):
        return max(sample.tmp_tables for sample in self.samples)


# ---- other programs: each as its own documentation shows it, with its defaults but for zstd ----


def chdb(server, table, folder):
    import chdb as library

    library.query(f"INSERT INTO FUNCTION file('{folder}/chdb.parquet', Parquet) "
                  f"SELECT * FROM mysql('127.0.0.1:{server.port}', 'bench', '{table}', '{USER}', '') "
                  "SETTINGS output_format_parquet_compression_method = 'zstd'")


def connectorx(server, table, folder):
    import connectorx as library
    import pyarrow.parquet

    rows = library.read_sql(f"mysql://{USER}@127.0.0.1:{server.port}/bench", f"SELECT * FROM {table}",
                            return_type="arrow")
    pyarrow.parquet.write_table(rows, f"{folder}/connectorx.parquet", compression="zstd")


def mydumper(server, table, folder):
    """SQL, not Parquet: it is here for what it asks of the server. A table that it does not know is no error to it."""
    out = pathlib.Path(folder, "mydumper")
    subprocess.run(["mydumper", "-h", "127.0.0.1", "-P", str(server.port), "-u", USER, "-B", "bench", "-T", table,
                    "--no-locks", "-o", out], check=True)
    if (out / f"bench.{table}.sql").stat().st_size == 0:
        raise RuntimeError(f"mydumper has written nothing of {table}")


RIVALS = {"chdb": chdb, "connectorx": connectorx, "mydumper": mydumper}


class Bench:
    def __init__(self, args):
        self.args = args
        self.work = args.work.resolve()
        self.results = {}
        self.equal = {}

    def sql(self, server, statement):
        command = ["mariadb", "--no-defaults", f"--socket={server.socket}", "-uroot", "-NB", "bench"]
        return subprocess.run(command, input=statement, check=True, capture_output=True, text=True).stdout.strip()

    def costs(self, server):
        """The longest statement of the user since the last look, and the temporary tables that reading made."""
        table = "performance_schema.events_statements_summary_by_user_by_event_name"
        sessions = f"SELECT COUNT(*) FROM performance_schema.threads WHERE PROCESSLIST_USER = '{USER}'"
        deadline = time.monotonic() + 30
        while self.sql(server, sessions) != "0":  # a session's statements are summed up when it ends
            if time.monotonic() > deadline:
                raise RuntimeError("a session of the measured program does not end")
            time.sleep(0.01)
        found = self.sql(server, "SELECT COALESCE(MAX(MAX_TIMER_WAIT), 0) / 1e12, COALESCE(SUM(IF(EVENT_NAME ="
                         " 'statement/com/Execute', SUM_CREATED_TMP_TABLES, 0)), 0)"
                         f" FROM {table} WHERE USER = '{USER}'; TRUNCATE {table}")
        longest_s, tmp_tables = found.split("\t")
        return float(longest_s), int(tmp_tables)

    def measure(self, server, command):
        """GNU time, as in run.py, for a program's memory."""
        usage = self.work / "usage"
        self.costs(server)
        begin = time.perf_counter()
        done = subprocess.run(["/usr/bin/time", "-o", usage, "-f", "%M", *map(str, command)], capture_output=True,
                              text=True, cwd=self.work)
        wall_s = time.perf_counter() - begin
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} failed ({done.returncode}): {done.stderr.strip()[-500:]}")
        rss_kib = usage.read_text().split()[-1]
        return Sample(wall_s, int(rss_kib) * 1024, *self.costs(server), done.stdout)

    def limit(self, server, table):
        return self.measure(server, [self.args.page_limit.resolve(), server.socket, USER, "bench", table, "id", PAGE_ROWS])

    def rivet(self, server, table):
        shutil.rmtree(self.out(server, table), ignore_errors=True)
        config = f"{server.name}.yaml"
        return self.measure(server, [self.args.rivet.resolve(), "run", "-c", config, "-e", table, "--json"])

    def rival(self, name, server, table):
        folder = self.work / "out" / "rival"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        command = [sys.executable, __file__, "--rival", name, server.socket, server.port, table, folder]
        return self.measure(server, command)

    def out(self, server, table):
        return self.work / "out" / server.name / table

    def write_config(self, server):
        exports = [{"name": table, "table": table, "format": "parquet",
                    "destination": {"type": "local", "path": str(self.out(server, table))}} for table in TABLES]
        source = {"url": f"mysql://{USER}@127.0.0.1:{server.port}/bench"}
        (self.work / f"{server.name}.yaml").write_text(json.dumps({"source": source, "exports": exports}))

    def run_table(self, server, table):
        programs = {"limit": self.limit, "rivet": self.rivet}
        programs |= {name: lambda s, t, name=name: self.rival(name, s, t) for name in RIVALS if self.args.rivals}
        measured = {name: Measured() for name in programs}
        for turn in range(self.args.rounds + 1):
            for name, run in programs.items():
                if measured[name].failure or (turn == 0 and name in RIVALS):
                    continue
                try:
                    sample = run(server, table)
                except RuntimeError as failure:
                    if name not in RIVALS:
                        raise
                    measured[name].failure = str(failure).splitlines()[-1]
                    continue
                if turn > 0:
                    measured[name].samples.append(sample)
                if name == "limit":
                    rows = int(sample.output.split()[0])
                elif name == "rivet" and json.loads(sample.output)["total_rows"] != rows:
                    raise RuntimeError(f"{table}: rivet wrote other than the table's {rows} rows")
        for name, found in measured.items():
            self.results[server.name, table, name] = found
            print(f"{server.name:8} {table:14} {name:10} " + (
                f"not measured: {found.failure}" if found.failure else
                f"{found.wall_s:7.2f} s {found.rss_mib:7.1f} MiB, longest statement {found.longest_s:.3f} s"), flush=True)

    def compare_values(self, server, table):
        """Every value, by SQL on both sides: a row's values as one text, its MD5, and the sum of those."""
        columns = [line.split("\t") for line in self.sql(
            server, "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'bench'"
            f" AND TABLE_NAME = '{table}' ORDER BY ORDINAL_POSITION").splitlines()]
        theirs = self.sql(server, "SET time_zone = '+00:00'; SELECT COUNT(*), SUM(CAST(CONV(SUBSTR(MD5("
                          + joined(columns, mysql_text) + f"), 1, 15), 16, 10) AS DECIMAL(38,0))) FROM {table}")
        ours = duckdb.sql(f"SELECT count(*), sum(('0x' || substr(md5({joined(columns, duckdb_text)}), 1, 15))::BIGINT)"
                          f" FROM '{self.out(server, table)}/*.parquet'").fetchone()
        self.equal[server.name, table] = theirs.split("\t") == [str(value) for value in ours]
        print(f"{server.name:8} {table:14} every value equal to the server's, read by DuckDB: "
              f"{'yes' if self.equal[server.name, table] else 'NO'}", flush=True)


def joined(columns, text):
    return "CONCAT_WS('|', " + ", ".join(f"COALESCE({text(name, kind)}, '~')" for name, kind in columns) + ")"


def mysql_text(name, kind):
    if kind in ("timestamp", "datetime"):
        return f"CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {name}) AS CHAR)"
    if kind in ("float", "double"):
        return f"CAST(CAST(TRUNCATE({name} * {DOUBLE_SCALE}e0, 0) AS SIGNED) AS CHAR)"
    if kind == "tinyint":
        return f"IF({name}, 'true', 'false')"
    return f"CONVERT({name} USING utf8mb4)"


def duckdb_text(name, kind):
    if kind in ("timestamp", "datetime"):
        return f"epoch_us({name})::VARCHAR"
    if kind in ("float", "double"):
        return f"trunc({name}::DOUBLE * {DOUBLE_SCALE})::BIGINT::VARCHAR"
    return f"{name}::VARCHAR"


def verdicts(bench, servers):
    for server in servers:
        for table in TABLES:
            rivet, limit = (bench.results[server.name, table, name] for name in ("rivet", "limit"))
            where = f"{server.name}, `{table}`"
            ratio = rivet.wall_s / limit.wall_s
            yield Verdict(f"wall time, {where}", f"{ratio:.2f} × the limit", f"≤ {MAX_OF_LIMIT} ×", ratio <= MAX_OF_LIMIT)
            yield Verdict(f"longest statement, {where}", f"{rivet.longest_s:.3f} s", f"≤ {MAX_STATEMENT_S} s",
                          rivet.longest_s <= MAX_STATEMENT_S)
            yield Verdict(f"temporary tables, {where}", str(rivet.tmp_tables), "none", rivet.tmp_tables == 0)
            yield Verdict(f"peak memory (RSS), {where}", f"{rivet.rss_mib:.1f} MiB", f"≤ {MAX_RSS_MIB} MiB",
                          rivet.rss_mib <= MAX_RSS_MIB)
            equal = bench.equal[server.name, table]
            yield Verdict(f"values equal to the server's, {where}", "every one" if equal else "NO", "every one", equal)
            for name in RIVALS:
                rival = bench.results.get((server.name, table, name))
                if rival is not None and rival.samples:
                    yield Verdict(f"wall time, {where}, beside {name}", f"{rivet.wall_s:.2f} s, {rival.wall_s:.2f} s",
                                  "faster", rivet.wall_s < rival.wall_s)


def document(bench, servers, found):
    yield "# Benchmarks on MySQL and MariaDB\n"
    yield "Made by `scripts/bench.sh --mysql`, on the tables of `bench/fixtures.sql` and a narrow one of 20 million rows.\n"
    yield "The limit is `bench/page_limit.c`: the same keyset pages, read by libmariadb and thrown away.\n"
    yield ("chdb and ConnectorX write one zstd Parquet file. mydumper writes SQL, not compressed: it is here for what it asks of the "
           "server. What `content_items` costs beside its limit is the compression of 700 MB of prose.\n")
    yield "| server | table | program | wall | peak memory | longest statement |\n|---|---|---|---|---|---|"
    for (server, table, name), measured in bench.results.items():
        numbers = (f"not measured: {measured.failure} | | " if measured.failure else
                   f"{measured.wall_s:.2f} s | {measured.rss_mib:.1f} MiB | {measured.longest_s:.3f} s")
        yield f"| {server} | {table} | {name} | {numbers} |"
    yield "\n| what | measured | target | |\n|---|---|---|---|"
    for verdict in found:
        yield f"| {verdict.what} | {verdict.measured} | {verdict.target} | {'met' if verdict.met else '**missed**'} |"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--rivet", "--page-limit", "--work"):
        parser.add_argument(name, type=pathlib.Path, required=True)
    parser.add_argument("--server", action="append", required=True, help="NAME,SOCKET,PORT; may be given several times")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rivals", action="store_true", help="measure the other programs, too")
    parser.add_argument("--report", type=pathlib.Path, default=ROOT / "docs" / "benchmarks-mysql.md")
    return parser.parse_args()


def main():
    if sys.argv[1] == "--rival":
        name, socket, port, table, folder = sys.argv[2:7]
        RIVALS[name](Server("", socket, port), table, folder)
        return 0
    bench = Bench(parse_arguments())
    servers = [Server(*text.split(",")) for text in bench.args.server]
    print(f"load before: {os.getloadavg()[0]:.1f}", flush=True)
    for server in servers:
        bench.write_config(server)
        for table in TABLES:
            bench.run_table(server, table)
            bench.compare_values(server, table)
    found = list(verdicts(bench, servers))
    bench.args.report.write_text("\n".join(document(bench, servers, found)) + "\n")
    print(f"\nwritten to {bench.args.report}")
    for verdict in found:
        print(f"{'met   ' if verdict.met else 'MISSED'}  {verdict.what}: {verdict.measured} ({verdict.target})")
    return 0 if all(verdict.met for verdict in found) else 1


if __name__ == "__main__":
    sys.exit(main())
