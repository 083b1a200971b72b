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
from tables_mysql import configure, new_database

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
    result = program.run()
    assert result.rc == 1 and result.code.startswith("RIVET_STATE"), result.err
    assert "chunk" in result.err and "rivet state reset-chunks" in result.err
    assert set(name for name in before if name.endswith(".parquet")) <= set(visible(program.out)), "whole parts are kept"
    program.call("state", "reset-chunks", "-c", "rivet.yaml", "-e", "t").ok()
    program.run().ok()
    assert values(program) == list(range(1, ROWS + 1))


def parts(program: Program) -> set[str]:
    return {name for name in visible(program.out) if name.endswith(".parquet")}


def completed(program: Program) -> list[tuple]:
    chunks = program.listing("state", "chunks", "-e", "t")
    return [(c["run_id"], c["chunk_index"], c["rows"]) for c in chunks if c["status"] == "completed"]


def refused(program: Program, *arguments: str) -> str:
    """What a run says that will not go on with an open run; it leaves what was read as it was."""
    before, chunks = visible(program.out), completed(program)
    said = program.run(*arguments).failed(1, "RIVET_RUN_CHANGED").err
    assert chunks[0][0] in said
    assert all(way in said for way in ("put back", "--force", "reset-chunks -e t", "on_interrupted"))
    assert visible(program.out) == before and completed(program) == chunks
    return said


def test_a_key_that_changed_its_type_since_the_plan(program, pg15, feed):
    leave_open(program, pg15, feed)
    pg15.execute("ALTER TABLE t ALTER id TYPE text", feed)
    assert "'id' was bigint and is text" in refused(program)
    assert "'id' was bigint and is text" in refused(program, "--resume")
    pg15.execute("ALTER TABLE t ALTER id TYPE bigint USING id::bigint", feed)
    assert program.run_json()["per_export"][0]["resumed"], "the change was undone"
    assert values(program) == list(range(1, ROWS + 1))


def test_a_key_that_changed_its_type_on_mariadb(program, mariadb):
    database = new_database(mariadb, ROWS)
    mariadb.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL)", "INSERT INTO t SELECT i, i FROM numbers", database=database
    )
    configure(program, mariadb, database, **KEYSET)
    assert program.run(env={"RIVET_CRASH_AT": "after-chunk-complete:3"}).rc == -signal.SIGKILL
    mariadb.execute("ALTER TABLE t MODIFY id varchar(20) NOT NULL", database=database)
    assert "'id' was int" in refused(program)
    summary = program.run_json("--force")["per_export"][0]
    assert not summary["resumed"] and "--force" in str(summary["notes"])
    assert values(program) == list(range(1, ROWS + 1))


def test_a_column_that_is_gone_or_new_since_the_plan(program, pg15, feed):
    """One that is new costs what was read, and nothing else, unless columns are not to change."""
    pg15.execute("ALTER TABLE t ADD w int", feed)
    leave_open(program, pg15, feed)
    pg15.execute("ALTER TABLE t DROP w", feed)
    assert "'w' is gone" in refused(program)
    pg15.execute("ALTER TABLE t ADD w int, ADD x int", feed)
    program.configure(pg15.url(feed), program.export("t", on_schema_drift="fail", **KEYSET))
    refused(program)
    program.configure(pg15.url(feed), program.export("t", **KEYSET))
    summary = program.run_json()["per_export"][0]
    assert not summary["resumed"] and "given up" in str(summary["notes"])
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


