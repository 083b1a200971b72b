"""From what run.py measured to the verdicts and docs/benchmarks.md. Numbers are judged as they are printed."""
import datetime
import os
import pathlib
import re
import subprocess
from collections import namedtuple

import duckdb

from rivals import PROGRAMS

# What must be reached, by table: ratios of rivet to something else that was measured in the same run.
MAX_OF_LIMIT = {"orders": 1.6, "content_items": 1.8}
MAX_OF_CHDB = {"orders": 0.65, "content_items": 0.75}
MAX_OF_SMALLEST_FILE = 1.0
MAX_OF_DUCKDB_CPU = 0.8
MAX_OF_DUCKDB_SCAN = 1.0
MAX_RSS_MIB = 96
MAX_STATEMENT_S = 0.5
TABLES = tuple(MAX_OF_LIMIT)

Verdict = namedtuple("Verdict", "what measured target met")


def at_most(what, ratio, limit, of):
    shown = f"{ratio:.2f}"
    return Verdict(what, f"{shown} × {of}", f"≤ {limit} ×", float(shown) <= limit)


def wall_ratio(bench, table, to="limit", program="rivet"):
    return bench.results[program, table].best.wall_s / bench.results[to, table].best.wall_s


def smallest_other(bench, table):
    """(name, bytes) of the smaller of the two files that the target names."""
    encoders = bench.encoders[table]
    return min(((name, encoders[name]["bytes"]) for name in ("duckdb", "pyarrow")), key=lambda pair: pair[1])


def cpu_ratio(bench, table):
    encoders = bench.encoders[table]
    return min(encoders["rivet"]["cpu_s"]) / min(encoders["duckdb"]["cpu_s"])


def table_verdicts(bench, table):
    rivet = bench.results["rivet", table]
    name, smallest = smallest_other(bench, table)
    yield at_most(f"whole export, wall time, `{table}`", wall_ratio(bench, table), MAX_OF_LIMIT[table], "the limit")
    yield at_most(f"whole export, wall time, `{table}`", wall_ratio(bench, table, "chdb"), MAX_OF_CHDB[table], "chdb")
    yield at_most(f"size of the files, `{table}`", rivet.file_bytes / smallest, MAX_OF_SMALLEST_FILE, name)
    yield at_most(f"encoder alone, processor time, `{table}`", cpu_ratio(bench, table), MAX_OF_DUCKDB_CPU, "DuckDB")
    for scan in bench.scans[table]:
        threads = "one thread" if scan.threads == "1" else "default threads"
        yield at_most(f"{scan.kind} by DuckDB, {threads}, `{table}`", scan.ratio, MAX_OF_DUCKDB_SCAN, "DuckDB's own file")
    yield Verdict(f"peak memory (RSS), `{table}`", f"{rivet.rss_mib:.1f} MiB", f"≤ {MAX_RSS_MIB} MiB",
                  rivet.rss_mib <= MAX_RSS_MIB)
    yield Verdict(f"longest statement, `{table}`", f"{rivet.longest_s:.2f} s", f"≤ {MAX_STATEMENT_S} s",
                  rivet.longest_s <= MAX_STATEMENT_S)
    yield Verdict(f"values equal to PostgreSQL's, `{table}`", "every one" if bench.equal[table] else "NO", "every one",
                  bench.equal[table])


def verdicts(bench, growth):
    for table in TABLES:
        yield from table_verdicts(bench, table)
    small, large = growth
    before, after = bench.results["rivet", small].rss_mib, bench.results["rivet", large].rss_mib
    yield Verdict(f"peak memory, `{small}` → `{large}` (5 × the rows)", f"{before:.1f} → {after:.1f} MiB",
                  f"≤ {MAX_RSS_MIB} MiB", after <= MAX_RSS_MIB)


# ---- the document -----------------------------------------------------------------------------------------------------


