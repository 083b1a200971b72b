import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import torture_writer  # noqa: E402 (found through the line above)


@pytest.fixture(scope="session")
def write(tmp_path_factory):
    """A torture_writer.Writer with a folder of its own."""
    return torture_writer.Writer(tmp_path_factory.mktemp("parquet"))
