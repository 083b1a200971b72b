"""A local disk that is full, read-only or gone: the right failure, nothing half-written in sight, state
untouched."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.delivery import check_delivery, manifests, visible
from support.program import Program
from support.servers import own_folder, wait_until


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"mounting needs privileges: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def wide(pg15, database) -> str:
    """Some 8 MB that do not compress."""
    pg15.execute(
        "CREATE TABLE t AS SELECT i AS id,"
        " (SELECT string_agg(md5(i || '-' || k), '') FROM generate_series(1, 25) k) AS v"
        " FROM generate_series(1, 10000) i; ANALYZE t",
        database,
    )
    return database


def to(folder: Path) -> dict:
    return {"type": "local", "path": str(folder)}


def check_failed(program: Program, folder: Path, before: list, code: str) -> None:
    """Nothing new is visible, the export's state stands where it stood, and the failure is in the metrics."""
    assert visible(folder) == before
    newest = program.listing("metrics")[0]
    assert (newest["status"], newest["error_code"]) == ("failed", code)


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_full_disk(program, pg15, wide, tiny, form):
    program.configure(
        pg15.url(wide),
        program.export("t", destination=to(tiny / "out"), format=form, query="SELECT * FROM t LIMIT 10"),
    )
    program.run().ok()
    before, state = visible(tiny / "out"), program.listing("state", "show")
    program.configure(pg15.url(wide), program.export("t", destination=to(tiny / "out"), format=form))
    result = program.run().failed(1, "RIVET_DEST_FULL")
    assert str(tiny / "out") in result.err
    check_failed(program, tiny / "out", before, "RIVET_DEST_FULL")
    assert program.listing("state", "show") == state
    check_delivery(tiny / "out")


def test_room_again_and_the_next_run_is_whole(program, pg15, wide, tiny):
    program.configure(pg15.url(wide), program.export("t", destination=to(tiny / "out")))
    program.run().failed(1, "RIVET_DEST_FULL")
    subprocess.run(["mount", "-o", "remount,size=64m", tiny], check=True)
    program.run().ok()
    [manifest] = check_delivery(tiny / "out")
    assert manifest["row_count"] == 10000


def test_a_disk_so_full_that_no_probe_fits(program, pg15, shop, tiny):
    (tiny / "out").mkdir()
    with open(tiny / "filler", "wb") as filler:
        try:
            filler.write(bytes(4 << 20))
        except OSError:
            pass
    program.configure(pg15.url(shop), program.export("t", destination=to(tiny / "out")))
    program.run().failed(1, "RIVET_DEST_FULL")
    assert visible(tiny / "out") == []


def test_a_full_disk_under_the_state_store(pg15, shop, tiny, tmp_path):
    program = Program(tiny)
    program.configure(pg15.url(shop), program.export("t", destination=to(tmp_path / "out")))
    program.run().ok()
    with open(tiny / "filler", "wb") as filler:
        try:
            filler.write(bytes(4 << 20))
        except OSError:
            pass
    result = program.run()
    assert result.rc == 1 and result.code in ("RIVET_STATE_UNUSABLE", "RIVET_DEST_FULL"), result.err
    (tiny / "filler").unlink()
    program.run().ok()
    assert all(manifest["row_count"] == 1000 for manifest in check_delivery(tmp_path / "out"))


def test_a_read_only_folder(plain_user, pg15, shop):
    locked = plain_user.folder / "locked"
    locked.mkdir(mode=0o555)
    plain_user.configure(pg15.url(shop), plain_user.export("t", destination=to(locked)))
    doctor = plain_user.call("doctor", "-c", "rivet.yaml")
    assert doctor.rc == 1 and "RIVET_DEST_DENIED" in doctor.text
    plain_user.run().failed(1, "RIVET_DEST_DENIED")
    assert visible(locked) == []
    plain_user.configure(pg15.url(shop), plain_user.export("t", destination=to(locked / "below")))
    plain_user.run().failed(1, "RIVET_DEST_DENIED")


def test_a_read_only_configuration_folder(plain_user, pg15, shop, base):
    out = own_folder(base / f"out-{os.urandom(4).hex()}")
    plain_user.configure(pg15.url(shop), plain_user.export("t", destination=to(out)))
    plain_user.folder.chmod(0o555)
    shutil.chown(plain_user.folder, os.geteuid())
    plain_user.run().failed(1, "RIVET_STATE_UNUSABLE")
    assert visible(out) == []


def test_a_folder_that_cannot_be(program, pg15, shop):
    (program.folder / "file").write_text("")
    for path in (program.folder / "file", program.folder / "file" / "below", Path("/proc/nothing")):
        program.configure(pg15.url(shop), program.export("t", destination=to(path)))
        result = program.run()
        assert result.rc == 1 and result.code in ("RIVET_DEST_UNAVAILABLE", "RIVET_DEST_DENIED"), result.err


