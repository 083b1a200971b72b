"""The machine loses its power at any moment: no manifest ever names what is not whole on the disk, and the next run makes
the rest of it, every row exactly once. Recorded from real runs; see support/powercut.py for what a cut may leave."""

import base64
import hashlib
import json
import os
import shutil
import sqlite3

import duckdb
import pytest
import xxhash

from support.delivery import check_delivery, part_paths
from support.powercut import WORST, Recording, by_chance, contents, recorder, restore
from support.program import Program

ROWS = 600
WAYS = {
    "full": {},
    "keyset": {"mode": "chunked", "chunk_by_key": "id", "chunk_size": 150, "parallel": 4},
    "files": {"mode": "chunked", "chunk_by_key": "id", "chunk_size": 300, "max_file_size": "4KB", "parallel": 2},
    "replace": {"on_existing": "replace"},
    "incremental": {"mode": "incremental", "cursor_column": "day"},
}
AGAIN = ("replace", "incremental")  # recorded is their second run
EVERY = bool(os.environ.get("RIVET_EVERY_CUT"))  # every moment is gone on from, not only a sample
SAMPLE = 2  # of the moments, for each way of losing


@pytest.fixture(scope="module")
def table(pg15) -> str:
    name = pg15.new_database("powercut")
    pg15.execute(
        "CREATE TABLE t (id int PRIMARY KEY, day date NOT NULL, v text NOT NULL);"
        f"INSERT INTO t SELECT i, '2024-01-01'::date + i / 100, md5(i::text) FROM generate_series(1, {ROWS}) i; ANALYZE t",
        name,
    )
    return name


@pytest.fixture(scope="module", params=WAYS)
def recorded(request, tmp_path_factory, pg15, table) -> tuple[Program, Recording]:
    """A run from an empty folder, or the one after it, with everything it did to its folder."""
    from support.program import RELEASE

    folder = tmp_path_factory.mktemp("recorded")
    program = Program(folder, RELEASE)
    program.configure(pg15.url(table), program.export("t", tuning={"batch_size": 50}, **WAYS[request.param]))
    if request.param in AGAIN:
        program.run().ok()
    if request.param == "incremental":
        pg15.execute(f"INSERT INTO t SELECT {ROWS} + i, '2025-01-01', 'new' FROM generate_series(1, 60) i", table)
    before = contents(folder)
    log = tmp_path_factory.mktemp("log") / "calls"
    program.wrapper = recorder(log)
    program.run().ok()
    program.wrapper = ()
    if request.param == "incremental":
        pg15.execute(f"DELETE FROM t WHERE id > {ROWS}", table)
    recording = Recording(folder, log, before)
    final = recording.survivor(recording.moments[-1], WORST["everything"])
    assert final == contents(folder), "the recording is not what happened"
    return program, recording


class Verdicts:
    """Looks at destinations; the same bytes are hashed once."""

    def __init__(self):
        self.seen: dict[bytes, tuple[str, str]] = {}

    def digests(self, data: bytes) -> tuple[str, str]:
        if data not in self.seen:
            md5 = base64.b64encode(hashlib.md5(data).digest()).decode()
            self.seen[data] = (md5, f"xxh3:{xxhash.xxh3_64_hexdigest(data)}")
        return self.seen[data]

    def check_destination(self, files: dict[bytes, bytes], replaces: bool) -> None:
        """What anybody may conclude from manifests and marker is true. Of a run that is being replaced the parts go
        before the manifest, but not before the newest run is in its place."""
        out = {os.fsdecode(path[4:]): data for path, data in files.items() if path.startswith(b"out/")}
        manifests = {name: data for name, data in out.items() if name.startswith("manifest") and name.endswith(".json")}
        newest = json.loads(manifests["manifest.json"])["run_id"] if "manifest.json" in manifests else ""
        done = "_SUCCESS" in out and out["_SUCCESS"].decode().strip() == self.digests(manifests["manifest.json"])[1]
        for name, data in manifests.items():
            document = json.loads(data)
            for part in document["parts"]:
                if replaces and done and document["run_id"] != newest and part["path"] not in out:
                    continue
                assert part["path"] in out, f"{name} names {part['path']}, which is not there"
                assert self.digests(out[part["path"]]) == (part["content_md5"], part["content_fingerprint"])
        if "_SUCCESS" in out:
            vouched = out["_SUCCESS"].decode().strip()
            assert vouched in {self.digests(data)[1] for data in manifests.values()}, "_SUCCESS vouches for nothing"

    def check_state(self, program: Program) -> None:
        """What the state calls complete is there."""
        if not program.state.exists() or program.state.stat().st_size == 0:
            return
        with sqlite3.connect(program.state) as db:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
            if "parts" not in tables:
                return
            for path, md5 in db.execute(
                "SELECT p.name, p.md5 FROM parts p JOIN chunks c ON c.run_id = p.run_id"
                " AND c.chunk_index = p.chunk_index JOIN runs r ON r.run_id = p.run_id"
                " WHERE c.status = 'completed' AND r.status = 'running'"
            ):
                file = program.out / path
                assert file.exists() and hashlib.md5(file.read_bytes()).digest() == md5, f"{path} is called complete"
        db.close()


def fates(recording: Recording) -> dict:
    return WORST | {f"chance {seed}": by_chance(seed) for seed in range(2)}


def test_no_manifest_ever_names_what_is_not_whole(recorded, request):
    _, recording = recorded
    replaces = request.node.callspec.params["recorded"] == "replace"
    verdicts = Verdicts()
    assert len(recording.moments) > 60
    for moment in recording.moments:
        for name, keep in fates(recording).items():
            try:
                verdicts.check_destination(recording.survivor(moment, keep), replaces)
            except AssertionError as problem:
                raise AssertionError(f"cut at {moment} keeping {name}: {problem}") from problem


def test_the_next_run_is_whole(recorded, tmp_path, request):
    """From what is left at sampled moments; the run finds the folder where the cut left it."""
    program, recording = recorded
    way = request.node.callspec.params["recorded"]
    verdicts = Verdicts()
    kept = contents(program.folder)
    try:
        for number, (name, keep) in enumerate(fates(recording).items()):
            step = 1 if EVERY else len(recording.moments) // SAMPLE
            for moment in recording.moments[number % step :: step]:
                shutil.rmtree(program.folder)
                program.folder.mkdir()
                restore(recording.survivor(moment, keep), program.folder)
                verdicts.check_state(program)
                try:
                    program.run().ok()
                    check_rows(program, way)
                except AssertionError as problem:
                    raise AssertionError(f"cut at {moment} keeping {name}: {problem}") from problem
    finally:
        shutil.rmtree(program.folder)
        program.folder.mkdir()
        restore(kept, program.folder)


def check_rows(program: Program, way: str) -> None:
    found = check_delivery(program.out)
    runs = [manifest for manifest in found if manifest["parts"]]
    with duckdb.connect() as session:
        for manifest in runs:
            names = [str(path) for path in part_paths(program.out, manifest)]
            ids = [i for (i,) in session.execute(f"SELECT id FROM read_parquet({names}) ORDER BY id").fetchall()]
            late = list(range(ROWS + 1, ROWS + 61))
            assert ids in ([*range(1, ROWS + 1)], late) if way == "incremental" else ids == [*range(1, ROWS + 1)]
    if way == "replace":
        assert len(found) == 1
