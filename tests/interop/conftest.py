"""Runs write_torture (write_torture.c), which meson builds; RIVET_WRITE_TORTURE names another one."""

import functools
import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))


ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(
    os.environ.get("RIVET_WRITE_TORTURE") or ROOT / "build" / "asan" / "tests" / "conformance" / "write_torture"
)

REFUSED = 3  # write_torture's exit status for export keys that the program does not take


@pytest.fixture(scope="session")
def write(tmp_path_factory):
    """write(columns, **options) -> path, and what the program printed as .report of the function.

    Options are those of write_torture.c; codec and level are short for export keys. write.knows(export) tells whether
    this build takes such keys: files are made with everything that it can, and tests name what it cannot."""
    assert PROGRAM.exists(), f"{PROGRAM} is not built; scripts/test.sh builds it, or set RIVET_WRITE_TORTURE"
    folder = tmp_path_factory.mktemp("parquet")
    counter = iter(range(10**9))

    def call(columns, options):
        number = next(counter)
        source, path = folder / f"{number}.json", folder / f"{number}.parquet"
        source.write_text(json.dumps({"batch": 1000, **options, "columns": columns}))
        done = subprocess.run([PROGRAM, source, path], capture_output=True, text=True)
        source.unlink()
        return path, done

    def run(columns, codec=None, level=0, export=None, **options):
        export = dict(export or {})
        if codec:
            export["compression"] = codec
        if level and codec != "none":
            export["compression_level"] = level
        path, done = call(columns, {"export": export, **options})
        if done.returncode != 0:
            raise RuntimeError(f"exit {done.returncode}: {done.stderr}")
        run.report = json.loads(done.stdout)
        return str(path)

    @functools.cache
    def knows(export_json):
        columns = [{"name": "c", "type": "int32", "nullable": False, "values": [1]}]
        path, done = call(columns, {"export": json.loads(export_json)})
        path.unlink(missing_ok=True)
        assert done.returncode in (0, REFUSED), done.stderr
        return done.returncode == 0

    run.knows = lambda export: knows(json.dumps(export, sort_keys=True))
    return run