@pytest.mark.parametrize("how", ["removed", "moved"])
def test_a_folder_that_vanishes_in_the_middle(program, pg15, database, how):
    pg15.execute(
        "CREATE TABLE t AS SELECT i AS id, md5(i::text) AS v FROM generate_series(1, 100000) i; ANALYZE t",
        database,
    )
    program.configure(
        pg15.url(database),
        program.export("t", query="SELECT * FROM t", tuning={"batch_size": 5000, "throttle_ms": 150}),
    )
    process = program.start("run", "-c", "rivet.yaml")
    wait_until(lambda: list(program.out.glob(".rivet-*")), 30, "the first spool file")
    if how == "moved":
        program.out.rename(program.folder / "elsewhere")
    else:
        shutil.rmtree(program.out)
    result = program.finish(process, 60)
    assert result.rc == 1 and result.code in ("RIVET_DEST_UNAVAILABLE", "RIVET_DEST_WRITE", "RIVET_SPOOL"), (
        result.err
    )
    assert visible(program.out) == []
    if how == "moved":
        assert not manifests(program.folder / "elsewhere") and not list(
            (program.folder / "elsewhere").glob("*.parquet")
        )
    assert program.listing("metrics")[0]["status"] == "failed"
    program.configure(pg15.url(database), program.export("t")).run().ok()
    check_delivery(program.out)


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_closed_pipe_ends_the_run_cleanly(program, pg15, wide, form):
    program.configure(pg15.url(wide), program.export("t", format=form, destination={"type": "stdout"}))
    script = f'"{program.binary}" run -c rivet.yaml | head -c 10 >/dev/null; exit "${{PIPESTATUS[0]}}"'
    shell = Program(program.folder, Path("/bin/bash"))
    result = shell.call("-c", script)
    assert result.rc == 0 and "RIVET_" not in result.err, result.err


def test_a_stdout_that_is_full_fails(program, pg15, wide):
    program.configure(pg15.url(wide), program.export("t", destination={"type": "stdout"}))
    with open("/dev/full", "wb") as full:
        result = program.run(stdout=full)
    assert result.rc == 1 and result.code in ("RIVET_DEST_FULL", "RIVET_DEST_WRITE"), result.err


def test_a_stdout_that_is_closed_fails(program, pg15, shop):
    program.configure(pg15.url(shop), program.export("t", destination={"type": "stdout"}))
    shell = Program(program.folder, Path("/bin/bash"))
    result = shell.call("-c", f'exec "{program.binary}" run -c rivet.yaml >&-')
    assert result.rc != 0


def test_leftovers_of_others_are_left_alone(program, pg15, shop):
    """Only what a run of this export made is ever removed."""
    program.out.mkdir()
    others = {
        "notes.txt",
        "t_2020.parquet",
        ".rivet-other",
        "t2_20200101T000000.000.parquet",
        "manifests.json",
    }
    for name in others:
        (program.out / name).write_text("{}")
    program.configure(pg15.url(shop), program.export("t", on_existing="replace"))
    program.run().ok()
    program.run().ok()
    assert others <= set(visible(program.out)) and len(manifests(program.out)) == 1


@pytest.mark.parametrize(
    "path",
    ["../victim.parquet", "/tmp/victim.parquet", "sub/victim.parquet", "..", "", "a/../../victim.parquet"],
)
def test_an_older_manifest_is_trusted_in_nothing(program, pg15, shop, path):
    """Replacing removes what older manifests name; one that was tampered with must not reach out of the
    folder."""
    program.configure(pg15.url(shop), program.export("t", on_existing="replace"))
    program.run().ok()
    [manifest] = check_delivery(program.out)
    manifest["run_id"] = "t_20200101T000000.000"
    manifest["parts"][0]["path"] = path
    (program.out / "manifest-t_20200101T000000.000.json").write_text(json.dumps(manifest))
    victim = program.folder / "victim.parquet"
    victim.write_text("")
    program.run().failed(3, "RIVET_MANIFEST_INVALID")
    assert victim.exists()


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"{}", b"[]", b"null", b'{"manifest_version": 99}', b"\xff" * 100, b"[" * 100000],
    ids=lambda d: repr(d[:20]),
)
def test_a_damaged_manifest_stops_a_replacement(program, pg15, shop, data):
    program.configure(pg15.url(shop), program.export("t", on_existing="replace"))
    program.run().ok()
    (program.out / "manifest-t_20200101T000000.000.json").write_bytes(data)
    program.run().failed(3, "RIVET_MANIFEST_INVALID")


def test_files_are_for_those_the_umask_lets_read(program, pg15, shop):
    program.configure(pg15.url(shop), program.export("t"))
    shell = Program(program.folder, Path("/bin/bash"))
    shell.call("-c", f'umask 027; exec "{program.binary}" run -c rivet.yaml').ok()
    assert {path.stat().st_mode & 0o777 for path in program.out.iterdir()} == {0o640}
    assert program.state.stat().st_mode & 0o007 == 0


def test_a_folder_of_an_odd_name(program, pg15, shop):
    odd = program.folder / "ä 'quoted' \"twice\" $HOME %s 日本 {{x}}".replace("{{x}}", "x")
    program.configure(pg15.url(shop), program.export("t", destination=to(odd))).run().ok()
    check_delivery(odd)
    program.call("state", "files", "-c", "rivet.yaml").ok()


def test_a_link_to_a_folder_is_followed(program, pg15, shop):
    (program.folder / "real").mkdir()
    program.out.symlink_to(program.folder / "real")
    program.configure(pg15.url(shop), program.export("t")).run().ok()
    check_delivery(program.folder / "real")
