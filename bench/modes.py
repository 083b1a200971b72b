"""What modes and lanes cost, and what the source feels of a run. Called by run.py, whose server and tables it uses.

Every figure is a ratio of two things measured in turns here, or a bound on the server's own record."""
import json
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

from slow_link import SlowLink

ROUNDS = 3
LINK_BYTES_PER_S = 40 * 1000 * 1000
LINK_DELAY_S = 0.005
TARGET_MS = 250  # statement_target_ms of the default profile
PROBE_S = 20
BARE_PAGE_ROWS = 100_000  # about 100 ms
PROBE_RATE = 200  # transactions a second, far below what the server can do
MIB = 1024 * 1024

MAX_CHUNKED_OF_FULL = 1.15
MAX_TWO_LANES_OF_ONE = 1.0
MIN_SLOW_LINK_GAIN = 1.7
MAX_RSS_MIB = 96
GIANT_MB = 200
MAX_PROBE_RATIO = 1.5
MAX_RESUME_S = 2.0

TABLES = f"""
CREATE TABLE spikes (id bigint PRIMARY KEY, kind int, body text);
ALTER TABLE spikes ALTER body SET STORAGE EXTERNAL;
INSERT INTO spikes SELECT i, i % 7, CASE WHEN i % 1000 = 0 THEN repeat(md5(i::text), 32768) ELSE md5(i::text) END
FROM generate_series(1, 100000) AS i;
CREATE TABLE large_rows (id bigint PRIMARY KEY, body text);
ALTER TABLE large_rows ALTER body SET STORAGE EXTERNAL;
INSERT INTO large_rows SELECT i, repeat(md5(i::text), 32768) FROM generate_series(1, 400) AS i;
CREATE TABLE giant (id bigint PRIMARY KEY, body text);
ALTER TABLE giant ALTER body SET STORAGE EXTERNAL;
INSERT INTO giant SELECT 1, repeat('0123456789abcdef', {GIANT_MB} * 65536);
CREATE TABLE probe AS SELECT i AS id, 0 AS hits, md5(i::text) AS body FROM generate_series(1, 200000) AS i;
ALTER TABLE probe ADD PRIMARY KEY (id);
ANALYZE
"""
PROBE_SQL = """\\set id random(1, 200000)
SELECT body FROM probe WHERE id = :id;
UPDATE probe SET hits = hits + 1 WHERE id = :id;
"""


def export(work, name, table, **keys):
    return {"name": name, "table": f"public.{table}", "format": "parquet",
            "destination": {"type": "local", "path": f"{work}/modes/{name}"}} | keys


