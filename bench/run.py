"""Measure, compare with the targets, write docs/benchmarks.md. Called by scripts/bench.sh.

For each table the limit (copy_limit) and rivet run in turns, so that a busy moment of the machine hits both: one round
to warm up, then five that count. Wall time is the best of the five; memory and the longest statement are the worst."""
import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field

import duckdb

from rivals import PROGRAMS

MIB = 1024 * 1024
MAX_RATIO = 2.0
MAX_RSS_MIB = 96
MAX_STATEMENT_S = 0.5
ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclass
class Sample:
    wall_s: float
    user_s: float
    system_s: float
    rss_bytes: int
    statements: int
    longest_s: float
    output: str


@dataclass
class Measured:
    program: str
    table: str
    samples: list = field(default_factory=list)
    file_bytes: int = 0
    failure: str = ""

    @property
    def best(self):
        return min(self.samples, key=lambda sample: sample.wall_s)

    @property
    def rss_mib(self):
        return max(sample.rss_bytes for sample in self.samples) / MIB

    @property
    def longest_s(self):
        return max(sample.longest_s for sample in self.samples)


class Bench:
    def __init__(self, args):
        self.args = args
        self.work = args.work.resolve()
        self.load = os.getloadavg()[0]
        self.results = {}
        self.rows = {}
        self.wire_bytes = {}
        self.equal = {}

    def sql(self, query):
        command = [self.args.psql, "-XAtqv", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.args.port),
                   "-U", "postgres", "-d", "bench", "-c", query]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def statements_since(self, offset, application):
        """How many statements of a program the server has logged since then, and how long the longest took."""
        pattern = re.compile(rf"^{application}:.*duration: ([0-9.]+) ms", re.M)
        with open(self.args.server_log, "rb") as log:
            log.seek(offset)
            durations = [float(ms) / 1000 for ms in pattern.findall(log.read().decode(errors="replace"))]
        return len(durations), max(durations, default=0.0)

    def measure(self, command, application):
        """GNU time waits for the program (wait4(2)) and is itself so small that its own memory, which a child inherits
        until exec, cannot be taken for the program's; Python's could."""
        usage = self.work / "usage"
        offset = os.path.getsize(self.args.server_log)
        begin = time.perf_counter()
        done = subprocess.run(["/usr/bin/time", "-o", usage, "-f", "%U %S %M", *command], capture_output=True, text=True,
                              cwd=self.work)
        wall_s = time.perf_counter() - begin
        if done.returncode != 0:
            raise RuntimeError(f"{application} failed ({done.returncode}): {done.stderr.strip()[-500:]}")
        user_s, system_s, rss_kib = usage.read_text().split()[-3:]
        statements, longest_s = self.statements_since(offset, application)
        return Sample(wall_s, float(user_s), float(system_s), int(rss_kib) * 1024, statements, longest_s, done.stdout)

    def measure_limit(self, table):
        conninfo = (f"host=127.0.0.1 port={self.args.port} user=postgres dbname=bench sslmode=disable "
                    "application_name=copy_limit")
        sample = self.measure([self.args.copy_limit.resolve(), conninfo, f"SELECT * FROM {table}"], "copy_limit")
        rows, size = sample.output.split()
        self.rows[table], self.wire_bytes[table] = int(rows), int(size)
        return sample

    def measure_rivet(self, table):
        out = self.work / "out" / table
        shutil.rmtree(out, ignore_errors=True)
        sample = self.measure([self.args.rivet.resolve(), "run", "-c", "rivet.yaml", "-e", table, "--json"], "rivet")
        rows = json.loads(sample.output)["total_rows"]
        if rows != self.rows[table]:
            raise RuntimeError(f"{table}: rivet wrote {rows} rows, the table has {self.rows[table]}")
        return sample, sum(path.stat().st_size for path in out.glob("*.parquet"))

    def measure_rival(self, name, table):
        file = self.work / "out" / f"{name}-{table}.parquet"
        file.unlink(missing_ok=True)
        command = [sys.executable, ROOT / "bench" / "rivals.py", name, str(self.args.port), table, file]
        sample = self.measure(command, ".*")
        size = file.stat().st_size
        file.unlink()
        return sample, size

    def run_table(self, table, rounds):
        limit, rivet = Measured("limit", table), Measured("rivet", table)
        self.results["limit", table], self.results["rivet", table] = limit, rivet
        for turn in range(rounds + 1):
            limit_sample = self.measure_limit(table)
            rivet_sample, rivet.file_bytes = self.measure_rivet(table)
            if turn > 0:
                limit.samples.append(limit_sample)
                rivet.samples.append(rivet_sample)
            print(f"{table:14} {'warm-up' if turn == 0 else f'round {turn}'}: limit {limit_sample.wall_s:.2f} s, "
                  f"rivet {rivet_sample.wall_s:.2f} s, {rivet_sample.rss_bytes / MIB:.1f} MiB, "
                  f"longest statement {rivet_sample.longest_s:.3f} s", flush=True)

    def run_rivals(self, table, rounds):
        for name in PROGRAMS:
            measured = self.results[name, table] = Measured(name, table)
            try:
                for turn in range(rounds + 1):
                    sample, measured.file_bytes = self.measure_rival(name, table)
                    if turn > 0:
                        measured.samples.append(sample)
                print(f"{table:14} {name}: {measured.best.wall_s:.2f} s, {measured.rss_mib:.0f} MiB", flush=True)
            except RuntimeError as failure:
                measured.failure = str(failure).splitlines()[-1]
                print(f"{table:14} {name}: not measured: {measured.failure}", flush=True)

    def write_config(self, tables):
        exports = "".join(f"""
  - name: {table}
    table: public.{table}
    format: parquet
    destination:
      type: local
      path: {self.work}/out/{table}
""" for table in tables)
        (self.work / "rivet.yaml").write_text(
            f"source:\n  url: postgresql://postgres@127.0.0.1:{self.args.port}/bench\nexports:{exports}")

    def compare_values(self, table):
        """Every value, by SQL on both sides: a row's values as one text, its MD5, and the sum of those."""
        columns = [line.split("|") for line in self.sql(
            f"SELECT attname, atttypid::regtype FROM pg_attribute WHERE attrelid = 'public.{table}'::regclass "
            "AND attnum > 0 ORDER BY attnum").splitlines()]
        in_postgres = row_sum([postgres_text(name, kind) for name, kind in columns], "'x' || {}", "::bit(60)::bigint")
        in_duckdb = row_sum([duckdb_text(name, kind) for name, kind in columns], "'0x' || {}", "::BIGINT")
        theirs = self.sql(f"SELECT count(*), {in_postgres} FROM {table}")
        count, total = duckdb.sql(f"SELECT count(*), {in_duckdb} FROM '{self.work}/out/{table}/*.parquet'").fetchone()
        self.equal[table] = theirs == f"{count}|{total}"
        print(f"{table:14} every value equal to PostgreSQL's, read by DuckDB: {'yes' if self.equal[table] else 'NO'}",
              flush=True)


