"""Measure, compare with the targets, write docs/benchmarks.md. Called by scripts/bench.sh.

For each table the limit (copy_limit), rivet and chdb run in turns, so that a busy moment of the machine hits all of
them: one round to warm up, then some that count. Wall time is the best of those; memory and the longest statement are
the worst. Then the files: their size beside that of other writers (encoders.py), the processor time of the encoder
alone (encode_table.c), and how fast DuckDB scans them (scans.py)."""
import argparse
import importlib.metadata
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

import report
import scans
from modes import Modes
from rivals import PROGRAMS

MIB = 1024 * 1024
FULL = ("orders", "content_items")  # measured in every respect; the other tables only for memory
CHDB_ROUNDS = 2  # it takes several times as long as the others
ENCODE_ROUNDS = 3
SCAN_ROUNDS = 3
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
        self.encoders = {}
        self.scans = {}
        self.notes = []

    def sql(self, query):
        command = [self.args.psql, "-XAtqv", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.args.port),
                   "-U", "postgres", "-d", "bench", "-c", query]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{query[:100]}: {done.stderr.strip()[:500]}")
        return done.stdout.strip()

    @staticmethod
    def version(package):
        return importlib.metadata.version(package)

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
        if table in FULL:
            self.results["chdb", table] = Measured("chdb", table)
        for turn in range(rounds + 1):
            limit_sample = self.measure_limit(table)
            rivet_sample, rivet.file_bytes = self.measure_rivet(table)
            if turn > 0:
                limit.samples.append(limit_sample)
                rivet.samples.append(rivet_sample)
            print(f"{table:14} {'warm-up' if turn == 0 else f'round {turn}'}: limit {limit_sample.wall_s:.2f} s, "
                  f"rivet {rivet_sample.wall_s:.2f} s, {rivet_sample.rss_bytes / MIB:.1f} MiB, "
                  f"longest statement {rivet_sample.longest_s:.3f} s", flush=True)
            if table in FULL and 0 < turn <= CHDB_ROUNDS:
                self.run_chdb(table)

    def run_chdb(self, table):
        measured = self.results["chdb", table]
        sample, measured.file_bytes = self.measure_rival("chdb", table)
        measured.samples.append(sample)
        print(f"{table:14} chdb: {sample.wall_s:.2f} s, {sample.rss_bytes / MIB:.0f} MiB", flush=True)

    def run_encoders(self, table):
        """Sizes and processor time of our writer and others, from rows in memory, each in a process of its own."""
        folder = self.work / "out"
        ours = folder / f"encode-{table}.parquet"
        found = self.json_of([self.args.encode_table.resolve(), "rivet.yaml", table, ENCODE_ROUNDS, ours])
        if found["rows"] != self.rows[table]:
            raise RuntimeError(f"{table}: encode_table wrote {found['rows']} rows of {self.rows[table]}")
        ours.unlink()
        others = self.json_of([sys.executable, ROOT / "bench" / "encoders.py", table, f"{folder}/{table}/*.parquet",
                               folder, ENCODE_ROUNDS])
        self.encoders[table] = {"rivet": {**found, "bytes": self.results["rivet", table].file_bytes}, **others}
        print(f"{table:14} encoders: " + ", ".join(
            f"{name} {min(e['cpu_s']):.2f} s {e['bytes'] / 1e6:.1f} MB" for name, e in self.encoders[table].items()),
            flush=True)

    def json_of(self, command):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=self.work)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} failed ({done.returncode}): {done.stderr.strip()[-500:]}")
        return json.loads(done.stdout)

    def run_scans(self, table):
        out = self.work / "out"
        self.scans[table] = list(scans.scans(table, f"{out}/{table}/*.parquet", f"{out}/duckdb-{table}.parquet",
                                             self.rows[table], SCAN_ROUNDS))
        for scan in self.scans[table]:
            print(f"{table:14} {scan.kind}, threads {scan.threads}: {scan.ratio:.2f} of DuckDB's own file", flush=True)
        for file in out.glob(f"*-{table}.parquet"):
            file.unlink()

    def run_rivals(self, table, rounds):
        for name in PROGRAMS:
            if (name, table) in self.results:
                continue
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


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--rivet", "--copy-limit", "--encode-table", "--server-log", "--work"):
        parser.add_argument(name, type=pathlib.Path, required=True)
    parser.add_argument("--psql", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--big", action="store_true", help="the table of 25 million rows has been made")
    parser.add_argument("--rivals", action="store_true", help="measure the other programs, too")
    parser.add_argument("--modes", action="store_true", help="measure modes, lanes and what the source feels, too")
    parser.add_argument("--report", type=pathlib.Path, default=ROOT / "docs" / "benchmarks.md")
    return parser.parse_args()


def main():
    bench = Bench(parse_arguments())
    growth = ("orders", "orders_25m") if bench.args.big else ("orders_1m", "orders")
    tables = list(FULL) + [table for table in growth if table != "orders"]
    bench.write_config(tables)
    for table in tables:
        bench.run_table(table, 1 if table == "orders_25m" else bench.args.rounds)
        bench.compare_values(table)
        if table in FULL:
            bench.run_encoders(table)
            bench.run_scans(table)
        if bench.args.rivals and table in FULL:
            bench.run_rivals(table, min(bench.args.rounds, 2))
        shutil.rmtree(bench.work / "out" / table)
    found = list(report.verdicts(bench, growth))
    if bench.args.modes:
        modes = Modes(bench)
        modes.measure()
        found += [report.Verdict(*verdict) for verdict in modes.verdicts]
        bench.notes = modes.notes
    bench.args.report.write_text(report.document(bench, found))
    print(f"\nwritten to {bench.args.report}")
    for verdict in found:
        print(f"{'met   ' if verdict.met else 'MISSED'}  {verdict.what}: {verdict.measured} ({verdict.target})")
    return 0 if all(verdict.met for verdict in found) else 1


if __name__ == "__main__":
    sys.exit(main())