# A type whose `>` is true of equal values, and whose index agrees: each page begins with the row that the last one ended
# with.
LIAR = """
CREATE TYPE liar;
CREATE FUNCTION liar_in(cstring) RETURNS liar AS 'int4in' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION liar_out(liar) RETURNS cstring AS 'int4out' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION liar_recv(internal) RETURNS liar AS 'int4recv' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION liar_send(liar) RETURNS bytea AS 'int4send' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE liar (INPUT = liar_in, OUTPUT = liar_out, RECEIVE = liar_recv, SEND = liar_send, LIKE = int4);
CREATE CAST (int4 AS liar) WITHOUT FUNCTION;
CREATE FUNCTION liar_cmp(liar, liar) RETURNS int4 AS 'btint4cmp' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION liar_lt(liar, liar) RETURNS bool AS 'int4lt' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION liar_le(liar, liar) RETURNS bool AS 'int4le' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION liar_eq(liar, liar) RETURNS bool AS 'int4eq' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION liar_ge(liar, liar) RETURNS bool AS 'int4ge' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION liar_gt(liar, liar) RETURNS bool AS 'int4gt' LANGUAGE internal IMMUTABLE STRICT;
CREATE OPERATOR < (LEFTARG = liar, RIGHTARG = liar, FUNCTION = liar_lt);
CREATE OPERATOR <= (LEFTARG = liar, RIGHTARG = liar, FUNCTION = liar_le);
CREATE OPERATOR = (LEFTARG = liar, RIGHTARG = liar, FUNCTION = liar_eq);
CREATE OPERATOR > (LEFTARG = liar, RIGHTARG = liar, FUNCTION = liar_ge);
CREATE OPERATOR >= (LEFTARG = liar, RIGHTARG = liar, FUNCTION = liar_gt);
CREATE OPERATOR >> (LEFTARG = liar, RIGHTARG = liar, FUNCTION = liar_gt);
CREATE OPERATOR CLASS liar_ops DEFAULT FOR TYPE liar USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =,
    OPERATOR 4 >, OPERATOR 5 >>, FUNCTION 1 liar_cmp(liar, liar);
"""


@pytest.mark.parametrize("rows", [1, 7])
def test_a_key_that_does_not_advance(program, pg15, database, rows):
    """Whether a page holds the last row again and nothing else, or others behind it."""
    pg15.execute(LIAR, database)
    pg15.execute(
        "CREATE TABLE t (id liar PRIMARY KEY, v int);"
        "INSERT INTO t SELECT i::int4::liar, i FROM generate_series(1, 100) i; ANALYZE t",
        database,
    )
    keys = {"mode": "chunked", "chunk_by_key": "id", "tuning": {"batch_size": rows, "max_retries": 5}}
    program.configure(pg15.url(database), program.export("t", **keys))
    result = program.run().failed(1, "RIVET_SOURCE_UNSUPPORTED")
    assert "does not advance" in result.err and "chunk_by_key" in result.err
    assert not parts(program) and not list(program.out.glob("manifest*"))
    assert program.listing("metrics")[0]["retries"] == 0, "asking again would not help"
    program.configure(pg15.url(database), program.export("t", mode="full")).run().ok()
    assert values(program) == list(range(1, 101))


@pytest.mark.parametrize(
    "way_out, change, named",
    [
        ("put back", {"chunk_size": 600}, "configuration: chunk_size\n"),
        ("--force", {"table": "u"}, "table"),
        ("restart", {"compression": "none"}, "configuration: compression\n"),
        ("reset-chunks", {"mode": "full"}, "mode, chunk_size, chunk_by_key"),
        ("--force", {"columns": {"v": "bigint"}}, "configuration: columns"),
        ("restart", {"destination": {"type": "local", "path": "elsewhere"}}, "configuration: destination\n"),
    ],
    ids=str,
)
def test_an_open_run_of_an_older_configuration(program, pg15, feed, change, named, way_out):
    """It is neither gone on with nor given up unasked."""
    leave_open(program, pg15, feed)
    keys = KEYSET | change
    if keys["mode"] == "full":
        keys = {"tuning": keys["tuning"]}
    program.configure(pg15.url(feed), program.export("t", **keys))
    assert named in refused(program)
    assert named in refused(program, "--resume", "--force"), "--resume gives nothing up"
    old = parts(program)
    if way_out == "put back":
        program.configure(pg15.url(feed), program.export("t", **KEYSET))
    if way_out == "reset-chunks":
        program.call("state", "reset-chunks", "-c", "rivet.yaml", "-e", "t").ok()
        assert not parts(program), "they were no data"
    if way_out == "restart":
        program.configure(pg15.url(feed), program.export("t", on_interrupted="restart", **keys))
    summary = program.run_json(*["--force"] * (way_out == "--force"))["per_export"][0]
    assert summary["resumed"] is (way_out == "put back")
    if "destination" in change and way_out != "put back":
        assert not parts(program)
        program.out.rmdir()
        (program.folder / "elsewhere").rename(program.out)
    assert (old <= parts(program)) is (way_out == "put back")
    with_negatives = "table" in change and way_out != "put back"
    assert values(program) == (list(range(-500, 0)) if with_negatives else list(range(1, ROWS + 1)))
    assert [run["status"] for run in program.listing("metrics")][-1] == (
        "success" if way_out == "put back" else "interrupted"
    )


