"""Calls write_torture (write_torture.c), which meson builds; RIVET_WRITE_TORTURE names another one."""

import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(
    os.environ.get("RIVET_WRITE_TORTURE") or ROOT / "build" / "asan" / "tests" / "conformance" / "write_torture"
)


class Writer:
    """writer(columns, **options) -> path of a file in `folder`; .report is what the program printed about it.

    Options are those of write_torture.c. Short for export keys are codec, level, compat, bloom, fixed_rows, and
    "encoding" in a column."""

    def __init__(self, folder):
        assert PROGRAM.exists(), f"{PROGRAM} is not built; scripts/test.sh builds it, or set RIVET_WRITE_TORTURE"
        self.folder, self.count, self.report = pathlib.Path(folder), 0, None

    def call(self, columns, options):
        self.count += 1
        source, path = self.folder / f"{self.count}.json", self.folder / f"{self.count}.parquet"
        source.write_text(json.dumps({"batch": 1000, **options, "columns": columns}))
        done = subprocess.run([PROGRAM, source, path], capture_output=True, text=True)
        source.unlink()
        return path, done

    def __call__(self, columns, codec=None, level=0, compat=None, bloom=None, fixed_rows=None, export=None, **options):
        export = dict(export or {})
        chosen = {c["name"]: c["encoding"] for c in columns if "encoding" in c}
        keys = {"compat": compat, "encoding": chosen, "bloom": bloom}
        if fixed_rows:
            keys |= {"row_group_strategy": "fixed_rows", "row_group_rows": fixed_rows}
        keys = {key: value for key, value in keys.items() if value}
        if keys:
            export["parquet"] = {**export.get("parquet", {}), **keys}
        if codec:
            export["compression"] = codec
        if level and codec != "none":
            export["compression_level"] = level
        path, done = self.call(columns, {"export": export, **options})
        if done.returncode != 0:
            raise RuntimeError(f"exit {done.returncode}: {done.stderr}")
        self.report = json.loads(done.stdout)
        return str(path)
