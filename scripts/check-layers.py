#!/usr/bin/env python3
"""A lower layer never includes a higher one, the four plug-in families do not know each other, and neither do the
drivers of the source family, which share source/sql only.

Reads the #include lines of src/ and include/rivet/ and fails with one line per violation."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAYER = {"base": 1, "config": 2, "batch": 2, "pgconn": 2, "source": 3, "format": 3, "dest": 3, "state": 3,
         "plan": 4, "preflight": 4, "trust": 4, "run": 4, "cli": 5}
FAMILIES = {"source", "format", "dest", "state"}

# Which module each public header belongs to.
HEADER_MODULE = {
    "error.h": "base", "error.def": "base", "arena.h": "base", "bytes.h": "base", "checked.h": "base",
    "sink.h": "base", "clock.h": "base", "cancel.h": "base", "queue.h": "base", "workers.h": "base", "budget.h": "base",
    "secret.h": "base", "log.h": "base", "utf8.h": "base", "civil.h": "base", "decimal.h": "base",
    "hash.h": "base", "crash_point.h": "base", "scratch.h": "base", "input.h": "base",
    "schema.h": "batch", "batch.h": "batch", "bounds.h": "batch", "row_hash.h": "batch", "meta.h": "batch",
    "config.h": "config", "pgconn.h": "pgconn",
    "source.h": "source", "format.h": "format",
    "parquet_meta.h": "format", "parquet_reader.h": "format", "parquet_verify.h": "format", "dest.h": "dest", "state.h": "state",
    "plan.h": "plan", "scaffold.h": "plan", "preflight.h": "preflight", "manifest.h": "trust", "quality.h": "trust", "drift.h": "trust", "seen.h": "trust", "shapes.h": "trust",
    "run.h": "run",
}
# (includer's module, header): reason. Nothing else may break the rules.
EXCEPTIONS = {
}


def module_of(path):
    relative = path.relative_to(ROOT)
    if relative.parts[0] == "src":
        return relative.parts[1]
    return HEADER_MODULE.get(relative.name)


def included_module(line_target, path):
    if line_target.startswith("rivet/"):
        return HEADER_MODULE.get(line_target[len("rivet/"):]), line_target[len("rivet/"):]
    first = line_target.split("/")[0]
    if "/" in line_target and first in LAYER:
        return first, line_target
    return module_of(path), line_target


def knows_another_driver(where, target):
    """Does a file below src/source/X include one of src/source/Y? All may know sql, which may know none of them."""
    mine, other = where.parts[1:4], target.split("/")
    return (mine[0] == "source" and len(mine) == 3 and other[0] == "source" and len(other) == 3
            and other[1] not in (mine[1], "sql"))


def check(path, problems):
    module = module_of(path)
    where = path.relative_to(ROOT)
    if module is None:
        problems.append(f"{where}: belongs to no module; add it to scripts/check-layers.py")
        return
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not match:
            continue
        target, header = included_module(match.group(1), path)
        if target is None:
            problems.append(f"{where}:{number}: {match.group(1)} belongs to no module")
        elif (module, header) in EXCEPTIONS:
            continue
        elif knows_another_driver(where, match.group(1)):
            problems.append(f"{where}:{number}: drivers must not know each other: {match.group(1)}")
        elif LAYER[target] > LAYER[module]:
            problems.append(f"{where}:{number}: {module} (L{LAYER[module]}) includes {target} (L{LAYER[target]})")
        elif target != module and target in FAMILIES and module in FAMILIES:
            problems.append(f"{where}:{number}: the families {module} and {target} must not know each other")
        elif module == "dest" and header in ("batch.h", "schema.h"):
            problems.append(f"{where}:{number}: a destination knows bytes only")


def main():
    problems = []
    files = [p for folder in ("src", "include") for p in sorted((ROOT / folder).rglob("*")) if p.suffix in (".c", ".h", ".def")]
    for path in files:
        check(path, problems)
    print("\n".join(problems) if problems else f"layers: {len(files)} files, every include points down")
    return 1 if problems else 0


sys.exit(main())
