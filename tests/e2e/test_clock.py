"""The wall clock is set while a run reads and between runs, by hours, in both directions: nothing is lost or repeated,
nothing waits for a time that does not come, and what is older stays older."""

import json
import signal

import duckdb
import pytest

from support.clock import WallClock
from support.delivery import check_delivery, part_paths
from support.program import Program
from support.servers import wait_until
from tables_mysql import configure, new_database

ROWS = 2000
JUMPS = {"back": (-30,), "forth": (30,), "both": (5, -48, 0.5)}
WAYS = {
    "full": {},
    "keyset": {"mode": "chunked", "chunk_size": 200, "parallel": 3},
    "snapshot": {"mode": "chunked", "chunk_size": 200, "parallel": 3, "consistency": "snapshot"},
    "incremental": {"mode": "incremental", "cursor_column": "at"},
}


@pytest.fixture
def clock(release, tmp_path_factory) -> WallClock:
    clock = WallClock(tmp_path_factory.mktemp("clock"))
    clock.give_to(release)
    return clock


@pytest.fixture
def feed(pg15, database) -> str:
    pg15.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, v int NOT NULL, at timestamptz NOT NULL); CREATE INDEX ON t (at);"
        f"INSERT INTO t SELECT i, 1, now() - i * interval '1 minute' FROM generate_series(1, {ROWS}) i; ANALYZE t",
        database,
    )
    return database


def rows(program: Program) -> list[tuple]:
    names = [str(path) for manifest in check_delivery(program.out) for path in part_paths(program.out, manifest)]
    with duckdb.connect() as session:
        return session.execute(f"SELECT id, v FROM read_parquet({names}) ORDER BY id, v").fetchall()


def started(program: Program, server, database: str, **keys):
    """A run that goes slowly and has begun to read."""
    tuning = {"batch_size": 50, "throttle_ms": 50} | keys.pop("tuning", {})
    program.configure(server.url(database), program.export("t", tuning=tuning, **keys))
    process = program.start("run", "-c", "rivet.yaml", "--json")
    wait_until(lambda: list(program.out.glob(".rivet-*")) or process.poll() is not None, 30, "the first spool file")
    return process


def jump(clock: WallClock, program: Program, process, hours: tuple) -> None:
    """One after the other, with some of the run in between."""
    for n, offset in enumerate(hours, 1):
        clock.set(offset)
        assert process.poll() is None, "the run was over before the clock was set"
        size = sum_of_sizes(program)
        if n < len(hours):
            wait_until(
                lambda: process.poll() is not None or sum_of_sizes(program) != size, 10, "the run to go on"
            )


def sum_of_sizes(program: Program) -> int:
    sizes = []
    for path in program.out.glob("*"):
        try:
            sizes.append(path.stat().st_size)
        except FileNotFoundError:  # renamed meanwhile
            pass
    return sum(sizes)


@pytest.mark.parametrize(
    "way, hours",
    [(way, hours) for i, way in enumerate(WAYS) for j, hours in enumerate(JUMPS.values()) if (i + j) % 2 == 0],
)
def test_the_clock_is_set_while_a_run_reads(release, pg15, feed, clock, way, hours):
    process = started(release, pg15, feed, **WAYS[way])
    jump(clock, release, process, hours)
    summary = release.finish(process, 60).ok().json["per_export"][0]
    assert summary["rows"] == ROWS and 0 <= summary["duration_ms"] < 60_000
    assert rows(release) == [(i, 1) for i in range(1, ROWS + 1)]


@pytest.mark.parametrize("way", ["keyset", "snapshot", "incremental"])
@pytest.mark.parametrize("hours", [-30, 30])
def test_a_killed_run_is_taken_over_at_another_time_of_day(release, pg15, feed, clock, way, hours):
    process = started(release, pg15, feed, **WAYS[way])
    process.kill()
    release.finish(process)
    clock.set(hours)
    release.configure(pg15.url(feed), release.export("t", **WAYS[way]))
    summary = release.run_json(seconds=30)["per_export"][0]
    assert summary["resumed"] and summary["rows"] == ROWS
    assert rows(release) == [(i, 1) for i in range(1, ROWS + 1)]


@pytest.mark.parametrize("state", ["sqlite", "postgresql"])
@pytest.mark.parametrize("hours", [-30, 30])
def test_a_living_owner_is_not_robbed_whatever_its_clock_says(release, pg15, feed, clock, state, hours, tmp_path):
    """The lease is renewed by the clock that there is, and a second process finds it held."""
    if state == "postgresql":
        release.env = release.env | {"RIVET_STATE_URL": pg15.url(pg15.new_database("leases"))}
    process = started(release, pg15, feed, tuning={"throttle_ms": 150}, **WAYS["keyset"])
    clock.set(hours)
    release.run().failed(75, "RIVET_RUN_LEASE_HELD")
    release.finish(process, 60).ok()
    assert rows(release) == [(i, 1) for i in range(1, ROWS + 1)]


def test_a_snapshot_grows_old_by_time_that_passes(release, pg15, feed, clock):
    """Not by what the wall clock says: forward it would end at once, backward never."""
    for hours in (-30, 30):
        process = started(release, pg15, feed, on_existing="replace", tuning={"max_snapshot_age_s": 20}, **WAYS["snapshot"])
        clock.set(hours)
        release.finish(process, 60).ok()
        [manifest] = check_delivery(release.out)
        assert {part.get("epoch", 0) for part in manifest["parts"]} == {0}
    process = started(release, pg15, feed, on_existing="replace", tuning={"max_snapshot_age_s": 1, "throttle_ms": 150}, **WAYS["snapshot"])
    clock.set(-30)
    release.finish(process, 60).ok()
    epochs = [event for event in release.listing("journal", "-e", "t") if event["event"] == "EpochStarted"]
    assert max(event["detail"]["epoch"] for event in epochs) > 0
    assert rows(release) == [(i, 1) for i in range(1, ROWS + 1)]


