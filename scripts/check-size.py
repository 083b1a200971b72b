#!/usr/bin/env python3
"""Functions fit in the head: none over 100 lines unless scripts/size-allow.txt says why; no .c file over 1,200.

A function is a `{` in column one up to its `}` in column one, which clang-format guarantees."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAX_FUNCTION, MAX_FILE = 100, 1200


def allowed():
    path = ROOT / "scripts" / "size-allow.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}


def functions(lines):
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start is not None:
            yield start, number - start - 1
            start = None


def main():
    allow, problems, lengths = allowed(), [], []
    for path in sorted(p for folder in ("src", "tests", "fuzz", "bench") for p in (ROOT / folder).rglob("*.c")):
        name = str(path.relative_to(ROOT))
        lines = path.read_text().splitlines()
        if len(lines) > MAX_FILE:
            problems.append(f"{name}: {len(lines)} lines; a file ends at {MAX_FILE}")
        for start, length in functions(lines):
            if name.startswith("src/"):
                lengths.append(length)
            if length > MAX_FUNCTION and name not in allow:
                problems.append(f"{name}:{start}: a function of {length} lines; split it or give a reason in size-allow.txt")
    lengths.sort()
    if problems:
        print("\n".join(problems))
        return 1
    print(f"sizes: {len(lengths)} functions, median {lengths[len(lengths) // 2]} lines, "
          f"90 % under {lengths[len(lengths) * 9 // 10]}, longest {lengths[-1]}")
    return 0


sys.exit(main())
