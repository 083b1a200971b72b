"""Runs write_torture (write_torture.c), which meson builds; RIVET_WRITE_TORTURE names another one."""

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


@pytest.fixture(scope="session")
def write(tmp_path_factory):
    """write(columns, **options) -> path, and what the program printed as .report of the function."""
    assert PROGRAM.exists(), f"{PROGRAM} is not built; scripts/test.sh builds it, or set RIVET_WRITE_TORTURE"
    folder = tmp_path_factory.mktemp("parquet")
    counter = iter(range(10**9))

    def run(columns, **options):
        number = next(counter)
        source, path = folder / f"{number}.json", folder / f"{number}.parquet"
        source.write_text(json.dumps({"batch": 1000, **options, "columns": columns}))
        done = subprocess.run([PROGRAM, source, path], capture_output=True, text=True)
        source.unlink()
        if done.returncode != 0:
            raise RuntimeError(f"exit {done.returncode}: {done.stderr}")
        run.report = json.loads(done.stdout)
        return str(path)

    return run
