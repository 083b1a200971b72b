"""A disk that fills up while four lanes write: under the destination (where the spool lies as well), under the temporary
folder, under the state. Nothing that is not whole looks like data, and with room again the next run has every row once."""

import errno
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from support.delivery import check_delivery, part_paths
from support.program import Program
from support.servers import wait_until

ROWS = 4000
KEYS = {"mode": "chunked", "chunk_by_key": "id", "chunk_size": 400, "parallel": 4, "tuning": {"batch_size": 100}}


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="module")
def wide(pg15) -> str:
    """Some 6 MB that do not compress."""
    name = pg15.new_database("wide")
    pg15.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, v text NOT NULL); INSERT INTO t SELECT i,"
        " (SELECT string_agg(md5(i || '-' || k), '') FROM generate_series(1, 50) k)"
        f" FROM generate_series(1, {ROWS}) i; ANALYZE t",
        name,
    )
    return name


def to(folder: Path) -> dict:
    return {"type": "local", "path": str(folder)}


def fill(folder: Path) -> None:
    """To the last block."""
    with open(folder / "filler", "wb", buffering=0) as filler:
        for block in (64 << 10, 4096, 1):
            try:
                while True:
                    filler.write(bytes(block))
            except OSError as problem:
                assert problem.errno == errno.ENOSPC


def enlarge(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)


def check_rows(folder: Path) -> None:
    [manifest] = check_delivery(folder)
    names = [str(path) for path in part_paths(folder, manifest)]
    with duckdb.connect() as session:
        ids = [i for (i,) in session.execute(f"SELECT id FROM read_parquet({names}) ORDER BY id").fetchall()]
    assert ids == list(range(1, ROWS + 1))


def check_no_data(folder: Path) -> None:
    assert not list(folder.glob("manifest*")) and not (folder / "_SUCCESS").exists()


@pytest.mark.parametrize("more", [{}, {"consistency": "snapshot"}, {"format": "csv"}], ids=str)
def test_the_destination_is_full(program, pg15, wide, tiny, more):
    program.configure(pg15.url(wide), program.export("t", destination=to(tiny / "out"), **(KEYS | more)))
    result = program.run().failed(1, "RIVET_DEST_FULL")
    assert str(tiny / "out") in result.err
    check_no_data(tiny / "out")
    newest = program.listing("metrics")[0]
    assert (newest["status"], newest["error_code"]) == ("failed", "RIVET_DEST_FULL")
    enlarge(tiny)
    program.configure(pg15.url(wide), program.export("t", destination=to(tiny / "out"), **KEYS))
    program.run().ok()
    check_rows(tiny / "out")


def test_room_appears_without_a_failure_in_between(program, pg15, wide, tiny):
    """Somebody else's file fills the disk for the first run only."""
    enlarge(tiny)
    program.configure(pg15.url(wide), program.export("t", destination=to(tiny / "out"), **KEYS))
    fill(tiny)
    program.run().failed(1, "RIVET_DEST_FULL")
    (tiny / "filler").unlink()
    program.run().ok()
    check_rows(tiny / "out")


def test_the_temporary_folder_is_full(program, pg15, wide, tiny, tmp_path):
    """Where row groups and spools may lie: whatever needs it fails as a full disk, the rest does not need it."""
    fill(tiny)
    program.env = {"TMPDIR": str(tiny)}
    program.configure(pg15.url(wide), program.export("t", destination=to(tmp_path / "out"), **KEYS))
    result = program.run()
    if result.rc != 0:
        assert result.rc == 1 and result.code in ("RIVET_SPOOL", "RIVET_DEST_FULL", "RIVET_SPOOL_FULL"), result.err
        check_no_data(tmp_path / "out")
        (tiny / "filler").unlink()
        program.run().ok()
    check_rows(tmp_path / "out")


@pytest.mark.parametrize("when", ["before", "during"])
def test_the_state_is_full(pg15, wide, tiny, tmp_path, when):
    """The store keeps what it had; the parts that it could not record are read again or recognised, none twice."""
    program = Program(tiny)
    out = tmp_path / "out"
    tuning = KEYS["tuning"] | {"throttle_ms": 50}
    program.configure(pg15.url(wide), program.export("t", destination=to(out), **(KEYS | {"tuning": tuning})))
    program.call("state", "show", "-c", "rivet.yaml")
    process = program.start("run", "-c", "rivet.yaml") if when == "during" else None
    if process is not None:
        wait_until(lambda: list(out.glob("*.parquet")), 30, "the first part")
    fill(tiny)
    result = program.finish(process) if process is not None else program.run()
    assert result.rc == 1 and result.code in ("RIVET_STATE_UNUSABLE", "RIVET_STATE_FULL", "RIVET_DEST_FULL"), result.err
    assert not (out / "_SUCCESS").exists()
    (tiny / "filler").unlink()
    program.configure(pg15.url(wide), program.export("t", destination=to(out), **KEYS))
    program.run().ok()
    check_rows(out)
