"""Exports from MySQL and MariaDB killed at each named point, at random moments and system calls, in every mode, with one
lane and with several: the next run makes it whole. Without RIVET_CRASH_MATRIX a sample that meets every point, every
mode and both servers; with it all."""

import os
import signal
import zlib

import pytest

from support.delivery import check_delivery
from tables_mysql import configure, new_database, rows_of
from test_crash import POINTS as NAMED
from test_crash_matrix import kill_at_random_moments, kill_at_system_calls
from test_resume import ONE_CHUNK, POINTS

EVERY = bool(os.environ.get("RIVET_CRASH_MATRIX"))
ROWS = 2400
BATCH = {"batch_size": 150}
WAYS = {
    "full": {},
    "statement": {"consistency": "statement", "mode": "chunked", "chunk_size": 400},
    "keyset": {"mode": "chunked", "chunk_by_key": "id", "chunk_size": 400},
    "keyset-snapshot": {"mode": "chunked", "chunk_by_key": "id", "chunk_size": 400, "consistency": "snapshot"},
    "range": {"mode": "chunked", "chunk_column": "n", "chunk_count": 5},
    "days": {"mode": "chunked", "chunk_column": "day", "chunk_by_days": 9},
    "query": {"query": "SELECT * FROM t"},
    "incremental": {"mode": "incremental", "cursor_column": "updated_at"},
    "composite": {"mode": "incremental", "cursor_column": ["updated_at", "id"]},
    "window": {"mode": "time_window", "time_column": "updated_at", "days_window": 36000},
}
FEW_CHUNKS = ONE_CHUNK | {"full"}
OF_LATER_CHUNKS = {point for point in POINTS if not point.endswith(":1")} - {"after-page-read:3"}
CASES = [(p, way) for p in POINTS for way in WAYS if not (way in FEW_CHUNKS and p in OF_LATER_CHUNKS)]


def cells() -> list:
    """Each case with one of the servers and of the numbers of lanes, in turn."""
    picked = []
    for i, (point, way) in enumerate(CASES):
        flavour = ("mariadb", "mysql80")[(i + i // 2) % 2]
        if EVERY or i % 3 == 0:
            picked.append(pytest.param(point, way, (1, 3)[i // 3 % 2], flavour, id=f"{point}-{way}-{flavour}"))
    return picked


def test_the_sample_meets_everything():
    tried = [cell.values for cell in cells()]
    assert {point for point, *_ in tried} == set(POINTS)
    assert {way for _, way, *_ in tried} == WAYS.keys()
    assert {(lanes, flavour) for *_, lanes, flavour in tried} == {(n, f) for n in (1, 3) for f in ("mariadb", "mysql80")}
    assert {point.split(":")[0] for point in POINTS} | {"after-verdict"} == NAMED.keys()


@pytest.fixture(scope="module")
def databases() -> dict[str, str]:
    """One for each server, which nobody writes to once it is filled."""
    return {}


@pytest.fixture
def filled(request, databases):
    """A server of that flavour, and its database."""

    def choose(flavour: str) -> tuple:
        server = request.getfixturevalue(flavour)
        if flavour not in databases:
            databases[flavour] = new_database(server, ROWS)
            server.execute(
                "CREATE TABLE t (id bigint PRIMARY KEY, n int, day date NOT NULL, updated_at datetime(6) NOT NULL,"
                " v int NOT NULL, KEY (n), KEY (updated_at, id))",
                "INSERT INTO t SELECT i, CASE WHEN i % 9 = 0 THEN NULL ELSE i % 777 END, '2024-01-01' + INTERVAL i % 60"
                " DAY, '2024-01-01' + INTERVAL i % 1700 SECOND, i FROM numbers",
                "ANALYZE TABLE t",
                database=databases[flavour],
            )
        return server, databases[flavour]

    return choose


@pytest.mark.parametrize("point, way, lanes, flavour", cells())
def test_killed_at_a_point(program, filled, point, way, lanes, flavour):
    configure(program, *filled(flavour), parallel=lanes, tuning=BATCH, **WAYS[way])
    assert program.run(env={"RIVET_CRASH_AT": point}).rc == -signal.SIGKILL, "the point was not met"
    assert program.run_json()["per_export"][0]["resumed"]
    assert len(check_delivery(program.out)) == 1
    assert rows_of(program, "id, v") == [(i, i) for i in range(1, ROWS + 1)]


def places(offset: int) -> list[tuple]:
    """Each way with one of the servers and of the numbers of lanes, in turn; or with all."""
    every = [(way, lanes, flavour) for way in WAYS for lanes in (1, 3) for flavour in ("mariadb", "mysql80")]
    return every if EVERY else [place for i, place in enumerate(every) if i % 4 == (i // 4 + offset) % 4]


@pytest.fixture
def placed(request, release, filled):
    """A program that exports in that way from there; the seed is the place's own."""
    way, lanes, flavour = request.param
    release.seed = zlib.crc32(repr(request.param).encode())
    return configure(release, *filled(flavour), parallel=lanes, tuning=BATCH, **WAYS[way])


@pytest.mark.timeout(900)
@pytest.mark.parametrize("placed", places(0), indirect=True, ids=str)
def test_killed_at_a_random_moment(placed):
    kill_at_random_moments(placed, ROWS)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("placed", places(2), indirect=True, ids=str)
def test_killed_at_a_system_call(placed):
    kill_at_system_calls(placed, ROWS)
