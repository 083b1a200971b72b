#!/usr/bin/env python3
"""check-tidy.py BUILD [FILE…]: clang-tidy over every C file, with the checks of .clang-tidy.

BUILD is a build folder that compiles them all with clang. As many files at a time as there are cores; findings come in
the order of the files. A file that the build does not compile, that clang-tidy cannot read or on which it dies, fails
like one with findings: nothing passes unread."""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAX_SECONDS = 600  # of one file; the slowest takes a tenth of it
# What clang-tidy counts aloud although it is told to be quiet. Anything else that it says belongs to the reader.
COUNTS = re.compile(r"^\d+ warnings?( and \d+ errors?)? generated\.$|^\d+ warnings? treated as errors?$")


def sources():
    listed = subprocess.run(["git", "ls-files", "--", "*.c"], cwd=ROOT, check=True, capture_output=True, text=True)
    return listed.stdout.split()


def one_command_each(build, folder):
    """The names of the files that BUILD compiles. Into `folder` goes a database with one command for each of them: one
    that is linked into many programs has as many commands, and would be read as often."""
    commands = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(os.path.normpath(build / entry["file"]))
        if path.is_relative_to(ROOT):
            commands.setdefault(str(path.relative_to(ROOT)), entry | {"file": str(path)})
    folder.mkdir(exist_ok=True)
    (folder / "compile_commands.json").write_text(json.dumps(list(commands.values())))
    return commands.keys()


def tidy(name, folder):
    """Empty, or what there is to say about the file."""
    try:
        done = subprocess.run(
            ["clang-tidy-14", "--quiet", "-p", folder, name],
            cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=MAX_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"{name}: clang-tidy did not end within {MAX_SECONDS} s\n"
    said = done.stdout + "".join(line + "\n" for line in done.stderr.splitlines() if not COUNTS.match(line))
    if done.returncode != 0:
        said += f"{name}: clang-tidy ended with {done.returncode}\n"
    return said


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    names = sys.argv[2:] or sources()
    folder = build / "tidy"
    compiled = one_command_each(build, folder)
    failed = [name for name in names if name not in compiled]
    for name in failed:
        print(f"{name}: {sys.argv[1]} does not compile it")
    present = [name for name in names if name in compiled]
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for name, said in zip(present, pool.map(lambda name: tidy(name, folder), present)):
            if said:
                failed.append(name)
                print(said, end="", flush=True)
    print(f"clang-tidy: {len(names)} files" + (f", {len(failed)} failed: {' '.join(failed)}" if failed else ""))
    return 1 if failed or not names else 0


if __name__ == "__main__":
    sys.exit(main())
