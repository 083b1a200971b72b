"""What the source sees, from its own log: short statements, no full counts, no locks, nothing that outlives a
transaction, and no more connections than the run needs."""

import re

import pytest

from support.servers import PostgresServer

DURATION = re.compile(r"duration: ([0-9.]+) ms")
STATEMENT = re.compile(r"(?:statement|execute <unnamed>|execute [^:]*): (.*?)(?=\n\d{4}-\d\d-\d\d |\Z)", re.S)
LONGEST_MS = 1000


@pytest.fixture(scope="module")
def logged(big, pg15) -> PostgresServer:
    """The usual server, logging every statement in the big database."""
    pg15.execute(
        f"ALTER DATABASE \"{big}\" SET log_statement = 'all';"
        f'ALTER DATABASE "{big}" SET log_min_duration_statement = 0'
    )
    yield pg15
    pg15.execute(f'ALTER DATABASE "{big}" RESET ALL')


def run_logged(program, server: PostgresServer, database: str, **keys) -> str:
    """The log of one export of a table."""
    start = server.log.stat().st_size
    name = keys.pop("name")
    program.configure(server.url(database), program.export(name, **keys)).run().ok()
    with open(server.log, encoding="utf-8", errors="replace") as log:
        log.seek(start)
        lines = log.read()
    return "\n".join(line for line in re.split(r"\n(?=\d{4}-\d\d-\d\d )", lines) if f"] {database} " in line)


EXPORTS = [
    {"name": "orders"},
    {"name": "sparse", "compression": "none"},
    {"name": "content_items"},
    {"name": "orders", "query": "SELECT * FROM orders"},
    {"name": "orders", "consistency": "statement"},
    {"name": "orders", "tuning": {"profile": "safe"}},
]


@pytest.fixture(scope="module", params=EXPORTS, ids=str)
def log(request, logged, big, tmp_path_factory) -> str:
    from support.program import RELEASE, Program

    program = Program(tmp_path_factory.mktemp("statements"), RELEASE)
    text = run_logged(program, logged, big, **request.param)
    assert "statement:" in text
    return text


def statements(log: str) -> list[str]:
    return [part.strip() for found in STATEMENT.findall(log) for part in found.split(";") if part.strip()]


def test_nothing_counts_or_skips(log):
    for statement in statements(log):
        assert not re.search(r"\bcount\s*\(", statement, re.I), statement
        assert not re.search(r"\boffset\b", statement, re.I), statement


def test_nothing_locks(log):
    for statement in statements(log):
        assert not re.match(r"\s*lock\b", statement, re.I), statement
        assert not re.search(r"\bfor\s+(no\s+key\s+)?(update|share|key\s+share)\b", statement, re.I), (
            statement
        )
        assert not re.search(r"\badvisory", statement, re.I), statement


def test_every_setting_is_local_and_every_transaction_read_only(log):
    every = statements(log)
    assert any(statement.upper().startswith("SET LOCAL") for statement in every)
    for statement in every:
        assert not re.match(r"SET\s+(?!LOCAL\b|TRANSACTION\b)", statement, re.I), statement
        assert not re.search(r"set_config\s*\([^)]*,\s*false\s*\)", statement, re.I), statement
        if re.match(r"(BEGIN|START TRANSACTION)", statement, re.I):
            assert "READ ONLY" in statement.upper(), statement


def test_nothing_is_written_or_prepared(log):
    for statement in statements(log):
        assert not re.match(
            r"(INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|TRUNCATE|PREPARE|LISTEN|VACUUM|ANALYZE)\b",
            statement,
            re.I,
        ), statement


def test_no_statement_is_long(log):
    durations = [float(text) for text in DURATION.findall(log)]
    assert durations and max(durations) < LONGEST_MS


def test_one_connection_serves_the_run(log):
    assert log.count("connection authorized") == 1


def test_a_page_aims_at_its_target(program, logged, big):
    """Smaller targets make more statements, and each stays near it."""
    counts = []
    for target in (10, 500):
        program.configure(
            logged.url(big),
            program.export("orders", on_existing="replace", tuning={"statement_target_ms": target}),
        )
        counts.append(program.run_json()["per_export"][0]["statements"])
    assert counts[0] > counts[1]


def test_an_explicit_batch_size_is_kept(program, logged, big):
    text = run_logged(
        program,
        logged,
        big,
        name="few",
        query="SELECT * FROM orders WHERE id <= 10000",
        tuning={"batch_size": 500},
    )
    sizes = [int(n) for n in re.findall(r"FETCH FORWARD (\d+)", text)]
    assert len(sizes) >= 20 and max(sizes) <= 500


def test_throttling_waits_between_statements_in_proportion_to_the_rows(program, pg15, shop):
    """1000 rows at 500 ms for each 500: about a second whatever the pages are."""
    for batch in (100, 500):
        tuning = {"batch_size": batch, "throttle_ms": batch}
        program.configure(
            pg15.url(shop), program.export("q", query="SELECT * FROM t", on_existing="replace", tuning=tuning)
        )
        assert program.run_json()["per_export"][0]["duration_ms"] >= 450


def test_an_explicit_batch_size_is_kept_on_tables_too(program, pg15, shop):
    """Block ranges cannot count rows beforehand, but no page may hold far more than was asked for."""
    pg15.execute(
        "CREATE TABLE many AS SELECT i AS id, md5(i::text) AS v FROM generate_series(1, 50000) i;"
        "ANALYZE many",
        shop,
    )
    program.configure(pg15.url(shop), program.export("many", tuning={"batch_size": 1000}))
    assert program.run_json()["per_export"][0]["statements"] >= 40
