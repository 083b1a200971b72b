"""Planning reads catalogs, statistics, histograms and the ends of indexes: shown by the server's own counters and by its
log. How many statements a run needs, and how equal its chunks are, whatever the keys look like."""

import re

import pytest

from support.delivery import check_delivery
from support.servers import PostgresServer

ROWS = 60_000
PAGE = 500
TABLE = (
    "CREATE TABLE t (id bigint PRIMARY KEY, n bigint NOT NULL, day date NOT NULL, at timestamptz NOT NULL, pad text);"
    f"INSERT INTO t SELECT {{key}}, i, '2024-01-01'::date + i % 300, '2024-01-01+00'::timestamptz + i * interval '1 s',"
    f" repeat('p', 40) FROM generate_series(1, {ROWS}) i;"
    "CREATE INDEX t_n ON t (n); CREATE INDEX t_day ON t (day); CREATE INDEX t_at ON t (at)"
)
KEYS = {
    "dense": "i",
    "snowflake": "(i::bigint / 1000) * 4194304000000 + i % 1000",
    "gaps": "CASE WHEN i <= 30000 THEN i ELSE 9000000000000000000 + i END",
    "squares": "i::bigint * i * i",
}
WAYS = {
    "ctid": {},
    "statement": {"consistency": "statement"},
    "keyset": {"mode": "chunked", "chunk_size": 5000},
    "range": {"mode": "chunked", "chunk_column": "n", "chunk_size": 5000},
    "count": {"mode": "chunked", "chunk_column": "n", "chunk_count": 9},
    "dense": {"mode": "chunked", "chunk_column": "n", "chunk_dense": True, "chunk_size": 5000},
    "days": {"mode": "chunked", "chunk_column": "day", "chunk_by_days": 30},
    "incremental": {"mode": "incremental", "cursor_column": "at"},
    "composite": {"mode": "incremental", "cursor_column": ["at", "id"]},
    "window": {"mode": "time_window", "time_column": "at", "days_window": 36000},
    "partition": {"partition_by": "day", "partition_granularity": "month"},
}
COUNTERS = (
    "SELECT seq_scan, seq_tup_read, coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = 't'"
)


def make(server: PostgresServer, key: str, analyzed: bool = True) -> str:
    name = server.new_database("planning")
    server.execute(TABLE.format(key=KEYS[key]) + ("; ANALYZE t" if analyzed else ""), name)
    if analyzed:  # the visibility map lets index ends be read from the index alone
        server.execute("VACUUM t", name)
    server.execute(f"ALTER DATABASE \"{name}\" SET log_statement = 'all'")
    return name


@pytest.fixture(scope="module")
def tables(pg15) -> dict[tuple, str]:
    return {}


def table(tables: dict, server: PostgresServer, key: str, analyzed: bool = True) -> str:
    if (key, analyzed) not in tables:
        tables[key, analyzed] = make(server, key, analyzed)
    return tables[key, analyzed]


def log_of(server: PostgresServer, database: str, start: int) -> str:
    with open(server.log, encoding="utf-8", errors="replace") as log:
        log.seek(start)
        lines = re.split(r"\n(?=\d{4}-\d\d-\d\d )", log.read())
    return "\n".join(line for line in lines if f"] {database} " in line)


def counters(server: PostgresServer, database: str) -> tuple[int, int, int]:
    """What sessions that have ended read of the table."""
    with server.connect(database) as session:
        session.execute("SELECT pg_stat_force_next_flush()")
        return session.execute(COUNTERS).fetchone()


# Of a table without statistics the server only guesses which index leads to the last tuple of a composite cursor.
PLANNED = [(way, analyzed) for way in WAYS for analyzed in (True, False) if analyzed or way != "composite"]


@pytest.mark.parametrize("way, analyzed", PLANNED)
def test_planning_reads_no_rows(program, pg15, tables, way, analyzed):
    """A run that is killed before its first page has read nothing of the table but the ends and cuts of indexes."""
    database = table(tables, pg15, "dense", analyzed)
    export = program.export("t", tuning={"batch_size": PAGE}, **WAYS[way])
    if "partition_by" in WAYS[way]:
        export["destination"]["path"] += "/{partition}"
    program.configure(pg15.url(database), export)
    before, start = counters(pg15, database), pg15.log.stat().st_size
    result = program.run(env={"RIVET_CRASH_AT": "after-run-start"})
    assert result.rc < 0, result.err
    seq_scans, rows_scanned, rows_fetched = (b - a for a, b in zip(before, counters(pg15, database)))
    log = log_of(pg15, database, start)
    assert "pg_class" in log
    assert (seq_scans, rows_scanned) == (0, 0), log[-3000:]
    assert rows_fetched <= 200, f"{rows_fetched} rows were fetched for planning"
    without_catalog = re.sub(r"pg_catalog\.count\(\*\) FILTER", "", log)
    assert not re.search(r"count\s*\(\s*\*", without_catalog, re.I)
    assert not re.search(r"\boffset\b", log, re.I)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("way", ["keyset", "by_key", "statement"])
def test_statements_and_chunks_go_by_rows_and_not_by_keys(program, pg15, tables, key, way):
    """At most 1.5 statements for each page's worth of rows and one for each chunk; chunks of about equal rows."""
    database = table(tables, pg15, key)
    keys = {"mode": "chunked", "chunk_by_key": "id", "chunk_size": 5000} if way == "by_key" else WAYS[way]
    program.configure(pg15.url(database), program.export("t", tuning={"batch_size": PAGE}, **keys))
    start = pg15.log.stat().st_size
    summary = program.run_json()["per_export"][0]
    [manifest] = check_delivery(program.out)
    assert manifest["row_count"] == ROWS
    rows = [part["rows"] for part in manifest["parts"]]
    assert summary["statements"] <= 1.5 * ROWS / PAGE + len(rows)
    pages = len(re.findall(r"\bCOPY \(|\bFETCH FORWARD", log_of(pg15, database, start)))
    assert pages <= 1.5 * ROWS / PAGE + len(rows), "what the server counts"
    if way != "statement":
        assert len(rows) >= 8
        assert max(rows) <= 2 * ROWS / len(rows) and min(rows) >= 0.4 * ROWS / len(rows), rows


@pytest.mark.parametrize("relpages, reltuples", [(-1, -1), (2147483647, 1e30), (1, 0), (0, 1e9)])
@pytest.mark.parametrize("way", ["ctid", "keyset", "range"])
def test_statistics_that_are_wrong_cost_no_row(program, pg15, relpages, reltuples, way):
    """They decide how many chunks there are, never what lies in them: -1 and huge counts among them."""
    database = make(pg15, "dense")
    pg15.execute(
        f"UPDATE pg_class SET relpages = {relpages}, reltuples = {reltuples} WHERE relname IN ('t', 't_pkey', 't_n')",
        database,
    )
    program.configure(pg15.url(database), program.export("t", format="csv", **WAYS[way]))
    program.run().ok()
    [manifest] = check_delivery(program.out)
    assert manifest["row_count"] == ROWS and len(manifest["parts"]) <= 200
