"""partition_by names exports, so another partition_by names others: what was left open under the old names is found all
the same, and is a run of another configuration like any other."""

import json
import shutil
import signal
import sqlite3

import pytest

from support.delivery import check_delivery
from support.program import Program

DAYS = 8
PER_DAY = 3
DAY = {"partition_by": "at"}
WAYS = {
    "day": DAY,
    "month": DAY | {"partition_granularity": "month"},
    "year": DAY | {"partition_granularity": "year"},
    "due": {"partition_by": "due"},
    "whole": {},
}


def make_table(program: Program) -> None:
    with sqlite3.connect(program.folder / "shop.db") as session:
        session.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT NOT NULL, due TEXT)")
        session.execute("CREATE INDEX t_at ON t (at)")
        session.executemany(
            "INSERT INTO t VALUES (?, date('2023-12-28', ?), NULL)",
            ((i, f"+{i % DAYS} days") for i in range(DAYS * PER_DAY)),
        )
        session.execute("UPDATE t SET due = date(at, '+1 year') WHERE id % 2 = 0")
    session.close()


def configure(program: Program, way: str, **keys) -> Program:
    folder = "{partition}" if WAYS[way] else "all"
    return program.configure(
        "sqlite://shop.db",
        program.export(
            "t",
            columns={"at": "date", "due": "date"},
            consistency="statement",
            mode="chunked",
            chunk_column="id",
            chunk_count=3,
            destination={"type": "local", "path": str(program.out / way / folder)},
            **WAYS[way] | keys,
        ),
    )


def crash(program: Program, way: str, point: str = "after-chunk-complete:2") -> str:
    """The id of the run that is open after it."""
    make_table(program)
    configure(program, way)
    assert program.run(env={"RIVET_CRASH_AT": point}).rc == -signal.SIGKILL, "the point was not met"
    return open_runs(program)[0]


def open_runs(program: Program) -> list[str]:
    with sqlite3.connect(program.state) as session:
        found = session.execute("SELECT run_id FROM runs WHERE status = 'running' ORDER BY run_id").fetchall()
    session.close()
    return [run_id for (run_id,) in found]


def status_of(program: Program, run_id: str) -> str:
    with sqlite3.connect(program.state) as session:
        [(status,)] = session.execute("SELECT status FROM runs WHERE run_id = ?", (run_id,)).fetchall()
    session.close()
    return status


def everything(program: Program) -> list[str]:
    return sorted(str(path.relative_to(program.out)) for path in program.out.rglob("*"))


def files_of(program: Program, run_id: str) -> list:
    return list(program.out.rglob(f"{run_id}*"))


def check_all_rows(program: Program, way: str) -> None:
    folders = [path for path in (program.out / way).iterdir() if any(path.iterdir())]
    assert sum(m["row_count"] for folder in folders for m in check_delivery(folder)) == DAYS * PER_DAY


CHANGES = [
    ("day", "month", "partition_granularity"),
    ("month", "day", "partition_granularity"),
    ("day", "due", "partition_by"),
    ("year", "whole", "partition_by"),
    ("whole", "day", "partition_by"),
]


@pytest.mark.parametrize("then, now, key", CHANGES, ids=[f"{then}-{now}" for then, now, _ in CHANGES])
def test_what_is_open_under_an_old_name_is_not_passed_over(program, then, now, key):
    run_id = crash(program, then)
    before = everything(program)
    refused = configure(program, now).run().failed(1, "RIVET_RUN_CHANGED")
    for part in ("export 't'", run_id, key, "--force", f"reset-chunks -e {run_id.rsplit('_', 1)[0]}'"):
        assert part in refused.err, refused.err
    program.run("--resume", "--force").failed(1, "RIVET_RUN_CHANGED")
    assert everything(program) == before and open_runs(program) == [run_id]

    configure(program, then)
    assert [one["run_id"] for one in program.run_json()["per_export"] if one["resumed"]] == [run_id]
    assert status_of(program, run_id) == "success"
    check_all_rows(program, then)
    configure(program, now).run().ok()
    check_all_rows(program, now)


@pytest.mark.parametrize("way_out", ["force", "restart", "reset-chunks", "stuck-checkpoints"])
def test_it_is_given_up_when_somebody_says_so(program, way_out):
    run_id = crash(program, "day")
    assert files_of(program, run_id)
    configure(program, "month", **({"on_interrupted": "restart"} if way_out == "restart" else {}))
    if way_out in ("reset-chunks", "stuck-checkpoints"):
        which = ["--stuck-checkpoints"] if way_out != "reset-chunks" else ["-e", run_id.rsplit("_", 1)[0]]
        [given_up] = program.listing("state", "reset-chunks", *which)
        assert given_up["run_id"] == run_id
    said = program.run(*(["--force"] if way_out == "force" else [])).ok().err
    assert (run_id in said) is (way_out == "force")
    assert status_of(program, run_id) == "interrupted" and not files_of(program, run_id)
    assert open_runs(program) == []
    check_all_rows(program, "month")


def test_to_fail_is_a_choice_as_well(program):
    run_id = crash(program, "day")
    assert run_id in configure(program, "month", on_interrupted="fail").run().failed(1, "RIVET_RUN_OPEN").err
    assert open_runs(program) == [run_id]


def test_what_readers_may_have_seen_is_completed(program):
    run_id = crash(program, "day", "before-verdict:1")
    configure(program, "month").run().ok()
    assert status_of(program, run_id) == "success" and files_of(program, run_id)
    check_all_rows(program, "month")


def test_a_partition_that_is_gone_asks_nobody(program):
    run_id = crash(program, "day")
    bucket = run_id.rsplit("_", 1)[0].removeprefix("t__")
    with sqlite3.connect(program.folder / "shop.db") as session:
        session.execute("DELETE FROM t WHERE at = ?", (bucket,))
    session.close()
    said = program.run().ok().err
    assert f"{run_id} is given up" in said and "its partition is not there any more" in said
    assert status_of(program, run_id) == "interrupted" and not files_of(program, run_id)


def test_other_exports_may_have_such_names(program):
    """One that the file itself calls like a partition, and one of another file that shares the state."""
    make_table(program)
    named = ("t__2023", "t__2024-01", "t__eu")
    plain = [
        program.export(
            name,
            table="t",
            mode="chunked",
            chunk_column="id",
            chunk_count=3,
            destination={"type": "local", "path": str(program.out / name)},
        )
        for name in named
    ]
    for export in plain:
        program.configure("sqlite://shop.db", export)
        assert program.run(env={"RIVET_CRASH_AT": "after-chunk-complete:2"}).rc == -signal.SIGKILL
    left = open_runs(program)
    configure(program, "day")
    assert program.listing("state", "reset-chunks", "--stuck-checkpoints") == []
    assert [run_id.rsplit("_", 1)[0] for run_id in left] == list(named)
    for way in ("day", "year", "whole"):
        configure(program, way)
        document = json.loads(program.config.read_text())
        document["exports"].append(plain[0])
        program.config.write_text(json.dumps(document))
        if way == "year":  # its partition of 2023 cannot have that name at the same time
            program.run("-e", "t").failed(1, "RIVET_RUN_CHANGED")
        else:
            program.run("-e", "t").ok()
            check_all_rows(program, way)
        assert open_runs(program) == left
        shutil.rmtree(program.out / way)