def test_what_decides_nothing_about_rows_and_files_may_change(program, pg15, feed):
    leave_open(program, pg15, feed)
    keys = KEYSET | {
        "parallel": 3,
        "tuning": {"batch_size": 70, "max_retries": 7, "profile": "safe"},
        "quality": {"row_count_min": 1},
        "on_existing": "replace",
        "on_schema_drift": "fail",
        "skip_empty": True,
        "strict": True,
        "row_security": "acknowledge",
        "shape_drift_warn_factor": 9,
        "chunk_max_attempts": 9,
    }
    program.configure(pg15.url(feed), program.export("t", **keys))
    assert program.run_json()["per_export"][0]["resumed"]
    assert values(program) == list(range(1, ROWS + 1))


def test_a_published_run_of_an_older_configuration_is_completed_first(program, pg15, feed):
    program.configure(pg15.url(feed), program.export("t", **KEYSET))
    assert program.run(env={"RIVET_CRASH_AT": "after-manifest-copy"}).rc == -signal.SIGKILL
    program.configure(pg15.url(feed), program.export("t", **(KEYSET | {"chunk_size": 1000})))
    summary = program.run_json()["per_export"][0]
    assert "its commit was completed first" in str(summary["notes"])
    assert [manifest["row_count"] for manifest in check_delivery(program.out)] == [ROWS, ROWS]


def two_machines(tmp_path, server, feed: str, name: str, *changes: dict) -> list[Program]:
    """Programs with folders of their own, one store and one name of an export."""
    state = server.new_database("shared")
    programs = []
    for i, change in enumerate(changes):
        program = Program(tmp_path / f"machine{i}")
        program.folder.mkdir()
        program.env = {"RIVET_STATE_URL": server.url(state)}
        program.configure(server.url(feed), program.export(name, **(SLOWLY | {"table": "t"} | change)))
        programs.append(program)
    return programs


@pytest.mark.parametrize("change, named", [({"table": "u"}, "table, destination"), ({"chunk_size": 400}, "destination, chunk_size")], ids=str)
def test_two_machines_with_one_name_and_different_configurations(pg15, feed, tmp_path, change, named):
    """The second is told who is running and in what they differ, while the first runs and after it has died; in the end
    each has all of its rows."""
    first, second = two_machines(tmp_path, pg15, feed, "t", {}, change)
    process = first.start("run", "-c", "rivet.yaml")
    wait_until(lambda: list(first.out.glob("*.parquet")), 30, "the first part")
    told = second.run().failed(75, "RIVET_RUN_LEASE_HELD").err
    assert str(process.pid) in told and f"a run of another configuration ({named})" in told
    run_id = sorted(first.out.glob("*.parquet"))[0].name.split("_chunk")[0]
    assert f"another configuration: {named}" in second.run("--join", run_id).failed(1, "RIVET_RUN_NOT_JOINABLE").err
    process.kill()
    first.finish(process)
    kept = parts(first)
    for arguments in ((), ("--resume",)):
        told = second.run(*arguments).failed(1, "RIVET_RUN_CHANGED").err
        assert run_id in told and f"another configuration: {named}" in told
    assert parts(first) == kept and not second.out.exists(), "what is another's is left alone"
    document = json.loads(first.config.read_text())
    document["exports"][0]["tuning"] = {}
    first.config.write_text(json.dumps(document))
    assert first.run_json()["per_export"][0]["resumed"] and kept <= parts(first)
    assert values(first) == list(range(1, ROWS + 1))
    second.run().ok()
    assert values(second) == (list(range(-500, 0)) if "table" in change else list(range(1, ROWS + 1)))


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
    told = second.run().failed(1, "RIVET_CONFIG_VALUE").err
    assert "public.t" in told and "public.u" in told and "rivet state reset -e shared" in told
    assert not list(second.out.glob("*.parquet"))
    assert first.run_json()["total_rows"] == 0
    second.call("state", "reset", "-c", "rivet.yaml", "-e", "shared").ok()
    assert second.run_json()["total_rows"] == 500
