"""Tables of PostgreSQL whose key sorts otherwise from one page to the next: the place behind which a page begins is then
another one. Without a snapshot nothing is held between pages, so it can happen: then the run says so, and loses no row.
What else may be altered meanwhile is in test_modes.py."""

import signal

import pytest

from support.pausing import between_two_pages
from support.program import Program
from test_modes import rows_of, source_rows

ROWS = 600
SLOWLY = {"batch_size": 100, "throttle_ms": 100, "max_retries": 0}
STATEMENT = {"consistency": "statement", "on_existing": "replace"}
CHUNKED = {"mode": "chunked", "chunk_size": 200}

# By the bytes all capitals come first; in any language's order they lie among the small letters.
KEYS = {
    "text": ('id text COLLATE "C" PRIMARY KEY', "id TYPE text"),
    "varchar": ('id varchar(20) COLLATE "C" PRIMARY KEY', "id TYPE varchar(20)"),
    "second": ('n int DEFAULT 5, id text COLLATE "C", PRIMARY KEY (n, id)', "id TYPE text"),
}


@pytest.fixture
def database(pg15) -> str:
    return pg15.new_database()


def make_table(server, database: str, key: str) -> None:
    server.execute(
        f"CREATE TABLE t ({key}, v int NOT NULL, w text);"
        f"INSERT INTO t (id, v, w) SELECT chr(65 + i % 2 * 32) || i, i, 'w' FROM generate_series(1, {ROWS}) i; ANALYZE t",
        database,
    )


def configure(program: Program, server, database: str, **keys) -> None:
    program.configure(server.url(database), program.export("t", **STATEMENT, **keys))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("mode", [{}, CHUNKED], ids=["full", "chunked"])
def test_a_key_that_sorts_otherwise_between_two_pages(program, pg15, database, key, mode):
    columns, change = KEYS[key]
    make_table(pg15, database, columns)
    before = source_rows(pg15, database)
    configure(program, pg15, database, tuning=SLOWLY, **mode)
    with between_two_pages(program) as ended:
        pg15.execute(f'ALTER TABLE t ALTER {change} COLLATE "und-x-icu"', database)
    [result] = ended
    result.failed(1, "RIVET_SOURCE_QUERY")
    assert "'id'" in result.err and "altered" in result.err
    assert not list(program.out.glob("*.parquet")), "nothing of it is left"
    program.run().ok()
    assert rows_of(program) == before


def test_a_key_that_is_given_the_same_order_again_is_read_on(program, pg15, database):
    make_table(pg15, database, KEYS["text"][0])
    before = source_rows(pg15, database)
    configure(program, pg15, database, tuning=SLOWLY)
    with between_two_pages(program) as ended:
        pg15.execute('ALTER TABLE t ALTER id TYPE text COLLATE "C", ADD more int', database)
    ended[0].ok()
    assert rows_of(program) == before


def test_chunks_are_not_resumed_in_another_order(program, pg15, database):
    """They were cut in the order that the key had."""
    make_table(pg15, database, KEYS["text"][0])
    before = source_rows(pg15, database)
    configure(program, pg15, database, **CHUNKED)
    assert program.run(env={"RIVET_CRASH_AT": "after-chunk-complete:1"}).rc == -signal.SIGKILL
    pg15.execute('ALTER TABLE t ALTER id TYPE text COLLATE "und-x-icu"', database)
    assert not program.run_json()["per_export"][0]["resumed"]
    assert rows_of(program) == before