def machine(bench):
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    ram_kib = int(re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text()).group(1))
    system = re.search(r'PRETTY_NAME="(.*)"', pathlib.Path("/etc/os-release").read_text())
    version = subprocess.run([bench.args.rivet, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    return [
        f"{cpu.group(1) if cpu else 'unknown CPU'}, {os.cpu_count()} cores, {ram_kib / 1024 ** 2:.0f} GiB of memory",
        f"{system.group(1) if system else 'Linux'}, kernel {os.uname().release}",
        f"{version}, release build; PostgreSQL {bench.sql('SHOW server_version')}, DuckDB {duckdb.__version__}, "
        f"pyarrow {bench.version('pyarrow')}, chdb {bench.version('chdb')}",
        "server and client on the same machine, over TCP on 127.0.0.1, without TLS; the tables fit into the page cache",
        f"load average before the first round, the loading of the tables included: {bench.load:.1f}",
    ]


def targets_section(found):
    lines = ["## Against the targets", "", "| | measured | target | |", "|---|---|---|---|"]
    return lines + [f"| {v.what} | {v.measured} | {v.target} | {'met' if v.met else '**missed**'} |" for v in found] + [""]


def export_row(bench, measured):
    best = measured.best
    walls = ", ".join(f"{sample.wall_s:.2f}" for sample in measured.samples)
    rows = bench.rows[measured.table]
    size = f"{measured.file_bytes / 1e6:.1f}" if measured.file_bytes else ""
    return (f"| {measured.table} | {measured.program} | **{best.wall_s:.2f}** | {walls} | {rows / best.wall_s / 1e6:.2f} "
            f"| {bench.wire_bytes[measured.table] / best.wall_s / 1e6:.0f} | {best.user_s + best.system_s:.2f} "
            f"| {measured.rss_mib:.1f} | {measured.longest_s:.3f} ({best.statements}) | {size} |")


def exports_section(bench):
    lines = ["## Whole exports", "",
             f"Best of {bench.args.rounds} after a warm-up, all programs in turns; chdb, which takes longest, has as many rounds",
             "as are shown. CPU is the client's, user and system together, of the best round. RSS and the longest statement",
             "are the worst of all rounds; the latter is what the server's own log says (`log_min_duration_statement = 0`),",
             "with the number of statements of the best round.",
             "", "| table | program | wall s | every round | M rows/s | MB/s of wire | CPU s | peak RSS MiB "
             "| longest statement s | files MB |", "|---|---|---|---|---|---|---|---|---|---|"]
    return lines + [export_row(bench, measured) for (program, _), measured in bench.results.items()
                    if program in ("limit", "rivet", "chdb")] + [""]


def encoders_section(bench):
    lines = ["## Writers alone", "",
             "The same rows in the same order, in memory, to one zstd Parquet file: Rivet with the export's defaults",
             "(`bench/encode_table.c`), the others with theirs (`bench/encoders.py`). Processor time is user and system of",
             "all threads while writing, the best of the runs shown; Rivet and DuckDB have one thread. Rivet's size is that of",
             "the files of the whole export. `duckdb v2` is `PARQUET_VERSION v2`: encodings that not every reader knows.",
             "", "| table | writer | CPU s | every run | of DuckDB's | size MB | of DuckDB's |", "|---|---|---|---|---|---|---|"]
    for table, encoders in bench.encoders.items():
        base = encoders["duckdb"]
        for name, encoder in encoders.items():
            runs = ", ".join(f"{seconds:.2f}" for seconds in encoder["cpu_s"])
            best = min(encoder["cpu_s"])
            lines.append(f"| {table} | {name} | **{best:.2f}** | {runs} | {best / min(base['cpu_s']):.2f} "
                         f"| {encoder['bytes'] / 1e6:.1f} | {encoder['bytes'] / base['bytes']:.3f} |")
    return lines + [""]


def scans_section(bench):
    lines = ["## Reading the files", "",
             "DuckDB over Rivet's files and over the file that DuckDB itself wrote of the same rows (zstd), in turns, best of",
             "several. Every query folds a hash of all columns; `point` and `range` are sums over the predicates of",
             "`bench/scans.py`, on sorted and on scattered columns.", "",
             "| table | query | threads | Rivet's files s | DuckDB's file s | ratio |", "|---|---|---|---|---|---|"]
    for table, scans in bench.scans.items():
        lines += [f"| {table} | {scan.kind} | {scan.threads} | {scan.seconds['rivet']:.3f} | {scan.seconds['duckdb']:.3f} "
                  f"| {scan.ratio:.2f} |" for scan in scans]
    return lines + [""]


def rivals_section(bench):
    lines = ["## Other programs", ""]
    if not bench.args.rivals:
        return lines + ["Not measured in this run; `scripts/bench.sh --rivals` measures them.", ""]
    lines += ["The same tables to one zstd Parquet file, each program as its documentation shows it, in the same run. What is",
              "1.00 here is the limit of the tables above.", "",
              "| table | program | wall | peak RSS | longest statement | remark |", "|---|---|---|---|---|---|"]
    for table in TABLES:
        for program in ("rivet", *PROGRAMS):
            measured = bench.results[program, table]
            if measured.samples:
                remark = measured.best.output.strip() if program != "rivet" else ""
                lines.append(f"| {table} | {program} | {wall_ratio(bench, table, program=program):.2f} × "
                             f"| {measured.rss_mib:.0f} MiB | {measured.longest_s:.2f} s | {remark} |")
            else:
                lines.append(f"| {table} | {program} | not measured | | | {measured.failure} |")
    return lines + [""]


def tables_section(bench):
    lines = ["## The tables", "", "Made by `bench/fixtures.sql`.", "", "| table | rows | columns | bytes a row, on the wire |",
             "|---|---|---|---|"]
    for table, rows in bench.rows.items():
        columns = bench.sql(f"SELECT count(*) FROM pg_attribute WHERE attrelid = 'public.{table}'::regclass AND attnum > 0")
        lines.append(f"| {table} | {rows:,} | {columns} | {bench.wire_bytes[table] / rows:.0f} |")
    return lines + [""]


def modes_section(bench):
    if not bench.args.modes:
        return []
    return ["## Modes, lanes and what the source feels", "",
            "`bench/modes.py`: each ratio of wall times is of the best of three after a warm-up, in turns; the figures are in",
            "the table of targets. The slow link is a proxy that lets 40 MB/s through each connection, with 5 ms on the way.",
            "The probe is pgbench: point reads and updates at 200 transactions a second.", ""] + [
                f"- {note}" for note in bench.notes] + [""]


def document(bench, found):
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    lines = ["# Benchmarks", "",
             f"Written by `make bench` on {today}; do not edit. Everything here was measured in one run on one machine.",
             "Compare ratios, not seconds: the seconds are this machine's.", "",
             "The limit is `COPY (SELECT * FROM …) TO STDOUT (FORMAT binary)`, read by a loop over libpq that throws",
             "everything away (`bench/copy_limit.c`): no program that asks PostgreSQL for the whole table over one",
             "connection can be faster. Rivet does the same and decodes, encodes, compresses, checks and writes durable",
             "Parquet files, with default settings. chdb is ClickHouse in a process: `postgresql()` to one zstd Parquet file.",
             ""]
    for section in (targets_section(found), exports_section(bench), encoders_section(bench), scans_section(bench),
                    modes_section(bench), rivals_section(bench), tables_section(bench)):
        lines += section
    lines += ["## The machine", ""] + [f"- {line}" for line in machine(bench)]
    lines += ["", "## Repeat it", "",
              "`make bench` takes about eight minutes and leaves everything in `build/bench`. `scripts/bench.sh --big --rivals`",
              "adds a table of 25 million rows and the other programs, `--modes` what lanes and modes cost; `--small` tries everything on a fiftieth of the rows.",
              "The exit status is 1 when a target is missed.", ""]
    return "\n".join(lines)
