"""What cannot be trusted is refused, with what was found and what to do, and costs nothing: keys, plans and stores that are
not what they were."""

import json
import signal
import sqlite3

import duckdb
import pytest

from support.delivery import check_delivery, part_paths, visible
from support.program import Program
from support.servers import wait_until

ROWS = 3000
KEYSET = {"mode": "chunked", "chunk_by_key": "id", "chunk_size": 500, "tuning": {"batch_size": 100}}
SLOWLY = KEYSET | {"tuning": {"batch_size": 50, "throttle_ms": 100}}


@pytest.fixture
def feed(pg15, database) -> str:
    pg15.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, v int NOT NULL) WITH (fillfactor = 40);"
        f"INSERT INTO t SELECT i, i FROM generate_series(1, {ROWS}) i; ANALYZE t;"
        "CREATE TABLE u (id bigint PRIMARY KEY, v int NOT NULL); INSERT INTO u SELECT i, -i FROM generate_series(1, 500) i",
        database,
    )
    return database


def values(program: Program) -> list[int]:
    [manifest] = check_delivery(program.out)
    names = [str(path) for path in part_paths(program.out, manifest)]
    with duckdb.connect() as session:
        return [v for (v,) in session.execute(f"SELECT v FROM read_parquet({names}) ORDER BY v").fetchall()]


def leave_open(program: Program, server, database: str, **keys) -> None:
    program.configure(server.url(database), program.export("t", **(KEYSET | keys)))
    assert program.run(env={"RIVET_CRASH_AT": "after-chunk-complete:3"}).rc == -signal.SIGKILL


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
@pytest.mark.parametrize("bounds", ['{"kind": 17', "", '{"kind":"key"}', "[]", '{"kind":"all","more":1}'])
def test_bounds_that_cannot_be_read(program, pg15, feed, store, bounds):
    if bounds == "" and store == "sqlite":
        bounds = "null"  # the table's own CHECK forbids an empty text, in both stores
    state = pg15.new_database("bounds")
    if store == "postgresql":
        program.env = {"RIVET_STATE_URL": pg15.url(state)}
        bounds = bounds or "null"
    leave_open(program, pg15, feed)
    before = visible(program.out)
    if store == "sqlite":
        with sqlite3.connect(program.state) as db:
            db.execute("UPDATE chunks SET bounds = ? WHERE status <> 'completed'", (bounds,))
        db.close()
    else:
        with pg15.connect(state) as db:
            db.execute("UPDATE rivet.chunks SET bounds = %s WHERE status <> 'completed'", (bounds,))
    refused = program.run()
    assert refused.rc == 1 and refused.code.startswith("RIVET_STATE"), refused.err
    assert "chunk" in refused.err and "rivet state reset-chunks" in refused.err
    assert set(name for name in before if name.endswith(".parquet")) <= set(visible(program.out)), "whole parts are kept"
    program.call("state", "reset-chunks", "-c", "rivet.yaml", "-e", "t").ok()
    program.run().ok()
    assert values(program) == list(range(1, ROWS + 1))


@pytest.mark.parametrize("how", ["default", "resume", "fail"])
def test_a_key_that_changed_its_type_since_the_plan(program, pg15, feed, how):
    leave_open(program, pg15, feed)
    before = visible(program.out)
    pg15.execute("ALTER TABLE t ALTER id TYPE text", feed)
    if how == "resume":
        refused = program.run("--resume").failed(1, "RIVET_RUN_CHANGED")
        assert "without --resume" in refused.err
        assert set(visible(program.out)) >= {name for name in before if name.endswith(".parquet")}
    if how == "fail":
        program.configure(pg15.url(feed), program.export("t", on_interrupted="fail", **KEYSET))
        refused = program.run().failed(1, "RIVET_RUN_OPEN")
        assert "reset-chunks" in refused.err
        program.configure(pg15.url(feed), program.export("t", **KEYSET))
    assert not program.run_json()["per_export"][0]["resumed"]
    assert values(program) == list(range(1, ROWS + 1))


