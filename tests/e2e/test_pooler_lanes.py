"""Several lanes behind pgbouncer, in session and in transaction mode, with fewer server connections than lanes, as many,
and more: every mode reads each row once, from one point in time where that was asked for, and leaves nothing behind."""

import os

import duckdb
import pytest

from support.delivery import check_delivery, part_paths, visible
from support.servers import PgBouncer, wait_until

ROWS = 4000
LANES = 4
SETTINGS = (
    "SELECT name, setting FROM pg_settings WHERE name NOT IN ('application_name', 'client_encoding') ORDER BY name"
)
WAYS = {
    "ctid": {},
    "statement": {"consistency": "statement"},
    "query": {"query": "SELECT * FROM t"},
    "keyset": {"mode": "chunked", "chunk_size": 300},
    "keyset-snapshot": {"mode": "chunked", "chunk_size": 300, "consistency": "snapshot"},
    "range": {"mode": "chunked", "chunk_column": "n", "chunk_count": 9},
    "days": {"mode": "chunked", "chunk_column": "day", "chunk_by_days": 9},
    "incremental": {"mode": "incremental", "cursor_column": "updated_at"},
    "window": {"mode": "time_window", "time_column": "updated_at", "days_window": 36000},
}
POOLS = [("transaction", 2), ("transaction", 4), ("transaction", 20), ("session", 2), ("session", 4), ("session", 20)]


# With the smallest pool every way, with the others every third; RIVET_EVERY_POOL asks for all.
EVERY = bool(os.environ.get("RIVET_EVERY_POOL"))
PAIRS = [
    (pool, way) for i, pool in enumerate(POOLS) for j, way in enumerate(WAYS) if EVERY or i == 0 or (i + j) % 3 == 0
]


@pytest.fixture(scope="module")
def table(pg15) -> str:
    name = pg15.new_database("pooled")
    pg15.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, n int, day date NOT NULL, updated_at timestamptz NOT NULL, pad text)"
        " WITH (fillfactor = 10);"
        "INSERT INTO t SELECT i, CASE WHEN i % 9 = 0 THEN NULL ELSE i % 777 END, '2024-01-01'::date + i % 60,"
        f" '2024-01-01+00'::timestamptz + i * interval '1 s', repeat('p', 500) FROM generate_series(1, {ROWS}) i;"
        "CREATE INDEX ON t (n); CREATE INDEX ON t (updated_at); ANALYZE t",
        name,
    )
    return name


@pytest.fixture(scope="module")
def poolers(pg15, base):
    """Those started so far, by mode and size."""
    running: dict[tuple, PgBouncer] = {}
    yield running
    for server in running.values():
        server.stop()


@pytest.fixture
def pooler(request, poolers, pg15, base) -> PgBouncer:
    mode, size = request.param
    if request.param not in poolers:
        poolers[request.param] = PgBouncer(pg15, base, f"pgbouncer-{mode}-{size}", mode, size).start()
    return poolers[request.param]


def ids_of(program) -> list[int]:
    [manifest] = check_delivery(program.out)
    names = [str(path) for path in part_paths(program.out, manifest)]
    with duckdb.connect() as session:
        return [i for (i,) in session.execute(f"SELECT id FROM read_parquet({names}) ORDER BY id").fetchall()]


@pytest.mark.parametrize("pooler, way", PAIRS, indirect=["pooler"], ids=str)
def test_every_mode_with_four_lanes(program, pooler, pg15, table, way):
    with pooler.connect(table) as session:
        before = session.execute(SETTINGS).fetchall()
    tuning = {"batch_size": 100}
    program.configure(
        pg15.url(table, port=pooler.port), program.export("t", parallel=LANES, tuning=tuning, **WAYS[way])
    )
    program.run(seconds=25).ok()
    assert ids_of(program) == list(range(1, ROWS + 1))
    wait_until(
        lambda: pg15.query(
            f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{table}' AND state <> 'idle'"
        ) == [(0,)],
        5,
        "the server's sessions to be idle",
    )
    assert pg15.query(f"SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
                      f" WHERE d.datname = '{table}' AND locktype = 'advisory'") == [(0,)]
    with pooler.connect(table) as session:
        assert session.execute(SETTINGS).fetchall() == before, "settings leaked to the next client"
        assert session.execute("SELECT count(*) FROM pg_cursors").fetchone() == (0,)
        assert session.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_a_pooler_that_gives_single_statements_is_refused(program, pg15, table, base):
    """No snapshot and no setting would outlive a statement: it says so and exports nothing."""
    pooler = PgBouncer(pg15, base, "pgbouncer-statement", "statement", 4).start()
    try:
        for way in ("ctid", "keyset", "query"):
            program.configure(
                pg15.url(table, port=pooler.port),
                program.export("t", parallel=LANES, tuning={"retry_backoff_ms": 1}, **WAYS[way]),
            )
            result = program.run(seconds=30)
            assert (result.rc, result.code) == (1, "RIVET_SOURCE_UNSUPPORTED"), result.err
            assert "statement" in result.err and "pool" in result.err
            assert visible(program.out) == []
    finally:
        pooler.stop()
