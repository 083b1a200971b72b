"""The same rows give the same bytes, today and next year: hashes of small files (golden.json; pin.py pins anew)."""

import pytest

import golden
import oracle
import pin

PINNED = pin.load("golden")
FILES = {name: (columns, options) for name, columns, options in golden.files()}


def test_every_file_is_pinned():
    assert list(FILES) == list(PINNED["files"])


@pytest.mark.parametrize("name", PINNED["files"])
def test_a_file_is_what_it_was(write, name):
    columns, options = FILES[name]
    path = write(columns, **options)
    oracle.File(path).check()
    compressed = options["export"].get("compression") != "none"
    if compressed and write.report["zstd"] != PINNED["libzstd"]:
        pytest.skip(f"pinned with libzstd {PINNED['libzstd']}, this is {write.report['zstd']}: other bytes are right, too")
    assert golden.digest(path) == PINNED["files"][name]
