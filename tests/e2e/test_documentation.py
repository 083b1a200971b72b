"""Every shell example of README.md, CONTRIBUTING.md and docs/ works as it is printed.

The line before a block says what it needs:

    <!-- test -->
    ```sh
    rivet init --source sqlite:shop.db -o rivet.yaml
    ```

Each block runs in a folder of its own, as a script that stops at the first failing command. `<!-- test: orders -->`
runs it where what PREPARED says for that mark has been done; after `<!-- test: postgres -->` it finds an empty
database in DATABASE_URL. The blocks that docs/csv.md marks by loader are run by test_csv_loaders.py. A block without
a mark fails, unless all that it does is to call make: see MAKE.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.account import REPOSITORY
from support.program import RIVET, environment
from test_csv_loaders import LOADERS

BLOCK = re.compile(r"(?:^<!-- ([^\n]*) -->\n+)?^```(?:sh|shell|bash|console)\n(.*?)^```$", re.M | re.S)
PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *(
        path
        for path in sorted((REPOSITORY / "docs").rglob("*.md"))
        if "reference" not in path.relative_to(REPOSITORY).parts  # generated, from tables with tests of their own
    ),
]

# What the reader of a page has done before, by what the block's mark says.
PREPARED = {
    "test": "",
    "test: postgres": "",
    "test: postgres orders": """
        psql -q "$DATABASE_URL" -c "CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(10,2))" \\
            -c "INSERT INTO orders VALUES (1, 2.5), (2, 3.25)"
    """,
    "test: orders": """
        sqlite3 shop.db "CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL);
                         INSERT INTO orders (total) VALUES (2.5), (3.25);"
        rivet init --source sqlite:shop.db -o rivet.yaml
        rivet run -c rivet.yaml
        cp out/orders/*.parquet part.parquet
    """,
    "test: sales": """
        sqlite3 shop.db "CREATE TABLE sales (day TEXT, amount INTEGER); INSERT INTO sales VALUES ('2026-11-01', 5);"
        printf '%s\\n' 'source: {type: sqlite, path: shop.db}' 'exports:' \\
            '  - {name: sales, table: sales, format: csv, destination: {type: stdout}}' > rivet.yaml
    """,
}

# Not run from here, and why.
MAKE = {
    "make": "builds the program that these tests run",
    "make test": "runs these tests",
    "make lint": "reads every file for minutes; scripts/test.sh runs its quick part",
    "make bench": "loads and measures for ten minutes, on an idle machine",
    "make docs": "scripts/test.sh compares what it writes with what lies there",
    "make demo": "installs packages, and shows a million rows to somebody",
    "make install": "writes below /usr/local",
}


def blocks(page: Path) -> list[tuple[str, str]]:
    """What the mark says, if there is one, and the script."""
    return BLOCK.findall(page.read_text())


def marked(page: Path) -> list[tuple[str, str]]:
    return [(mark, script) for mark, script in blocks(page) if mark in PREPARED]


def only_makes(script: str) -> bool:
    commands = [line.split("#")[0].strip() for line in script.splitlines()]
    return all(command in MAKE for command in commands)


@pytest.fixture(scope="session")
def programs(base) -> Path:
    """A `duckdb` as its own site offers it: Debian has no package, but the tests have the library."""
    folder = base / "programs"
    folder.mkdir()
    duckdb = folder / "duckdb"
    duckdb.write_text(f"#!{sys.executable}\nimport duckdb, sys\n\n_, _, sql = sys.argv\nduckdb.sql(sql).show()\n")
    duckdb.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if marked(page)],
    ids=lambda page: str(page.relative_to(REPOSITORY)),
)
def test_the_examples_work(page: Path, tmp_path: Path, pg15, programs):
    path = [str(RIVET.parent), str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
    for number, (mark, script) in enumerate(marked(page)):
        folder = tmp_path / str(number)
        folder.mkdir()
        env = environment(tmp_path) | {"PATH": ":".join(path)}
        if mark.startswith("test: postgres"):
            env["DATABASE_URL"] = pg15.url(pg15.new_database("docs"))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", PREPARED[mark] + script],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_shell_block_is_run(page: Path):
    """Here, by the tests of CSV loaders or, where it only calls make, by whoever types that."""
    for mark, script in blocks(page):
        assert mark in PREPARED or mark.removeprefix("csv: ") in LOADERS or only_makes(script), script


def test_marks_stand_before_a_shell_block():
    for page in PAGES:
        marks = re.findall(r"^<!-- test.*$", page.read_text(), re.M)
        assert marks == [f"<!-- {mark} -->" for mark, _ in marked(page)], page


def test_the_makefile_has_every_target_that_pages_name():
    [targets] = re.findall(r"^\.PHONY: (.*)$", (REPOSITORY / "Makefile").read_text(), re.M)
    assert {command.removeprefix("make").strip() or "all" for command in MAKE} <= set(targets.split())
