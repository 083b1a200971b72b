"""Every shell example of README.md and docs/ that is marked as tested works as it is printed.

A block is marked by a comment on the line before it:

    <!-- test -->
    ```sh
    rivet init --source sqlite:///shop.db -o rivet.yaml
    ```

Each block runs in an empty folder of its own, as a script that stops at the first failing command. It finds `rivet`,
sqlite3 and psql on the PATH, and in DATABASE_URL a PostgreSQL with the small table `t`; `<!-- test: postgres -->`
tells the reader of the page's source that the block needs it.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

from support.account import REPOSITORY
from support.program import RIVET, environment

BLOCK = re.compile(r"^<!-- test(?:: postgres)? -->\n+```(?:sh|bash|console)\n(.*?)^```", re.M | re.S)
PAGES = [
    path for path in [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))] if path.exists()
]


def blocks(page: Path) -> list[str]:
    return BLOCK.findall(page.read_text())


TESTED = [page for page in PAGES if blocks(page)]


@pytest.mark.parametrize("page", TESTED, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_the_examples_work(page: Path, tmp_path: Path, pg15, shop):
    env = environment(tmp_path) | {
        "PATH": f"{RIVET.parent}:{os.environ['PATH']}",
        "DATABASE_URL": pg15.url(shop),
    }
    for number, script in enumerate(blocks(page)):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"


def test_marks_stand_before_a_shell_block():
    for page in PAGES:
        assert page.read_text().count("<!-- test") == len(blocks(page)), page
