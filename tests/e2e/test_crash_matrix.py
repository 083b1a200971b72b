"""Killed at any moment and at any system call, in every mode, with one lane and with four, with the state in SQLite and in
PostgreSQL: the next run makes it whole. Without RIVET_CRASH_MATRIX a sample, which moves over the whole product in a
fixed order; with it every cell, and several kills in each. The named points are tried in test_crash.py and
test_resume.py."""

import os
import random
import shutil
import signal
import time
import zlib

import duckdb
import pytest

from support.delivery import check_delivery, part_paths
from support.program import Program
from support.servers import wait_until
from test_resume import ROWS, SYSTEM_CALLS, TABLE, WAYS

EVERY = bool(os.environ.get("RIVET_CRASH_MATRIX"))
KILLS = 6 if EVERY else 2  # of either kind in each cell
CALLS = SYSTEM_CALLS + ",sendto,recvfrom"  # to and from the servers as well
CELLS = [(way, lanes, state) for way in WAYS for lanes in (1, 4) for state in ("sqlite", "postgresql")]


def sampled(offset: int) -> list:
    return CELLS if EVERY else [cell for i, cell in enumerate(CELLS) if (i + i // 4 + offset) % 6 == 0]


@pytest.fixture(scope="module")
def table(pg15) -> str:
    name = pg15.new_database("matrix")
    pg15.execute(TABLE, name)
    return name


@pytest.fixture(scope="module")
def store(pg15) -> str:
    return pg15.new_database("matrix_state")


@pytest.fixture
def cell(request, release, pg15, table, store) -> Program:
    """A program that exports in that way; the seed is the cell's own, so that a failure can be repeated."""
    way, lanes, state = request.param
    release.name = f"{way}_{lanes}_{request.function.__name__}".replace("-", "_")
    release.seed = zlib.crc32(repr(request.param).encode())
    release.configure(
        pg15.url(table),
        release.export(release.name, **({"table": "t", "parallel": lanes, "tuning": {"batch_size": 250}} | WAYS[way])),
    )
    if "query" in WAYS[way]:
        release.configure(pg15.url(table), release.export(release.name, parallel=lanes, **WAYS[way]))
    if state == "postgresql":
        release.env = {"RIVET_STATE_URL": pg15.url(store)}
    return release


def begin_anew(program: Program) -> None:
    shutil.rmtree(program.out, ignore_errors=True)
    program.state.unlink(missing_ok=True)
    if program.env:
        program.call("state", "reset", "-c", "rivet.yaml", "-e", program.name)
        program.call("state", "reset-chunks", "-c", "rivet.yaml", "-e", program.name)


def check_whole(program: Program, n_rows: int = ROWS) -> None:
    """A run that was complete when it was killed is followed by another."""
    program.run().ok()
    rows = []
    for manifest in check_delivery(program.out):
        names = [str(path) for path in part_paths(program.out, manifest)]
        if names:
            with duckdb.connect() as session:
                rows.append(session.execute(f"SELECT id, v FROM read_parquet({names}) ORDER BY id").fetchall())
    assert rows and all(found == [(i, i) for i in range(1, n_rows + 1)] for found in rows)


def kill_at_random_moments(program: Program, n_rows: int = ROWS) -> None:
    """program.seed decides which."""
    chance = random.Random(program.seed)
    length = program.run().ok().seconds
    for _ in range(KILLS):
        begin_anew(program)
        process = program.start("run", "-c", "rivet.yaml")
        deadline = time.monotonic() + chance.uniform(0, 1.1 * length)
        wait_until(lambda: time.monotonic() >= deadline or process.poll() is not None, 60, "the moment")
        process.kill()
        program.finish(process)
        check_whole(program, n_rows)


def kill_at_system_calls(program: Program, n_rows: int = ROWS) -> None:
    """strace counts each thread's calls by themselves; whoever gets to the Nth first takes the process along."""
    chance = random.Random(program.seed)
    killed = 0
    for _ in range(KILLS):
        begin_anew(program)
        number = int(chance.expovariate(1 / 40)) + 3
        program.wrapper = ("strace", "-f", "-qqq", "-o", "/dev/null", "-e", f"trace={CALLS}") + (
            "-e",
            f"inject={CALLS}:signal=SIGKILL:when={number}",
        )
        killed += program.run().rc == -signal.SIGKILL
        program.wrapper = ()
        check_whole(program, n_rows)
    assert killed > 0, "no kill was early enough"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("cell", sampled(0), indirect=True, ids=str)
def test_killed_at_a_random_moment(cell):
    kill_at_random_moments(cell)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("cell", sampled(3), indirect=True, ids=str)
def test_killed_at_a_system_call(cell):
    kill_at_system_calls(cell)
