"""From a hot standby: every mode, several lanes, and a recovery that takes back what is being read."""

import threading

import duckdb
import pytest

from support.delivery import check_delivery, part_paths, visible
from support.program import Program
from support.servers import REPLICATED, PostgresServer, Standby, wait_until

ROWS = 20_000
TABLE = (
    "CREATE TABLE t (id bigint PRIMARY KEY, day date NOT NULL, updated_at timestamptz NOT NULL, v int NOT NULL, w text);"
    "INSERT INTO t SELECT i, '2024-01-01'::date + i % 60, '2024-01-01+00'::timestamptz + i * interval '1 s', i,"
    f" repeat('w', 100) FROM generate_series(1, {ROWS}) i; CREATE INDEX ON t (updated_at); CREATE INDEX ON t (day);"
    "ANALYZE t"
)
WAYS = {
    "ctid": {},
    "statement": {"consistency": "statement"},
    "query": {"query": "SELECT * FROM t"},
    "keyset": {"mode": "chunked", "chunk_size": 3000},
    "keyset-snapshot": {"mode": "chunked", "chunk_size": 3000, "consistency": "snapshot"},
    "range": {"mode": "chunked", "chunk_column": "day", "chunk_by_days": 10},
    "incremental": {"mode": "incremental", "cursor_column": "updated_at"},
    "window": {"mode": "time_window", "time_column": "updated_at", "days_window": 36000},
}
CONFLICTS = (("ctid", 1), ("ctid", 3), ("statement", 3), ("query", 1), ("keyset", 3), ("keyset-snapshot", 3), ("range", 1))
SLOW_ROWS = 1500
EAGER = {"max_standby_streaming_delay": "0", "max_standby_archive_delay": "0", "hot_standby_feedback": "off"}


@pytest.fixture(scope="module")
def primary(base):
    server = PostgresServer(15, base, "primary", REPLICATED).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def standby(primary, base):
    """One that lets its readers wait for nothing: recovery goes first."""
    server = Standby(primary, base, "standby", EAGER).start()
    yield server
    server.stop()


@pytest.fixture
def feed(primary, standby) -> str:
    name = primary.new_database("feed")
    primary.execute(TABLE, name)
    standby.catch_up()
    return name


def values(program: Program) -> list[int]:
    names = [str(path) for manifest in check_delivery(program.out) for path in part_paths(program.out, manifest)]
    if not names:
        return []
    with duckdb.connect() as session:
        return [v for (v,) in session.execute(f"SELECT v FROM read_parquet({names}) ORDER BY v").fetchall()]


@pytest.mark.parametrize("way, parallel", [(way, 4) for way in WAYS] + [("ctid", 1), ("keyset-snapshot", 1)])
def test_every_mode(program, standby, feed, way, parallel):
    program.configure(standby.url(feed), program.export("t", parallel=parallel, tuning={"batch_size": 500}, **WAYS[way]))
    program.run().ok()
    assert values(program) == list(range(1, ROWS + 1))


@pytest.mark.parametrize("consistency", ["statement", "snapshot"])
def test_increments(program, primary, standby, feed, consistency):
    """What commits late on the primary is exported by a later run from the standby."""
    program.configure(
        standby.url(feed),
        program.export(
            "t", mode="incremental", cursor_column="updated_at", cursor_lookback="400d", consistency=consistency
        ),
    )
    with primary.connect(feed) as late:
        late.autocommit = False
        late.execute("INSERT INTO t VALUES (50001, '2024-01-01', '2024-01-01 00:00:30+00', 50001, '')")
        standby.catch_up()
        assert program.run_json()["total_rows"] == ROWS
        primary.execute("INSERT INTO t VALUES (50002, '2024-01-01', '2024-03-01+00', 50002, '')", feed)
        standby.catch_up()
        program.run().ok()
        late.commit()
    standby.catch_up()
    program.run().ok()
    assert program.run_json()["total_rows"] == 0
    assert values(program) == [*range(1, ROWS + 1), 50001, 50002]


SLOW = (
    "CREATE FUNCTION slowly() RETURNS boolean LANGUAGE plpgsql AS"
    " 'BEGIN PERFORM pg_sleep(0.0002); RETURN true; END';"
    "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY slow ON t USING (slowly());"
    "GRANT USAGE ON SCHEMA public TO reader; GRANT SELECT ON t TO reader"
)


