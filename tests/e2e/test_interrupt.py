"""What an interrupt leaves (nothing), and what happens to runs that meet: two of one export, many at once."""

import signal

import pytest

from support.delivery import check_delivery, manifests, visible
from support.program import Program
from support.servers import PostgresServer, wait_until


@pytest.fixture
def slow(program: Program, pg15: PostgresServer, database: str) -> Program:
    """An export that takes long and is in the middle of it when start_slow() returns."""
    pg15.execute(
        "CREATE TABLE t AS SELECT i AS id, md5(i::text) AS v FROM generate_series(1, 200000) i; ANALYZE t",
        database,
    )
    program.configure(
        pg15.url(database), program.export("t", tuning={"batch_size": 2000, "throttle_ms": 2000})
    )
    program.database = database
    return program


def start_slow(program: Program, **more):
    process = program.start("run", "-c", "rivet.yaml", **more)
    wait_until(lambda: list(program.out.glob(".rivet-*")), 30, "the first spool file")
    return process


@pytest.mark.parametrize(
    "number, rc",
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["SIGINT", "SIGTERM", "SIGHUP"],
)
def test_an_interrupt_leaves_nothing_and_the_next_run_is_fine(slow, pg15, number, rc):
    process = start_slow(slow)
    process.send_signal(number)
    result = slow.finish(process, 15)
    assert result.rc == rc and result.code in ("", "RIVET_CANCELLED")
    assert visible(slow.out) == []
    wait_until(lambda: pg15.sessions(slow.database) == 0, 5, "the server's session to end")
    [run] = slow.listing("metrics")
    assert run["status"] == "interrupted"
    slow.configure(pg15.url(slow.database), slow.export("t")).run().ok()
    [manifest] = check_delivery(slow.out)
    assert manifest["row_count"] == 200000


def test_a_second_interrupt_stops_at_once(slow):
    process = start_slow(slow)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    assert slow.finish(process, 10).rc == 130
    assert not list(slow.out.glob("manifest*"))


def test_a_killed_run_leaves_no_session_on_the_server(slow, pg15):
    process = start_slow(slow)
    process.kill()
    slow.finish(process)
    wait_until(lambda: pg15.sessions(slow.database) == 0, 15, "the server to notice")


def test_an_interrupt_stops_a_long_statement(program, pg15, shop):
    program.configure(pg15.url(shop), program.export("q", query="SELECT pg_sleep(60)"))
    process = program.start("run", "-c", "rivet.yaml")
    wait_until(
        lambda: (
            pg15.query(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'FETCH%' AND state = 'active'"
                f" AND datname = '{shop}'"
            )[0][0]
            > 0
        ),
        30,
        "the statement",
    )
    process.send_signal(signal.SIGINT)
    assert program.finish(process, 10).rc == 130
    wait_until(lambda: pg15.sessions(shop) == 0, 5, "the server's session to end")


def test_the_second_of_two_runs_is_refused(slow, pg15):
    process = start_slow(slow)
    refused = slow.run().failed(75, "RIVET_RUN_LEASE_HELD")
    assert str(process.pid) in refused.err, "it says who is running"
    process.send_signal(signal.SIGINT)
    assert slow.finish(process).rc == 130
    slow.configure(pg15.url(slow.database), slow.export("t")).run().ok()
    check_delivery(slow.out)


def test_of_several_that_start_at_once_one_runs_at_a_time(program, pg15, shop):
    program.configure(pg15.url(shop), program.export("t"))
    processes = [program.start("run", "-c", "rivet.yaml") for _ in range(6)]
    results = [program.finish(process) for process in processes]
    done = [result for result in results if result.rc == 0]
    assert done and all(result.rc in (0, 75) for result in results)
    assert {result.code for result in results if result.rc == 75} <= {"RIVET_RUN_LEASE_HELD"}
    found = check_delivery(program.out)
    assert len(found) == len(done) and all(manifest["row_count"] == 1000 for manifest in found)


def test_eight_exports_at_once_into_one_folder(program, pg15, shop):
    exports = [program.export(f"e{i}", table="t") for i in range(8)]
    program.configure(pg15.url(shop), *exports)
    processes = [program.start("run", "-c", "rivet.yaml", "-e", f"e{i}") for i in range(8)]
    for process in processes:
        program.finish(process).ok()
    found = manifests(program.out)
    assert {manifest["export_name"] for manifest in found} == {f"e{i}" for i in range(8)}
    assert sum(manifest["row_count"] for manifest in found) == 8000
    named = {part["path"] for manifest in found for part in manifest["parts"]}
    assert {path.name for path in program.out.glob("*.parquet")} == named


def test_sixteen_first_runs_at_once_make_one_state_store(program, pg15, shop):
    exports = [
        program.export(f"e{i}", table="t", destination={"type": "local", "path": str(program.out / str(i))})
        for i in range(16)
    ]
    program.configure(pg15.url(shop), *exports)
    processes = [program.start("run", "-c", "rivet.yaml", "-e", f"e{i}") for i in range(16)]
    for process in processes:
        program.finish(process).ok()
    assert len(program.listing("metrics")) == 16