def row_sum(texts, prefix, cast):
    row = "md5(concat_ws('|', " + ", ".join(f"coalesce({text}, '\\N')" for text in texts) + "))"
    return "sum((" + prefix.format(f"substr({row}, 1, 15)") + ")" + cast + ")"


# A double times 2^43 is exact, and what is cut off lies below its last bit for the fixtures' values.
DOUBLE_SCALE = 2 ** 43


def postgres_text(name, kind):
    if kind.startswith("timestamp"):
        return f"(extract(epoch FROM {name}) * 1000000)::bigint::text"
    if kind in ("real", "double precision"):
        return f"trunc({name}::double precision * {DOUBLE_SCALE})::bigint::text"
    return f"{name}::text"


def duckdb_text(name, kind):
    if kind.startswith("timestamp"):
        return f"epoch_us({name})::VARCHAR"
    if kind in ("real", "double precision"):
        return f"trunc({name}::DOUBLE * {DOUBLE_SCALE})::BIGINT::VARCHAR"
    return f"{name}::VARCHAR"


# ---- the verdict ------------------------------------------------------------------------------------------------------


def ratio(bench, table, program="rivet"):
    return bench.results[program, table].best.wall_s / bench.results["limit", table].best.wall_s


def verdicts(bench, growth):
    """(what, text, target, met) for each target."""
    small, large = growth
    for table in ("orders", "content_items"):
        rivet = bench.results["rivet", table]
        yield f"wall time, `{table}`", f"{ratio(bench, table):.2f} × the limit", f"≤ {MAX_RATIO:.1f} ×", \
            ratio(bench, table) <= MAX_RATIO
        yield f"peak memory (RSS), `{table}`", f"{rivet.rss_mib:.1f} MiB", f"≤ {MAX_RSS_MIB} MiB", \
            rivet.rss_mib <= MAX_RSS_MIB
        yield f"longest statement, `{table}`", f"{rivet.longest_s:.2f} s", f"≤ {MAX_STATEMENT_S} s", \
            rivet.longest_s <= MAX_STATEMENT_S
        yield f"values equal to PostgreSQL's, `{table}`", "every one" if bench.equal[table] else "NO", "every one", \
            bench.equal[table]
    before, after = bench.results["rivet", small].rss_mib, bench.results["rivet", large].rss_mib
    yield f"peak memory, `{small}` → `{large}` (5 × the rows)", f"{before:.1f} → {after:.1f} MiB", \
        f"≤ {MAX_RSS_MIB} MiB", after <= MAX_RSS_MIB