@pytest.mark.parametrize("consistency", ["statement", "snapshot"])
def test_increments_do_not_ask_the_time_of_day(release, pg15, feed, clock, consistency):
    """Windows go by the column's values and by transactions; a row that commits late is found at any time of day."""
    release.configure(
        pg15.url(feed),
        release.export("t", mode="incremental", cursor_column="at", cursor_lookback="48h", consistency=consistency),
    )
    assert release.run_json()["total_rows"] == ROWS
    expected = [(i, 1) for i in range(1, ROWS + 1)]
    for number, hours in enumerate((-30, 48, -2000, 0.25), 1):
        clock.set(hours)
        with pg15.connect(feed) as late:
            late.autocommit = False
            late.execute(f"INSERT INTO t VALUES ({10_000 + number}, 2, now() - interval '1 hour')")
            pg15.execute(f"INSERT INTO t VALUES ({20_000 + number}, 3, now())", feed)
            release.run().ok()
            late.commit()
        expected += [(10_000 + number, 2), (20_000 + number, 3)]
        release.run().ok()
        release.run().ok()
    assert rows(release) == sorted(expected)


def test_runs_keep_their_order_when_the_clock_goes_back(release, pg15, feed, clock):
    """Ids differ, the newest manifest is the last run's, and the journal tells things as they happened."""
    release.configure(pg15.url(feed), release.export("t"))
    ids = []
    for hours in (0, -5, -5, 20, -100):
        clock.set(hours)
        ids.append(release.run_json()["per_export"][0]["run_id"])
        assert json.loads((release.out / "manifest.json").read_text())["run_id"] == ids[-1]
    assert len(set(ids)) == len(ids)
    assert len(check_delivery(release.out)) == len(ids)
    events = release.listing("journal", "-e", "t", "-l", "1000")
    assert list(dict.fromkeys(event["run_id"] for event in events)) == ids
    assert {run["run_id"] for run in release.listing("metrics")} == set(ids)


def test_an_older_copy_is_replaced_although_it_is_of_the_future(release, pg15, feed, clock):
    release.configure(pg15.url(feed), release.export("t", on_existing="replace"))
    for hours in (50, 0, -50):
        clock.set(hours)
        release.run().ok()
        [manifest] = check_delivery(release.out)
        assert manifest["row_count"] == ROWS


def test_an_interrupt_is_heard_at_any_time_of_day(release, pg15, feed, clock):
    process = started(release, pg15, feed, tuning={"throttle_ms": 500}, **WAYS["keyset"])
    clock.set(-72)
    process.send_signal(signal.SIGINT)
    assert release.finish(process, 20).rc == 130


@pytest.mark.parametrize("killed", [False, True], ids=["living", "killed"])
def test_a_run_over_midnight_stays_in_the_folder_of_its_day(release, pg15, feed, clock, killed):
    """The day is that of the run's beginning, for all of its parts, its manifest, its marker, and whoever resumes it."""
    tuning = {"batch_size": 50, "throttle_ms": 50}
    keys = WAYS["keyset"] | {"destination": {"type": "local", "path": str(release.out / "{date}")}}
    release.configure(pg15.url(feed), release.export("t", tuning=tuning, **keys))
    process = release.start("run", "-c", "rivet.yaml", "--json")
    wait_until(lambda: list(release.out.glob("*/t_*.parquet")) or process.poll() is not None, 30, "the first part")
    assert process.poll() is None, "the run was over before the day was"
    clock.set(24)
    if killed:
        process.kill()
        release.finish(process)
        assert release.run_json()["per_export"][0]["resumed"]
    else:
        release.finish(process, 60).ok()
    [folder] = release.out.iterdir()
    [manifest] = check_delivery(folder)
    names = [str(path) for path in part_paths(folder, manifest)]
    with duckdb.connect() as session:
        assert session.execute(f"SELECT count(*), count(DISTINCT id) FROM read_parquet({names})").fetchone() == (ROWS, ROWS)


@pytest.mark.parametrize("hours", [-30, 30])
def test_what_others_write_is_dated_by_the_server_of_mysql(release, mariadb, clock, hours):
    """A transaction that is open for longer than the lookback holds the mark back, whatever time it is here."""
    database = new_database(mariadb, 100)
    mariadb.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, v int NOT NULL, at timestamp(6) NOT NULL, KEY (at))",
        "INSERT INTO t SELECT i, 1, NOW(6) - INTERVAL 1 DAY - INTERVAL i SECOND FROM numbers",
        database=database,
    )
    keys = {"mode": "incremental", "cursor_column": "at", "cursor_lookback": "1s"}
    configure(release, mariadb, database, **keys)
    clock.set(hours)
    with mariadb.connect(database) as late:
        late.query("BEGIN")
        late.query("INSERT INTO t VALUES (1000, 2, NOW(6))")
        [(began,)] = mariadb.query("SELECT UNIX_TIMESTAMP(NOW(6))")
        wait_until(lambda: mariadb.query("SELECT UNIX_TIMESTAMP(NOW(6))")[0][0] > began + 4, 30, "twice the lookback")
        mariadb.execute("INSERT INTO t VALUES (2000, 3, NOW(6))", database=database)
        assert release.run_json(seconds=60)["total_rows"] == 100, "what is later waits"
        late.commit()
    assert release.run_json(seconds=60)["total_rows"] == 2
    assert rows(release) == [*((i, 1) for i in range(1, 101)), (1000, 2), (2000, 3)]
