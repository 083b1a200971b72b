"""README.md says which test covers which trap; a test that was renamed or lost must not be forgotten there."""

import pathlib
import re

import pytest

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent


def named():
    """Names in the tables' last columns that look like those of tests: many words, in Python or in C."""
    cells = [line.rsplit("|", 2)[1] for line in (HERE / "README.md").read_text().splitlines() if line.startswith("|")]
    found = {name for cell in cells for name in re.findall(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+){2,})`", cell)}
    assert len(found) > 30
    return sorted(found)


@pytest.fixture(scope="module")
def defined():
    text = "".join(path.read_text() for kind in ("*.py", "*.c") for path in TESTS.rglob(kind))
    return set(re.findall(r"(?:def |static void |TEST\()([a-z][a-z0-9_]*)\(?", text))


@pytest.mark.parametrize("name", named())
def test_a_named_test_exists(name, defined):
    assert name in defined