class Modes:
    def __init__(self, bench):
        self.bench = bench
        self.work = bench.work
        self.config = self.work / "modes.yaml"
        self.walls = {}
        self.verdicts = []  # (what, measured, target, met)
        self.notes = []

    # ---- running ----

    def configure(self, exports, port=0):
        source = {"url": f"postgresql://postgres@127.0.0.1:{port or self.bench.args.port}/bench"}
        self.config.write_text(json.dumps({"source": source, "exports": exports}))

    def rivet(self, name, *more):
        shutil.rmtree(self.work / "modes" / name, ignore_errors=True)
        command = [self.bench.args.rivet.resolve(), "run", "-c", self.config, "-e", name, "--json", *more]
        return self.bench.measure(command, "rivet")

    def at_most(self, what, value, limit, unit):
        shown = f"{value:.2f}"
        self.verdicts.append((what, f"{shown} {unit}", f"≤ {limit} {unit}", float(shown) <= limit))
        print(f"{what}: {shown} {unit}", flush=True)

    def in_turns(self, exports, port=0):
        """Best wall time of each after a warm-up."""
        self.configure(exports, port)
        best = {}
        for turn in range(ROUNDS + 1):
            for entry in exports:
                wall_s = self.rivet(entry["name"]).wall_s
                if turn > 0:
                    best[entry["name"]] = min(best.get(entry["name"], wall_s), wall_s)
        self.walls |= best
        return best

    # ---- what is measured ----

    def modes(self):
        chunked = {"mode": "chunked", "chunk_by_key": "id"}
        exports = [export(self.work, "full", "orders"), export(self.work, "full_2", "orders", parallel=2),
                   export(self.work, "chunked", "orders", **chunked),
                   export(self.work, "chunked_2", "orders", **chunked, parallel=2)]
        best = self.in_turns(exports)
        self.at_most("`chunked` by key, wall time, of `full`", best["chunked"] / best["full"], MAX_CHUNKED_OF_FULL, "×")
        for mode in ("full", "chunked"):
            self.at_most(f"two lanes, wall time, of one, `{mode}`", best[f"{mode}_2"] / best[mode], MAX_TWO_LANES_OF_ONE, "×")

    def slow_link(self):
        chunked = {"mode": "chunked", "chunk_by_key": "id", "chunk_size": 100_000}
        exports = [export(self.work, "far", "orders_1m", **chunked),
                   export(self.work, "far_2", "orders_1m", **chunked, parallel=2)]
        with SlowLink(self.bench.args.port, LINK_BYTES_PER_S, LINK_DELAY_S) as link:
            best = self.in_turns(exports, link.port)
        gain = best["far"] / best["far_2"]
        self.verdicts.append(("two lanes over a link of 40 MB/s and 5 ms for each connection, speed of one",
                              f"{gain:.2f} ×", f"≥ {MIN_SLOW_LINK_GAIN} ×", round(gain, 2) >= MIN_SLOW_LINK_GAIN))
        print(f"slow link: {gain:.2f} ×", flush=True)

    def statements(self):
        for table in ("orders", "content_items", "spikes"):
            for mode in ({}, {"mode": "chunked", "chunk_by_key": "id"}):
                kind = mode.get("mode", "full")
                if table == "content_items" and mode and not self.has_key(table):
                    continue
                self.configure([export(self.work, "paced", table, **mode)])
                sample = self.rivet("paced")
                self.at_most(f"longest statement, `{table}`, `{kind}`", sample.longest_s * 1000, 2 * TARGET_MS, "ms")

    def has_key(self, table):
        return self.bench.sql(f"SELECT count(*) FROM pg_index WHERE indrelid = '{table}'::regclass AND indisunique") != "0"

    def memory(self):
        # A row of 1,000 columns has to fit into a block.
        columns = ", ".join(f"c{i} {('bigint', 'text', 'real', 'date')[i % 4]}" for i in range(999))
        values = ", ".join(("i * 7", "left(md5(i::text), 7)", "i / 8.0", "current_date")[i % 4] for i in range(999))
        self.bench.sql(f"CREATE TABLE wide (id bigint PRIMARY KEY, {columns})")
        self.bench.sql(f"INSERT INTO wide SELECT i, {values} FROM generate_series(1, 10000) AS i")
        self.bench.sql("ANALYZE wide")
        for table, limit in (("large_rows", MAX_RSS_MIB), ("wide", MAX_RSS_MIB), ("giant", MAX_RSS_MIB + 3 * GIANT_MB)):
            self.configure([export(self.work, "memory", table)])
            sample = self.rivet("memory")
            self.at_most(f"peak memory (RSS), `{table}`", sample.rss_bytes / MIB, limit, "MiB")

    def probe_p99_ms(self, alongside=None):
        """Latencies of point reads and updates at a fixed rate, while `alongside` is started again and again."""
        script = self.work / "probe.sql"
        script.write_text(PROBE_SQL)
        for log in self.work.glob("probe_log*"):
            log.unlink()
        pgbench = Path(self.bench.args.psql).with_name("pgbench")
        probe = subprocess.Popen([pgbench, "-n", "-h", "127.0.0.1", "-p", str(self.bench.args.port), "-U", "postgres",
                                  "-f", script, "-c", "2", "-R", str(PROBE_RATE), "-T", str(PROBE_S), "-l",
                                  f"--log-prefix={self.work}/probe_log", "bench"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.work)
        while alongside and probe.poll() is None:
            alongside()
        if probe.wait() != 0:
            raise RuntimeError("pgbench failed")
        latencies = sorted(int(line.split()[2]) for log in self.work.glob("probe_log*") for line in log.open())
        return latencies[int(len(latencies) * 0.99)] / 1000

    def gentleness(self):
        self.configure([export(self.work, "gentle", "orders", tuning={"profile": "safe"}),
                        export(self.work, "usual", "orders")])
        file = self.work / "modes" / "rival.parquet"
        file.parent.mkdir(exist_ok=True)

        def rival(name):
            file.unlink(missing_ok=True)
            subprocess.run([sys.executable, Path(__file__).with_name("rivals.py"), name, str(self.bench.args.port),
                            "orders", file], capture_output=True, cwd=self.work, check=True)

        rows = self.bench.rows["orders"]
        pages = "".join(f"COPY (SELECT * FROM orders WHERE id > {at} AND id <= {at + BARE_PAGE_ROWS} ORDER BY id) TO STDOUT (FORMAT binary);\n"
                        "SELECT pg_sleep(0.1);\n" for at in range(0, rows, BARE_PAGE_ROWS))

        def bare():
            """A client that reads as `safe` does, half of the time, and throws everything away."""
            subprocess.run([self.bench.args.psql, "-X", "-q", "-h", "127.0.0.1", "-p", str(self.bench.args.port), "-U", "postgres",
                            "-d", "bench"], input=pages.encode(), stdout=subprocess.DEVNULL, cwd=self.work, check=True)

        calm = statistics.median(self.probe_p99_ms() for _ in range(2))
        found = {"nothing": calm, "rivet, safe": self.probe_p99_ms(lambda: self.rivet("gentle")),
                 "psql that reads as much as often and throws it away": self.probe_p99_ms(bare),
                 "rivet, balanced": self.probe_p99_ms(lambda: self.rivet("usual"))}
        for name in ("chdb", "connectorx"):
            try:
                found[name] = self.probe_p99_ms(lambda: rival(name))
            except subprocess.CalledProcessError:
                self.notes.append(f"{name} could not be run beside the probe")
        self.notes.append("p99 of the probe beside each: " + ", ".join(
            f"{name} {ms:.1f} ms ({ms / calm:.2f} ×)" for name, ms in found.items()))
        print(self.notes[-1], flush=True)
        self.at_most("p99 of an OLTP probe during an export under `safe`, of its p99 without one",
                     found["rivet, safe"] / calm, MAX_PROBE_RATIO, "×")

    def many_chunks(self):
        self.configure([export(self.work, "many", "orders", mode="chunked", chunk_by_key="id", parallel=2,
                               chunk_size=self.bench.rows["orders"] // 1000)])
        offset = Path(self.bench.args.server_log).stat().st_size
        shutil.rmtree(self.work / "modes" / "many", ignore_errors=True)
        process = subprocess.Popen([self.bench.args.rivet.resolve(), "run", "-c", self.config, "-e", "many"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.work)
        while len(list((self.work / "modes" / "many").glob("*.parquet"))) < 300 and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed_us = int(time.time() * 1e6)
        command = [self.bench.args.rivet.resolve(), "run", "-c", self.config, "-e", "many", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.work, check=True)
        summary = json.loads(done.stdout)["per_export"][0]
        if not summary["resumed"] or summary["rows"] != self.bench.rows["orders"]:
            raise RuntimeError(f"the killed run was not resumed: {done.stdout}")
        with sqlite3.connect(self.work / ".rivet_state.db") as state:
            [(first_us,)] = state.execute("SELECT min(at_us) FROM journal WHERE event = 'ChunkStarted' AND at_us > ?",
                                          (killed_us,))
        self.at_most("1,000 chunks, from the next start after a kill to the first chunk read", (first_us - killed_us) / 1e6,
                     MAX_RESUME_S, "s")
        with open(self.bench.args.server_log, "rb") as log:
            log.seek(offset)
            connections = len(re.findall(rb"connection authorized: .*application_name=rivet", log.read()))
        self.verdicts.append(("1,000 chunks on two lanes, connections of both processes", str(connections), "≤ 8",
                              0 < connections <= 8))

    def measure(self):
        for statement in TABLES.split(";"):
            self.bench.sql(statement)
        for step in (self.modes, self.slow_link, self.statements, self.memory, self.gentleness, self.many_chunks):
            step()
        shutil.rmtree(self.work / "modes", ignore_errors=True)
