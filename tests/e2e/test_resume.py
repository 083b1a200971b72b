"""Killed anywhere, in any mode, with one lane or four, with the state in SQLite or in PostgreSQL: the next run resumes
by itself, and the manifest's files hold every row exactly once and nothing else is taken for data."""

import json
import shutil
import signal
from pathlib import Path

import duckdb
import pytest

from support.delivery import check_delivery, part_paths
from support.program import Program
from support.servers import wait_until

ROWS = 4000
TABLE = (
    "CREATE TABLE t (id bigint PRIMARY KEY, n int, day date NOT NULL, updated_at timestamptz NOT NULL, v int NOT NULL);"
    f"INSERT INTO t SELECT i, CASE WHEN i % 9 = 0 THEN NULL ELSE i % 777 END, '2024-01-01'::date + i % 60,"
    f" '2024-01-01+00'::timestamptz + (i % 3000) * interval '1 s', i FROM generate_series(1, {ROWS}) i;"
    "CREATE INDEX ON t (n); CREATE INDEX ON t (updated_at, id); ANALYZE t"
)
WAYS = {
    "full": {"chunk_size": 600},
    "statement": {"consistency": "statement", "chunk_size": 600},
    "query": {"query": "SELECT * FROM t"},
    "keyset": {"mode": "chunked", "chunk_by_key": "id", "chunk_size": 600},
    "keyset-snapshot": {"mode": "chunked", "chunk_by_key": "id", "chunk_size": 600, "consistency": "snapshot"},
    "range": {"mode": "chunked", "chunk_column": "n", "chunk_count": 5},
    "days": {"mode": "chunked", "chunk_column": "day", "chunk_by_days": 9},
    "incremental": {"mode": "incremental", "cursor_column": "updated_at"},
    "composite": {"mode": "incremental", "cursor_column": ["updated_at", "id"]},
    "window": {"mode": "time_window", "time_column": "updated_at", "days_window": 36000},
    "files": {"mode": "chunked", "chunk_size": 1500, "max_file_size": "4KB"},
}
POINTS = (
    "after-run-start:1",
    "after-chunk-claim:2",
    "after-page-read:3",
    "before-part-put:2",
    "dest-before-rename:1",
    "dest-after-rename:2",
    "after-part-put:2",
    "after-chunk-complete:1",
    "after-chunk-complete:3",
    "before-manifest:1",
    "after-manifest-copy:1",
    "after-manifest:1",
    "after-success-marker:1",
    "before-verdict:1",
)
ONE_CHUNK = {"query", "incremental", "composite", "window"}  # which never come to a second one
OF_LATER_CHUNKS = {"after-chunk-claim:2", "before-part-put:2", "after-part-put:2", "after-chunk-complete:3"}


def cases(ways) -> list[tuple[str, str]]:
    """Every point with every way that passes it."""
    return [(p, way) for p in POINTS for way in ways if not (way in ONE_CHUNK and p in OF_LATER_CHUNKS)]


@pytest.fixture(scope="module")
def table(pg15) -> str:
    name = pg15.new_database("resume")
    pg15.execute(TABLE, name)
    return name


@pytest.fixture(scope="module")
def store(pg15) -> str:
    return pg15.new_database("state")


def check_rows(program: Program, runs: int = 1) -> None:
    found = check_delivery(program.out)
    assert len(found) == runs
    names = [str(path) for manifest in found for path in part_paths(program.out, manifest)]
    with duckdb.connect() as session:
        rows = session.execute(f"SELECT id, v FROM read_parquet({names}) ORDER BY id").fetchall()
    assert rows == [(i, i) for i in range(1, ROWS + 1)]


def configured(program: Program, pg15, table: str, way: str, **keys) -> Program:
    export = program.export("t", tuning={"batch_size": 250}, **WAYS[way], **keys)
    return program.configure(pg15.url(table), export)


@pytest.mark.parametrize("point, way", cases(WAYS))
def test_killed_at_a_point(program, pg15, table, point, way):
    """Every other pair with four lanes."""
    lanes = (1, 4)[(POINTS.index(point) + list(WAYS).index(way)) % 2]
    configured(program, pg15, table, way, parallel=lanes)
    assert program.run(env={"RIVET_CRASH_AT": point}).rc == -signal.SIGKILL, "the point was not met"
    program.run().ok()
    check_rows(program)


