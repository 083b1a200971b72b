"""Killed at any point, the next run makes it whole: the manifests' files hold every row exactly once, and
nothing else
lies there."""

import random
import re
import shutil
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from support.account import REPOSITORY
from support.delivery import check_delivery, part_paths
from support.program import Program
from support.servers import PostgresServer, wait_until
from tables import file_hash, source_hash

# Every crash point of the program, with the passes at which it is tried: a chunk's points are met once per
# chunk.
POINTS = {
    "after-run-start": ("1",),
    "after-chunk-claim": ("1", "2"),
    "after-page-read": ("1", "9"),
    "before-part-put": ("1", "2"),
    "dest-before-rename": ("1", "2"),
    "dest-after-rename": ("1", "2"),
    "after-part-put": ("1", "3"),
    "after-chunk-complete": ("1", "2"),
    "before-manifest": ("1",),
    "after-manifest-copy": ("1",),
    "after-manifest": ("1",),
    "after-success-marker": ("1",),
    "before-verdict": ("1",),
    "after-verdict": ("1",),
}
DONE = {"after-verdict"}  # the killed run had succeeded; the next one is another run
REPETITIONS = 30


@pytest.fixture(scope="module")
def truth(pg15: PostgresServer, big: str) -> tuple:
    return source_hash(pg15, big, "sparse")


@pytest.fixture
def chunky(program: Program, pg15: PostgresServer, big: str) -> Program:
    """An export of several chunks that moves little data."""
    return program.configure(pg15.url(big), program.export("sparse", compression="none"))


def check_whole(program: Program, truth: tuple, n_runs: int = 1) -> None:
    found = check_delivery(program.out)
    assert len(found) == n_runs
    for manifest in found:
        assert file_hash(part_paths(program.out, manifest), "sparse") == truth


def test_every_crash_point_is_tried():
    sources = (REPOSITORY / "src").rglob("*.c")
    named = {
        name for path in sources for name in re.findall(r'RV_CRASH_POINT\("([^"]+)"\)', path.read_text())
    }
    assert named == POINTS.keys()


@pytest.mark.parametrize("point", [f"{name}:{n}" for name, passes in POINTS.items() for n in passes])
def test_killed_at(chunky, truth, point):
    assert chunky.run(env={"RIVET_CRASH_AT": point}).rc == -signal.SIGKILL, "the point was not met"
    done = point.split(":")[0] in DONE
    aggregate = chunky.run_json()
    assert aggregate["per_export"][0]["resumed"] is not done
    check_whole(chunky, truth, 2 if done else 1)


@pytest.mark.parametrize("point", ["after-chunk-complete:1", "dest-after-rename:2", "before-verdict"])
def test_killed_twice(chunky, truth, point):
    for _ in range(2):
        assert chunky.run(env={"RIVET_CRASH_AT": point}).rc == -signal.SIGKILL
    chunky.run().ok()
    check_whole(chunky, truth)


@pytest.mark.parametrize("point", [name for name in POINTS if name not in DONE])
@pytest.mark.parametrize("on_existing", ["replace", "append"])
def test_killed_beside_an_earlier_copy(program, pg15, shop, point, on_existing):
    program.configure(pg15.url(shop), program.export("t", on_existing=on_existing))
    program.run().ok()
    assert program.run(env={"RIVET_CRASH_AT": point}).rc == -signal.SIGKILL
    program.run().ok()
    found = check_delivery(program.out)
    assert len(found) == (1 if on_existing == "replace" else 2)
    assert all(manifest["row_count"] == 1000 for manifest in found)


@pytest.mark.parametrize("point", [name for name in POINTS if name not in DONE])
@pytest.mark.parametrize("way", ["query", "csv", "sqlite"])
def test_killed_in_other_ways_of_reading(program, pg15, shop, point, way):
    if way == "sqlite":
        make_sqlite(program.folder / "shop.db")
        program.configure("sqlite://shop.db", program.export("t"))
    else:
        keys = {"query": {"query": "SELECT * FROM t"}, "csv": {"format": "csv"}}[way]
        program.configure(pg15.url(shop), program.export("t", **keys))
    assert program.run(env={"RIVET_CRASH_AT": point}).rc == -signal.SIGKILL
    program.run().ok()
    [manifest] = check_delivery(program.out)
    assert (manifest["row_count"], manifest["part_count"]) == (1000, 1)


def make_sqlite(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
    db.executemany("INSERT INTO t VALUES (?, ?)", ((i, f"value {i}") for i in range(1000)))
    db.commit()
    db.close()


def test_a_changed_export_does_not_resume_the_old_run(program, pg15, big, shop):
    program.configure(pg15.url(big), program.export("sparse", compression="none"))
    assert program.run(env={"RIVET_CRASH_AT": "after-chunk-complete:2"}).rc == -signal.SIGKILL
    program.configure(pg15.url(big), program.export("sparse", query="SELECT 1 AS id"))
    refused = program.run()
    assert refused.rc == 1 and "RIVET_RUN_CHANGED" in refused.err
    program.run("--force").ok()
    [manifest] = check_delivery(program.out)
    assert manifest["row_count"] == 1
    assert [run["status"] for run in program.listing("metrics")] == ["success", "interrupted"]


@pytest.mark.timeout(600)
def test_killed_at_any_moment(release, pg15, big, truth):
    """At random times over the length of a run; the seed is printed so that a failure can be repeated."""
    release.configure(pg15.url(big), release.export("sparse", compression="none"))
    seed = time.time_ns()
    print("seed", seed)
    chance = random.Random(seed)
    length = release.run().ok().seconds
    for _ in range(REPETITIONS):
        shutil.rmtree(release.out)
        before = successes(release)
        process = release.start("run", "-c", "rivet.yaml")
        deadline = time.monotonic() + chance.uniform(0, 1.1 * length)
        wait_until(lambda: time.monotonic() >= deadline or process.poll() is not None, 60, "the moment")
        process.kill()
        release.finish(process)
        done = successes(release) - before
        release.run().ok()
        check_whole(release, truth, 1 + done)


def successes(program: Program) -> int:
    return sum(run["status"] == "success" for run in program.listing("metrics", "-l", "1000"))


def test_another_working_directory_finds_the_same_run(chunky, truth, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert chunky.run(env={"RIVET_CRASH_AT": "after-chunk-complete:2"}).rc == -signal.SIGKILL
    chunky.call("run", "-c", str(chunky.config), cwd=elsewhere).ok()
    check_whole(chunky, truth)
    assert not list(elsewhere.iterdir())