# ---- the report -------------------------------------------------------------------------------------------------------


def machine(bench):
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    ram_kib = int(re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text()).group(1))
    system = re.search(r'PRETTY_NAME="(.*)"', pathlib.Path("/etc/os-release").read_text())
    version = subprocess.run([bench.args.rivet, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    return [
        f"{cpu.group(1) if cpu else 'unknown CPU'}, {os.cpu_count()} cores, {ram_kib / 1024 ** 2:.0f} GiB of memory",
        f"{system.group(1) if system else 'Linux'}, kernel {os.uname().release}",
        f"{version}, release build; PostgreSQL {bench.sql('SHOW server_version')}, DuckDB {duckdb.__version__}",
        "server and client on the same machine, over TCP on 127.0.0.1, without TLS; the tables fit into the page cache",
        f"load average before the first round, the loading of the tables included: {bench.load:.1f}",
    ]


def raw_row(bench, measured):
    if not measured.samples:
        return f"| {measured.table} | {measured.program} | not measured | | | | | | | |"
    best = measured.best
    walls = ", ".join(f"{sample.wall_s:.2f}" for sample in measured.samples)
    rows = bench.rows[measured.table]
    size = f"{measured.file_bytes / 1e6:.0f}" if measured.file_bytes else ""
    return (f"| {measured.table} | {measured.program} | **{best.wall_s:.2f}** | {walls} | {rows / best.wall_s / 1e6:.2f} "
            f"| {bench.wire_bytes[measured.table] / best.wall_s / 1e6:.0f} | {best.user_s + best.system_s:.2f} "
            f"| {measured.rss_mib:.1f} | {measured.longest_s:.3f} ({best.statements}) | {size} |")


def rivals_section(bench):
    lines = ["", "## Other programs", ""]
    if not bench.args.rivals:
        return lines + ["Not measured in this run; `scripts/bench.sh --rivals` measures them."]
    lines += ["The same tables to one zstd Parquet file, each program as its documentation shows it, in the same run, best of "
              f"{min(bench.args.rounds, 2)}", "after a warm-up. What is 1.00 here is the limit of the table above.", "",
              "| table | program | wall | peak RSS | longest statement | remark |", "|---|---|---|---|---|---|"]
    for table in ("orders", "content_items"):
        for program in ("rivet", *PROGRAMS):
            measured = bench.results[program, table]
            if measured.samples:
                lines.append(f"| {table} | {program} | {ratio(bench, table, program):.2f} × | {measured.rss_mib:.0f} MiB "
                             f"| {measured.longest_s:.2f} s | {measured.best.output.strip() if program != 'rivet' else ''} |")
            else:
                lines.append(f"| {table} | {program} | not measured | | | {measured.failure} |")
    return lines


def report(bench, found):
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    lines = ["# Benchmarks", "",
             f"Written by `make bench` on {today}; do not edit. Everything here was measured in one run on one machine.",
             "Compare ratios, not seconds: the seconds are this machine's.", "",
             "The limit is `COPY (SELECT * FROM …) TO STDOUT (FORMAT binary)`, read by a loop over libpq that throws",
             "everything away (`bench/copy_limit.c`): no program that asks PostgreSQL for the whole table over one",
             "connection can be faster. Rivet does the same and decodes, encodes, compresses, checks and writes durable",
             "Parquet files, with default settings.", "", "## Against the targets", "",
             "| | measured | target | |", "|---|---|---|---|"]
    lines += [f"| {what} | {text} | {target} | {'met' if met else '**missed**'} |" for what, text, target, met in found]
    lines += ["", "## Raw numbers", "",
              f"Best of {bench.args.rounds} after a warm-up, limit and rivet in turns. CPU is the client's, user and system",
              "together, of the best round. RSS and the longest statement are the worst of all rounds; the latter is what",
              "the server's own log says (`log_min_duration_statement = 0`), with the number of statements of the best round.",
              "", "| table | program | wall s | every round | M rows/s | MB/s of wire | CPU s | peak RSS MiB "
              "| longest statement s | files MB |", "|---|---|---|---|---|---|---|---|---|---|"]
    for (program, _), measured in bench.results.items():
        if program in ("limit", "rivet"):
            lines.append(raw_row(bench, measured))
    lines += rivals_section(bench)
    lines += ["", "## The tables", "", "Made by `bench/fixtures.sql`.", "", "| table | rows | columns | bytes a row, on the wire |",
              "|---|---|---|---|"]
    for table, rows in bench.rows.items():
        columns = bench.sql(f"SELECT count(*) FROM pg_attribute WHERE attrelid = 'public.{table}'::regclass AND attnum > 0")
        lines.append(f"| {table} | {rows:,} | {columns} | {bench.wire_bytes[table] / rows:.0f} |")
    lines += ["", "## The machine", ""] + [f"- {line}" for line in machine(bench)]
    lines += ["", "## Repeat it", "", "`make bench` takes a few minutes and leaves everything in `build/bench`. "
              "`scripts/bench.sh --big --rivals`", "adds a table of 25 million rows and the other programs. The exit status "
              "is 1 when a target is missed.", ""]
    bench.args.report.write_text("\n".join(lines))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--rivet", "--copy-limit", "--server-log", "--work"):
        parser.add_argument(name, type=pathlib.Path, required=True)
    parser.add_argument("--psql", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--big", action="store_true", help="the table of 25 million rows has been made")
    parser.add_argument("--rivals", action="store_true", help="measure the other programs, too")
    parser.add_argument("--report", type=pathlib.Path, default=ROOT / "docs" / "benchmarks.md")
    return parser.parse_args()


def main():
    bench = Bench(parse_arguments())
    growth = ("orders", "orders_25m") if bench.args.big else ("orders_1m", "orders")
    tables = ["orders", "content_items"] + [table for table in growth if table != "orders"]
    bench.write_config(tables)
    for table in tables:
        bench.run_table(table, 1 if table == "orders_25m" else bench.args.rounds)
        bench.compare_values(table)
        if bench.args.rivals and table in ("orders", "content_items"):
            bench.run_rivals(table, min(bench.args.rounds, 2))
        shutil.rmtree(bench.work / "out" / table)
    found = list(verdicts(bench, growth))
    report(bench, found)
    print(f"\nwritten to {bench.args.report}")
    for what, text, target, met in found:
        print(f"{'met   ' if met else 'MISSED'}  {what}: {text} ({target})")
    return 0 if all(met for *_, met in found) else 1


if __name__ == "__main__":
    sys.exit(main())