def test_a_key_that_changes_its_type_under_a_run(program, pg15, feed):
    program.configure(pg15.url(feed), program.export("t", **SLOWLY))
    process = program.start("run", "-c", "rivet.yaml")
    wait_until(lambda: list(program.out.glob("*.parquet")), 30, "the first part")
    pg15.execute("ALTER TABLE t ALTER id TYPE numeric", feed)
    result = program.finish(process)
    assert (result.rc, result.code) in ((1, "RIVET_SOURCE_QUERY"), (4, "RIVET_SCHEMA_DRIFT")), result.err
    assert "altered" in result.err or "type" in result.err
    assert not list(program.out.glob("manifest*"))
    program.configure(pg15.url(feed), program.export("t", **KEYSET)).run().ok()
    assert values(program) == list(range(1, ROWS + 1))


@pytest.mark.parametrize(
    "change",
    [{"chunk_size": 600}, {"table": "u"}, {"compression": "none"}, {"mode": "full"}, {"columns": {"v": "bigint"}}],
    ids=str,
)
def test_an_open_run_of_an_older_configuration(program, pg15, feed, change):
    """--resume refuses to go on with it; without, it is given up and everything is read by the new one."""
    leave_open(program, pg15, feed)
    keys = KEYSET | change
    if keys["mode"] == "full":
        keys = {"tuning": keys["tuning"]}
    program.configure(pg15.url(feed), program.export("t", **keys))
    before = visible(program.out)
    refused = program.run("--resume").failed(1, "RIVET_RUN_CHANGED")
    assert "put the configuration back" in refused.err
    assert set(visible(program.out)) >= {name for name in before if name.endswith(".parquet")}
    assert not program.run_json()["per_export"][0]["resumed"]
    assert values(program) == (list(range(-500, 0)) if "table" in change else list(range(1, ROWS + 1)))
    assert [run["status"] for run in program.listing("metrics")][-1] == "interrupted"


def test_two_machines_with_one_name_and_different_exports(pg15, feed, tmp_path):
    """Of one store. The second is told who is running; after the first has died it does not go on with what is not its
    own, and the first finds all of its rows again."""
    state = pg15.new_database("shared")
    first, second = (Program(tmp_path / name) for name in ("a", "b"))
    for program, table in ((first, "t"), (second, "u")):
        program.folder.mkdir()
        program.env = {"RIVET_STATE_URL": pg15.url(state)}
        program.configure(pg15.url(feed), program.export("shared", table=table, **SLOWLY))
    process = first.start("run", "-c", "rivet.yaml")
    wait_until(lambda: list(first.out.glob("*.parquet")), 30, "the first part")
    refused = second.run().failed(75, "RIVET_RUN_LEASE_HELD")
    assert str(process.pid) in refused.err, "it says who"
    process.kill()
    first.finish(process)
    second.run("--resume").failed(1, "RIVET_RUN_CHANGED")
    assert list(first.out.glob("*.parquet")), "what is another's is left alone"
    second.run().ok()
    assert values(second) == list(range(-500, 0))
    document = json.loads(first.config.read_text())
    document["exports"][0]["tuning"] = {}
    first.config.write_text(json.dumps(document))
    first.run().ok()
    assert values(first) == list(range(1, ROWS + 1))


def test_a_cursor_is_not_taken_for_one_of_another_table(pg15, feed, tmp_path):
    """Two machines, one store and one name: the second would begin where the first one's table has got to."""
    state = pg15.new_database("cursors")
    first, second = (Program(tmp_path / name) for name in ("a", "b"))
    for program, table in ((first, "t"), (second, "u")):
        program.folder.mkdir()
        program.env = {"RIVET_STATE_URL": pg15.url(state)}
        program.configure(
            pg15.url(feed), program.export("shared", table=table, mode="incremental", cursor_column="id")
        )
    assert first.run_json()["total_rows"] == ROWS
    refused = second.run().failed(1, "RIVET_CONFIG_VALUE")
    assert "public.t" in refused.err and "public.u" in refused.err and "rivet state reset -e shared" in refused.err
    assert not list(second.out.glob("*.parquet"))
    assert first.run_json()["total_rows"] == 0
    second.call("state", "reset", "-c", "rivet.yaml", "-e", "shared").ok()
    assert second.run_json()["total_rows"] == 500
