"""Finds write_torture: $RIVET_WRITE_TORTURE, or the newest one of the build folders beside the sources."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))


def find_program():
    named = os.environ.get("RIVET_WRITE_TORTURE")
    if named:
        return named
    root = pathlib.Path(__file__).resolve().parents[2]
    found = sorted(root.glob("build*/tests/interop/write_torture"), key=lambda p: p.stat().st_mtime)
    if not found:
        pytest.exit("write_torture is not built; name it in RIVET_WRITE_TORTURE", 2)
    return str(found[-1])


@pytest.fixture(scope="session")
def write(tmp_path_factory):
    """write(columns, **options) -> path, and what the program printed as .report of the function."""
    program, folder = find_program(), tmp_path_factory.mktemp("parquet")
    counter = iter(range(10**9))

    def run(columns, **options):
        number = next(counter)
        source, path = folder / f"{number}.json", folder / f"{number}.parquet"
        source.write_text(json.dumps({"batch": 1000, **options, "columns": columns}))
        done = subprocess.run([program, source, path], capture_output=True, text=True)
        source.unlink()
        if done.returncode != 0:
            raise RuntimeError(f"exit {done.returncode}: {done.stderr}")
        run.report = json.loads(done.stdout)
        return str(path)

    return run