@pytest.fixture(scope="module")
def reader(primary) -> str:
    """A user for whom every row takes its time, so that recovery meets statements and not only pauses."""
    primary.execute("CREATE ROLE reader LOGIN")
    return "reader"


@pytest.fixture
def slow(primary, standby, feed, reader) -> str:
    primary.execute(f"DELETE FROM t WHERE id > {SLOW_ROWS}; {SLOW}", feed)
    standby.catch_up()
    return feed


class Vacuums:
    """Makes dead rows on the primary and removes them, so that recovery has to remove what readers may still see; until
    it has cancelled so many of them."""

    def __init__(self, primary: PostgresServer, standby: Standby, database: str, conflicts: int):
        self.primary, self.standby, self.database = primary, standby, database
        self.wanted = standby.conflicts(database) + conflicts
        self.stop = threading.Event()
        self.failures: list[Exception] = []
        self.thread = threading.Thread(target=self.work)

    def work(self) -> None:
        try:
            with self.primary.connect(self.database) as session:
                while not self.stop.is_set() and self.standby.conflicts(self.database) < self.wanted:
                    session.execute("UPDATE t SET w = w WHERE id % 50 = 0")
                    session.execute("VACUUM t")
                    self.stop.wait(0.02)
        except Exception as problem:  # noqa: BLE001: told by __exit__
            self.failures.append(problem)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        assert not self.failures, self.failures
        assert self.standby.conflicts(self.database) >= self.wanted, "recovery did not cancel what was to be cancelled"


@pytest.mark.parametrize("way, parallel", CONFLICTS)
def test_what_recovery_cancels_is_read_again(program, primary, standby, slow, way, parallel):
    """Pages that have snapshots of their own cost only themselves; a snapshot of the run, what was read under it."""
    tuning = {"batch_size": 200, "retry_backoff_ms": 5, "max_retries": 20}
    export = program.export("t", parallel=parallel, row_security="acknowledge", tuning=tuning, **WAYS[way])
    program.configure(standby.url(slow, "reader"), export)
    with Vacuums(primary, standby, slow, conflicts=2):
        summary = program.run_json()["per_export"][0]
    assert summary["retries"] > 0
    assert values(program) == list(range(1, SLOW_ROWS + 1))


@pytest.mark.parametrize("way", ["ctid", "query", "keyset"])
def test_a_recovery_that_never_lets_go_ends_in_a_passing_failure(program, primary, standby, slow, way):
    """It says what happened and that it may pass; nothing is lost, and the next run is whole."""
    tuning = {"batch_size": 2000, "retry_backoff_ms": 1, "max_retries": 1}
    export = program.export("t", row_security="acknowledge", tuning=tuning, **WAYS[way])
    program.configure(standby.url(slow, "reader"), export)
    with Vacuums(primary, standby, slow, conflicts=1) as vacuums:
        vacuums.wanted = 1 << 30
        result = program.run()
        vacuums.wanted = 0
    if result.rc == 0:  # pages have become so small that recovery found none to cancel
        assert way == "keyset"
    else:
        assert (result.rc, result.code) in ((75, "RIVET_SOURCE_CONFLICT"), (75, "RIVET_SOURCE_LOST")), result.err
        assert "recovery" in result.err
        assert not list(program.out.glob("manifest*")) and not (program.out / "_SUCCESS").exists()
        program.run().ok()
    assert values(program) == list(range(1, SLOW_ROWS + 1))


@pytest.mark.parametrize("way", ["ctid", "keyset"])
def test_a_table_that_is_dropped_on_the_primary(program, primary, standby, slow, way):
    """Recovery takes the lock and the table: the run ends, says what is missing, and shows nothing as data."""
    tuning = {"batch_size": 100, "retry_backoff_ms": 20, "max_retries": 3}
    export = program.export("t", row_security="acknowledge", tuning=tuning, **WAYS[way])
    program.configure(standby.url(slow, "reader"), export)
    process = program.start("run", "-c", "rivet.yaml")
    wait_until(lambda: list(program.out.glob(".rivet-*")), 30, "the first spool file")
    primary.execute("DROP TABLE t", slow)
    result = program.finish(process)
    assert (result.rc, result.code) == (1, "RIVET_SOURCE_NOT_FOUND"), result.err
    assert visible(program.out) == []