@pytest.mark.parametrize("point, way", cases(["full", "keyset", "range", "incremental"]))
def test_killed_with_the_state_in_postgresql(program, pg15, table, store, point, way, request):
    configured(program, pg15, table, way, parallel=2)
    document = json.loads(program.config.read_text())
    name = f"{way}_{POINTS.index(point)}"
    document["exports"][0].update(name=name)
    program.config.write_text(json.dumps(document))
    program.env = {"RIVET_STATE_URL": pg15.url(store)}
    assert program.run(env={"RIVET_CRASH_AT": point}).rc == -signal.SIGKILL, "the point was not met"
    program.run().ok()
    check_rows(program)
    assert not program.state.exists()


@pytest.mark.parametrize("way", ["keyset", "range", "full"])
@pytest.mark.parametrize("number, rc", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_keeps_what_is_whole(program, pg15, table, way, number, rc):
    keys = {"tuning": {"batch_size": 100, "throttle_ms": 100}, "parallel": 2}
    export = program.export("t", **(WAYS[way] | keys))
    program.configure(pg15.url(table), export)
    process = program.start("run", "-c", "rivet.yaml", "--json")
    first = "*.parquet" if way != "full" else ".rivet-*"
    wait_until(lambda: list(program.out.glob(first)), 40, "the first part, or its beginning")
    process.send_signal(number)
    stopped = program.finish(process, 20)
    assert stopped.rc == rc
    told = stopped.json["per_export"][0]
    complete = [c for c in program.listing("state", "chunks", "-e", "t") if c["status"] == "completed"]
    assert told["rows"] == sum(chunk["rows"] for chunk in complete) and told["files"] == len(complete)
    assert (told["bytes"] > 0) is (told["rows"] > 0) is (way != "full"), "what is left of it is told"
    wait_until(lambda: pg15.sessions(table) == 0, 5, "the server's sessions to end")
    assert not list(program.out.glob("manifest*"))
    kept = set(program.out.glob("*.parquet"))
    configured(program, pg15, table, way)
    document = json.loads(program.config.read_text())
    document["exports"][0]["tuning"] = {"batch_size": 100}
    program.config.write_text(json.dumps(document))
    summary = program.run_json()["per_export"][0]
    assert summary["resumed"] is (way != "full"), "what a lost snapshot has read is of no use"
    assert bool(kept) is (way != "full") and kept <= set(program.out.glob("*.parquet"))
    check_rows(program)


def test_what_becomes_of_an_open_run_is_a_choice(program, pg15, table):
    def crash(**keys):
        configured(program, pg15, table, "keyset", **keys)
        assert program.run(env={"RIVET_CRASH_AT": "after-chunk-complete:3"}).rc == -signal.SIGKILL

    crash()
    configured(program, pg15, table, "keyset", on_interrupted="fail")
    program.run().failed(1, "RIVET_RUN_OPEN")
    configured(program, pg15, table, "keyset", on_interrupted="restart")
    assert not program.run_json()["per_export"][0]["resumed"]
    check_rows(program)


def test_resume_needs_something_to_resume(program, pg15, table):
    configured(program, pg15, table, "keyset")
    program.run().ok()
    refused = program.run("--resume")
    assert refused.rc != 0 and "--force" in refused.err


def test_a_part_that_vanished_is_read_again(program, pg15, table):
    configured(program, pg15, table, "keyset")
    assert program.run(env={"RIVET_CRASH_AT": "after-chunk-complete:4"}).rc == -signal.SIGKILL
    victim = sorted(program.out.glob("*.parquet"))[0]
    victim.unlink()
    program.run().ok()
    check_rows(program)


def test_two_machines_share_one_state_and_one_run(pg15, table, store, tmp_path):
    """The second process joins the first one's run; together they read each chunk once."""
    first, second = (Program(tmp_path / name) for name in ("a", "b"))
    out = tmp_path / "lake"
    for program in (first, second):
        program.folder.mkdir()
        program.env = {"RIVET_STATE_URL": pg15.url(store)}
        program.configure(
            pg15.url(table),
            program.export(
                "joined",
                table="t",
                mode="chunked",
                chunk_by_key="id",
                chunk_size=200,
                tuning={"batch_size": 100, "throttle_ms": 100},
                destination={"type": "local", "path": str(out)},
                quality={"null_ratio_max": {"v": 0}, "unique_columns": ["id"]},
            ),
        )
    leader = first.start("run", "-c", "rivet.yaml", "--json")
    wait_until(lambda: list(out.glob("*.parquet")), 40, "the first part")
    run_id = sorted(out.glob("*.parquet"))[0].name.split("_chunk")[0]
    helped = second.run("--join", run_id, "--json").ok().json
    result = first.finish(leader).ok()
    summary = result.json["per_export"][0]
    assert summary["rows"] == ROWS and summary["quality"]["passed"]
    nulls, unique = summary["quality"]["gates"]
    assert (nulls["measured"], nulls["limit"], unique["measured"]) == (0, 0, None)
    assert unique["proof"].startswith("unique index")
    [manifest] = check_delivery(out)
    names = [str(path) for path in part_paths(out, manifest)]
    with duckdb.connect() as session:
        rows = session.execute(f"SELECT id, v FROM read_parquet({names}) ORDER BY id").fetchall()
    assert rows == [(i, i) for i in range(1, ROWS + 1)]
    assert 0 < helped["rows"] < ROWS


JOINED = {"mode": "chunked", "chunk_by_key": "id", "chunk_size": 200, "tuning": {"batch_size": 50, "throttle_ms": 100}}


@pytest.mark.parametrize("killed", ["owner", "helper"])
def test_one_of_two_processes_that_share_a_run_is_killed(pg15, table, store, tmp_path, killed):
    """While both read. The other goes on, and once the run has ended nothing is left of the one that died."""
    owner, helper = (Program(tmp_path / name) for name in ("a", "b"))
    out, name = tmp_path / "lake", f"shared_{killed}"
    for program in (owner, helper):
        program.folder.mkdir()
        program.env = {"RIVET_STATE_URL": pg15.url(store)}
        entry = program.export(name, table="t", destination={"type": "local", "path": str(out)}, **JOINED)
        program.configure(pg15.url(table), entry)
    began = owner.start("run", "-c", "rivet.yaml", "--json")
    wait_until(lambda: list(out.glob("*.parquet")), 40, "the first part")
    run_id = sorted(out.glob("*.parquet"))[0].name.split("_chunk")[0]
    joined = helper.start("run", "-c", "rivet.yaml", "--join", run_id, "--json")
    wait_until(lambda: len(list(out.glob(".rivet-*"))) == 2, 40, "both to write")
    victim, other, survivor = (began, joined, helper) if killed == "owner" else (joined, began, owner)
    victim.kill()
    victim.communicate()
    survivor.finish(other).ok()
    if killed == "owner":
        assert all(chunk["status"] == "completed" for chunk in helper.listing("state", "chunks", "-e", name))
        summary = helper.run_json()["per_export"][0]
        assert summary["resumed"] and summary["run_id"] == run_id
    [manifest] = check_delivery(out)
    names = [str(path) for path in part_paths(out, manifest)]
    with duckdb.connect() as session:
        rows = session.execute(f"SELECT id, v FROM read_parquet({names}) ORDER BY id").fetchall()
    assert rows == [(i, i) for i in range(1, ROWS + 1)]


def test_sixteen_cold_starts_migrate_one_postgresql_store(pg15, table, tmp_path):
    store = pg15.new_database("cold")
    programs = []
    for i in range(16):
        program = Program(tmp_path / f"p{i}")
        program.folder.mkdir()
        program.env = {"RIVET_STATE_URL": pg15.url(store)}
        program.configure(pg15.url(table), program.export(f"e{i}", table="t"))
        programs.append(program)
    processes = [program.start("run", "-c", "rivet.yaml") for program in programs]
    for program, process in zip(programs, processes):
        program.finish(process).ok()
        assert check_delivery(program.out)[0]["row_count"] == ROWS


def test_the_commands_of_the_state(program, pg15, table):
    configured(program, pg15, table, "incremental")
    program.run().ok()
    [shown] = program.listing("state", "show")
    assert shown["export_name"] == "t" and shown["cursor"]
    assert program.listing("state", "progression")
    program.call("state", "reset", "-c", "rivet.yaml", "-e", "t").ok()
    assert not program.listing("state", "show")[0]["cursor"]
    configured(program, pg15, table, "keyset")
    assert program.run(env={"RIVET_CRASH_AT": "after-chunk-complete:2"}).rc == -signal.SIGKILL
    chunks = program.listing("state", "chunks", "-e", "t")
    assert sum(chunk["status"] == "completed" for chunk in chunks) == 2
    program.call("state", "reset-chunks", "-c", "rivet.yaml", "-e", "t").ok()
    program.run().ok()
    assert len(check_delivery(program.out)) == 2


SYSTEM_CALLS = "openat,write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,unlinkat,mkdir"


def killed_at_call(program: Program, number: int) -> bool:
    """A run that the kernel kills at its Nth call that may change a file; false: it has fewer."""
    program.wrapper = ("strace", "-f", "-qqq", "-o", "/dev/null", "-e", f"trace={SYSTEM_CALLS}") + (
        "-e",
        f"inject={SYSTEM_CALLS}:signal=SIGKILL:when={number}",
    )
    result = program.run()
    program.wrapper = ()
    return result.rc != 0


@pytest.mark.parametrize("way", ["full", "keyset", "incremental"])
@pytest.mark.timeout(900)
def test_killed_at_every_nth_system_call(release, pg15, table, way):
    """strace counts calls per thread, so each N kills whichever thread gets there first."""
    number = 1
    while number < 400:
        shutil.rmtree(release.out, ignore_errors=True)
        release.state.unlink(missing_ok=True)
        configured(release, pg15, table, way)
        if not killed_at_call(release, number):
            break
        release.run().ok()
        check_rows_of_newest(release)
        number += 1 if number < 8 else 29
    assert number > 8


def check_rows_of_newest(program: Program) -> None:
    """The run that was killed may have been complete already; then another one followed."""
    found = check_delivery(program.out)
    for manifest in found:
        if manifest["row_count"] == 0:
            continue  # an incremental run after a complete one
        names = [str(path) for path in part_paths(program.out, manifest)]
        with duckdb.connect() as session:
            rows = session.execute(f"SELECT id, v FROM read_parquet({names}) ORDER BY id").fetchall()
        assert rows == [(i, i) for i in range(1, ROWS + 1)]


@pytest.mark.parametrize("harm", [False, True], ids=["whole", "damaged"])
def test_what_a_joiner_has_put_is_validated_by_the_owner(pg15, table, tmp_path, harm):
    """The owner stands still while the other process puts files, so whose they are is known."""
    first, second = (Program(tmp_path / name) for name in ("a", "b"))
    state, out = pg15.new_database("state"), tmp_path / "lake"
    for program in (first, second):
        program.folder.mkdir()
        program.env = {"RIVET_STATE_URL": pg15.url(state)}
        keys = {"table": "t", "mode": "chunked", "chunk_by_key": "id", "chunk_size": 200}
        tuning = {"batch_size": 100, "throttle_ms": 100 if program is first else 0}
        destination = {"type": "local", "path": str(out)}
        program.configure(pg15.url(table), program.export("t", tuning=tuning, destination=destination, **keys))
    owner = first.start("run", "-c", "rivet.yaml", "--validate", "--json")
    wait_until(lambda: list(out.glob("*.parquet")), 40, "the first part")

    def stands_still() -> bool:
        """Outside of a transaction, whose locks the other process would wait for."""
        owner.send_signal(signal.SIGSTOP)
        status = Path(f"/proc/{owner.pid}/stat")
        wait_until(lambda: status.read_text().rpartition(")")[2].split()[0] == "T", 10, "the owner to stop")
        busy = pg15.query(f"SELECT 1 FROM pg_stat_activity WHERE datname = '{state}' AND xact_start IS NOT NULL")
        if busy:
            owner.send_signal(signal.SIGCONT)
        return not busy

    try:
        wait_until(stands_still, 40, "the owner to stand between two transactions")
        own = set(out.glob("*.parquet"))
        run_id = min(own).name.split("_chunk")[0]
        joiner = second.start("run", "-c", "rivet.yaml", "--join", run_id, "--json")
        wait_until(lambda: len(set(out.glob("*.parquet")) - own) >= 3, 40, "the joiner's parts")
        if harm:  # its size stays
            victim = min(set(out.glob("*.parquet")) - own)
            content = bytearray(victim.read_bytes())
            content[len(content) // 3] ^= 1
            victim.write_bytes(content)
    finally:
        owner.send_signal(signal.SIGCONT)
    result = first.finish(owner)
    assert second.finish(joiner).ok().json["rows"] > 0
    if harm:
        assert (result.rc, result.code) in [(3, "RIVET_FILE_DAMAGED"), (3, "RIVET_FILE_MISMATCH")]
        assert victim.name in result.err and "a process that joined" in result.err
        assert not list(out.glob("*.parquet")) and not list(out.glob("manifest*"))
        return
    summary = result.ok().json["per_export"][0]
    assert summary["validated"] is True and summary["rows"] == ROWS
    [manifest] = check_delivery(out)
    assert manifest["validated"] is True
