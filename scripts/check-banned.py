#!/usr/bin/env python3
"""Functions that have no safe use here, and marks of unfinished work, fail the build."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BANNED = {
    "strcpy": "rv_bytes or snprintf", "strcat": "rv_bytes", "sprintf": "snprintf", "vsprintf": "vsnprintf",
    "gets": "fread", "strtok": "strcspn", "atoi": "strtoll", "atol": "strtoll", "atof": "strtod",
    "strtol": "strtoll with a check", "gmtime": "rivet/civil.h", "localtime": "rivet/civil.h",
    "strerror": "rv_fail_os", "alloca": "an arena", "rand": "getrandom", "tmpnam": "rv_spool_open",
    "sleep": "rv_clock", "usleep": "rv_clock", "system": "nothing", "popen": "nothing", "setlocale": "nothing",
    "pthread_cancel": "rv_cancel", "pthread_kill": "rv_cancel",
}
# file: function: reason
EXCEPTIONS = {
    ("src/base/crash_point.c", "strtol"): "test builds only",
}
MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
CALL = re.compile(r"(?<![A-Za-z0-9_>.])(" + "|".join(BANNED) + r")\s*\(")


def strip_comments(text):
    return re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)


def main():
    problems = []
    for path in sorted(p for folder in ("src", "include") for p in (ROOT / folder).rglob("*.[ch]")):
        name = str(path.relative_to(ROOT))
        text = path.read_text()
        for number, line in enumerate(strip_comments(text).splitlines(), 1):
            for match in CALL.finditer(line):
                if (name, match.group(1)) not in EXCEPTIONS:
                    problems.append(f"{name}:{number}: {match.group(1)} is banned; use {BANNED[match.group(1)]}")
        for number, line in enumerate(text.splitlines(), 1):
            if MARKS.search(line):
                problems.append(f"{name}:{number}: a mark of unfinished work")
    print("\n".join(problems) if problems else "banned: none used")
    return 1 if problems else 0


sys.exit(main())
