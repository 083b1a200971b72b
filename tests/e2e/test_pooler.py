"""Behind pgbouncer in transaction mode with one server connection: everything works, and nothing is left
behind."""

import signal

import pytest

from support.delivery import check_delivery, part_paths
from support.servers import wait_until
from tables import file_hash, source_hash

SETTINGS = (
    "SELECT name, setting FROM pg_settings WHERE name NOT IN ('application_name', 'client_encoding')"
    " ORDER BY name"
)


@pytest.fixture
def pooled(program, pgbouncer, pg15, big):
    """A program that reads through the pooler, and the settings a fresh client saw before it."""
    with pgbouncer.connect(big) as session:
        before = session.execute(SETTINGS).fetchall()
    program.configure(pg15.url(big, port=pgbouncer.port), program.export("orders"))
    yield program
    with pgbouncer.connect(big) as session:
        assert session.execute(SETTINGS).fetchall() == before, "settings leaked to the next client"
        assert session.execute("SELECT count(*) FROM pg_cursors").fetchone() == (0,)
        assert session.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_a_table(pooled, pg15, big):
    pooled.run().ok()
    [manifest] = check_delivery(pooled.out)
    assert file_hash(part_paths(pooled.out, manifest), "orders") == source_hash(pg15, big, "orders")


@pytest.mark.parametrize("consistency", ["snapshot", "statement"])
def test_a_query(pooled, pgbouncer, pg15, big, consistency):
    pooled.configure(
        pg15.url(big, port=pgbouncer.port),
        pooled.export("q", query="SELECT * FROM orders WHERE id > 0", consistency=consistency),
    )
    assert pooled.run_json()["total_rows"] == 200000


def test_doctor_and_init_and_that_it_is_noticed(pooled, pgbouncer, pg15, big):
    assert "behind a transaction pooler" in pooled.call("doctor", "-c", "rivet.yaml").ok().text
    assert "orders" in pooled.call("init", "--source", pg15.url(big, port=pgbouncer.port)).ok().text


def test_a_failing_query(pooled, pgbouncer, pg15, big):
    pooled.configure(
        pg15.url(big, port=pgbouncer.port), pooled.export("q", query="SELECT 1 / (id - 5000) FROM orders")
    )
    pooled.run().failed(1, "RIVET_SOURCE_QUERY")


@pytest.mark.parametrize(
    "number, rc",
    [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)],
    ids=["SIGKILL", "SIGINT", "SIGTERM"],
)
def test_a_killed_run(pooled, pgbouncer, pg15, big, number, rc):
    pooled.configure(
        pg15.url(big, port=pgbouncer.port),
        pooled.export("orders", tuning={"batch_size": 100, "throttle_ms": 300}),
    )
    process = pooled.start("run", "-c", "rivet.yaml")
    wait_until(lambda: list(pooled.out.glob(".rivet-*")), 30, "the first spool file")
    process.send_signal(number)
    assert pooled.finish(process).rc == rc


def test_the_next_client_finds_a_session_of_its_own_after_many_runs(pooled):
    for _ in range(5):
        pooled.run().ok()
