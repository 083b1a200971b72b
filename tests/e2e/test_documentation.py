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

import json
import os
import re
import sqlite3
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
EXPORTS_OF_0_9 = {"users": 3, "orders": 2500, "events": 4, "recent": 4}  # the rows of each

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
    # A folder in which Rivet 0.9 has run: its configuration, with the keys that it had, and what it kept of its state.
    "test: postgres 0.9": """
        psql -q "$DATABASE_URL" -c "CREATE TABLE users (id bigint PRIMARY KEY, email text)" \\
            -c "INSERT INTO users SELECT i, 'u' || i FROM generate_series(1, 3) i" \\
            -c "CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(10,2) NOT NULL)" \\
            -c "INSERT INTO orders SELECT i, i FROM generate_series(1, 2500) i" \\
            -c "CREATE TABLE events (id bigint PRIMARY KEY, at timestamptz NOT NULL)" \\
            -c "INSERT INTO events SELECT i, now() FROM generate_series(1, 4) i"
        sqlite3 .rivet_state.db "CREATE TABLE schema_version (version INTEGER); INSERT INTO schema_version VALUES (8);
            CREATE TABLE export_state (export_name TEXT PRIMARY KEY, last_cursor_value TEXT, last_run_at TEXT);
            INSERT INTO export_state VALUES ('events', '2099-01-01T00:00:00Z', '2026-01-01T00:00:00Z');"
        cat > rivet.yaml <<'END'
# yaml-language-server: $schema=./rivet.schema.json
source:
  type: postgres
  url_env: DATABASE_URL
  environment: production
  tuning:
    profile: balanced
    batch_size: 10000
    throttle_ms: 50
    statement_timeout_s: 300
    max_retries: 3
    retry_backoff_ms: 2000
    lock_timeout_s: 30
    memory_threshold_mb: 4096

exports:
  - name: users
    query: "SELECT id, email FROM users"
    mode: full
    format: csv
    skip_empty: true
    destination:
      type: local
      path: ./output/users
  - name: orders
    table: orders
    mode: chunked
    chunk_column: id
    chunk_size: 1000
    chunk_checkpoint: true
    chunk_max_attempts: 4
    parallel: 2
    format: parquet
    compression: zstd
    compression_level: 3
    meta_columns:
      exported_at: true
      row_hash: true
    quality:
      row_count_min: 1
      unique_columns: [id]
    destination:
      type: local
      path: ./output/orders
  - name: events
    query: "SELECT id, at FROM events"
    mode: incremental
    cursor_column: at
    format: parquet
    compression_profile: compact
    max_file_size: 64MB
    destination:
      type: local
      path: ./output/events/{date}
  - name: recent
    query: "SELECT id, at FROM events"
    mode: time_window
    time_column: at
    days_window: 7
    format: parquet
    on_schema_drift: warn
    tuning:
      profile: safe
    destination:
      type: local
      path: ./output/recent
END
        rivet run -c rivet.yaml 2> refused.txt && exit 1
        grep -q 'is an SQLite database of another program' refused.txt
    """,
}


def check_what_0_9_left(folder: Path):
    """Every export of the old file ran, from its first row, and the old state lies where it was put."""
    found = {}
    for text in folder.glob("output/**/manifest.json"):
        manifest = json.loads(text.read_text())
        found[manifest["export_name"]] = manifest["row_count"]
    assert found == EXPORTS_OF_0_9
    with sqlite3.connect(folder / "rivet_state_0.9.db") as session:
        assert session.execute("SELECT version FROM schema_version").fetchall() == [(8,)]
    session.close()


# What is there afterwards, where the script itself does not look.
AFTERWARDS = {"test: postgres 0.9": check_what_0_9_left}

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
        AFTERWARDS.get(mark, lambda _: None)(folder)


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
