"""Everything PostgreSQL calls a relation, read once and whole, on every major: no row lost, none twice."""

import pyarrow.parquet as pq
import pytest

from support.delivery import check_delivery, part_paths
from support.servers import wait_until

RELATIONS = """
CREATE EXTENSION IF NOT EXISTS file_fdw;
CREATE TABLE heap AS SELECT i AS id FROM generate_series(1, 5000) i; CREATE INDEX ON heap (id); ANALYZE heap;
CREATE UNLOGGED TABLE unlogged AS SELECT i AS id FROM generate_series(1, 100) i;
CREATE TABLE parted (id int, k int) PARTITION BY LIST (k);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES IN (0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1) PARTITION BY RANGE (id);
CREATE TABLE parted_1a PARTITION OF parted_1 FOR VALUES FROM (0) TO (500);
CREATE TABLE parted_1b PARTITION OF parted_1 DEFAULT;
CREATE TABLE parted_d PARTITION OF parted DEFAULT;
INSERT INTO parted SELECT i, i % 3 FROM generate_series(1, 1000) i;
CREATE TABLE parent (id int); INSERT INTO parent SELECT generate_series(1, 10);
CREATE TABLE child_a () INHERITS (parent); INSERT INTO child_a SELECT generate_series(11, 30);
CREATE TABLE child_b (more text) INHERITS (parent); INSERT INTO child_b SELECT generate_series(31, 60);
CREATE VIEW view AS SELECT id FROM heap WHERE id <= 77;
CREATE MATERIALIZED VIEW matview AS SELECT id FROM heap WHERE id <= 88;
CREATE TABLE never_analyzed AS SELECT i AS id FROM generate_series(1, 1234) i;
CREATE TABLE emptied AS SELECT i AS id FROM generate_series(1, 1000) i; DELETE FROM emptied;
CREATE TABLE holes AS SELECT i AS id, repeat('x', 3000) AS v FROM generate_series(1, 1000) i; DELETE FROM
    holes WHERE id % 2 = 0;
CREATE TABLE updated AS SELECT i AS id FROM generate_series(1, 1000) i; UPDATE updated SET id = id; UPDATE
    updated SET id = id;
CREATE TABLE shrunk (a int, gone text, id int, b text); INSERT INTO shrunk SELECT i, 'gone', i, 'b' FROM
    generate_series(1, 10) i;
ALTER TABLE shrunk DROP gone; ALTER TABLE shrunk ADD late int DEFAULT 7;
CREATE TABLE generated (id int, twice int GENERATED ALWAYS AS (id * 2) STORED, ident int GENERATED ALWAYS AS
    IDENTITY);
INSERT INTO generated (id) SELECT generate_series(1, 10);
CREATE TABLE toasted AS SELECT i AS id, (SELECT string_agg(md5(i * 1000 + k || ''), '') FROM
    generate_series(1, 600) k) AS v
    FROM generate_series(1, 200) i;
"""
# relation -> expected ids
EXPECTED = {
    "heap": range(1, 5001),
    "unlogged": range(1, 101),
    "parted": range(1, 1001),
    "parted_1": range(1, 1001, 3),
    "parent": range(1, 11),
    "child_a": range(11, 31),
    "child_b": range(31, 61),
    "view": range(1, 78),
    "matview": range(1, 89),
    "never_analyzed": range(1, 1235),
    "emptied": range(0),
    "holes": range(1, 1001, 2),
    "updated": range(1, 1001),
    "shrunk": range(1, 11),
    "generated": range(1, 11),
    "toasted": range(1, 201),
}


@pytest.fixture(scope="module")
def relations(pg) -> str:
    database = pg.new_database("relations")
    for statement in RELATIONS.split(";"):
        pg.execute(statement, database)
    return database


@pytest.fixture(scope="module")
def exported(pg, relations, tmp_path_factory) -> dict:
    """Every relation in one run: its columns, and the strategy that read it."""
    from support.program import Program

    program = Program(tmp_path_factory.mktemp("relations"))
    exports = [
        program.export(name, destination={"type": "local", "path": str(program.out / name)})
        for name in EXPECTED
    ]
    program.configure(pg.url(relations), *exports).run().ok()
    found = {}
    for name in EXPECTED:
        [manifest] = check_delivery(program.out / name)
        tables = [pq.read_table(path) for path in part_paths(program.out / name, manifest)]
        ids = sorted(i for table in tables for i in table["id"].to_pylist())
        found[name] = (
            [column["name"] for column in manifest["columns"]],
            ids,
            manifest["source"]["extraction"]["strategy"],
        )
    return found


@pytest.mark.parametrize("name", EXPECTED)
def test_every_row_once(exported, name):
    assert exported[name][1] == list(EXPECTED[name])


def test_the_columns_are_the_catalog_s(pg, relations, exported):
    for name, (columns, _, _) in exported.items():
        rows = pg.query(
            "SELECT attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped"
            f" AND attrelid = '{name}'::regclass ORDER BY attnum",
            relations,
        )
        assert columns == [column for (column,) in rows]


def test_block_ranges_are_used_where_they_are_sound(pg, exported):
    plain = {
        "heap",
        "unlogged",
        "parent",
        "child_a",
        "matview",
        "never_analyzed",
        "holes",
        "updated",
        "toasted",
    }
    plain |= {"shrunk", "generated", "emptied", "child_b"}
    for name, (_, _, strategy) in exported.items():
        if pg.major < 14:
            assert "ctid" not in strategy, name
        elif name in plain:
            assert strategy == "ctid", name
        else:
            assert strategy == ("partition(ctid)" if name.startswith("parted") else "stream"), name


def test_a_foreign_table(pg, relations, program, base):
    source = base / f"foreign-{pg.major}.csv"
    source.write_text("1\n2\n3\n")
    pg.execute(
        "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;"
        "CREATE FOREIGN TABLE foreign_t (id int NOT NULL) SERVER files"
        f" OPTIONS (filename '{source}', format 'csv')",
        relations,
    )
    program.configure(pg.url(relations), program.export("foreign_t"))
    assert program.run_json()["total_rows"] == 3


@pytest.mark.parametrize(
    "sql, code",
    [
        ("CREATE SEQUENCE odd", "RIVET_SOURCE_UNSUPPORTED"),
        ("CREATE TYPE odd AS (a int)", "RIVET_SOURCE_UNSUPPORTED"),
        ("CREATE TABLE x (id int); CREATE INDEX odd ON x (id)", "RIVET_SOURCE_UNSUPPORTED"),
        ("CREATE TABLE odd ()", "RIVET_SOURCE_UNSUPPORTED"),
        ("CREATE VIEW odd AS SELECT 1 / 0 AS id", "RIVET_SOURCE_QUERY"),
        ("SELECT 1", "RIVET_SOURCE_NOT_FOUND"),
    ],
)
def test_what_cannot_be_read_says_why(program, pg15, database, sql, code):
    pg15.execute(sql, database)
    program.configure(pg15.url(database), program.export("odd")).run().failed(1, code)


def test_a_misspelt_table_gets_a_suggestion(program, pg15, shop):
    pg15.execute("CREATE TABLE customers (id int)", shop)
    program.configure(pg15.url(shop), program.export("custmers"))
    assert "did you mean 'customers'?" in program.run().failed(1, "RIVET_SOURCE_NOT_FOUND").err


@pytest.fixture
def restricted(pg15, database) -> str:
    """URL of a user who may read little."""
    pg15.execute(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'reader') THEN"
        " CREATE ROLE reader LOGIN; END IF; END $$;"
        "CREATE TABLE guarded (id int, tenant text);"
        "INSERT INTO guarded SELECT i, 't' || i % 2 FROM generate_series(1, 10) i;"
        "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON guarded USING (tenant = 't1');"
        "GRANT SELECT ON guarded TO reader; CREATE TABLE secret (id int);"
        "CREATE TABLE partly (id int, hidden text); GRANT SELECT (id) ON partly TO reader",
        database,
    )
    return pg15.url(database, user="reader")


def test_row_level_security_never_hides_rows_silently(program, restricted):
    program.configure(restricted, program.export("guarded")).run().failed(1, "RIVET_SOURCE_ROW_SECURITY")
    query = program.export("q", query="SELECT * FROM guarded")
    program.configure(restricted, query).run().failed(1, "RIVET_SOURCE_ROW_SECURITY")
    program.configure(restricted, program.export("guarded", row_security="acknowledge"))
    assert program.run_json()["total_rows"] == 5


def test_missing_privileges_are_named(program, restricted):
    assert (
        "grant"
        in program.configure(restricted, program.export("secret")).run().failed(1, "RIVET_SOURCE_DENIED").err
    )
    program.configure(restricted, program.export("partly")).run().failed(1, "RIVET_SOURCE_DENIED")
    program.configure(restricted, program.export("q", query="SELECT id FROM partly")).run().ok()


def test_a_table_of_a_thousand_columns(program, pg15, database):
    columns = ", ".join(f"column_with_a_rather_long_name_{i} int" for i in range(1000))
    pg15.execute(
        f"CREATE TABLE t ({columns}); INSERT INTO t VALUES ({', '.join(map(str, range(1000)))})", database
    )
    program.configure(pg15.url(database), program.export("t")).run().ok()
    [manifest] = check_delivery(program.out)
    assert list(pq.read_table(part_paths(program.out, manifest)[0]).to_pylist()[0].values()) == list(
        range(1000)
    )


@pytest.mark.parametrize(
    "query, code",
    [
        ("SELEC 1", "RIVET_SOURCE_QUERY"),
        ("SELECT 1 AS a, 2 AS a", "RIVET_CONFIG_VALUE"),
        ("SELECT 1; SELECT 2", "RIVET_SOURCE_QUERY"),
        ("DELETE FROM t", "RIVET_SOURCE_QUERY"),
        ("WITH x AS (DELETE FROM t RETURNING id) SELECT * FROM x", "RIVET_SOURCE_UNSUPPORTED"),
        ("SELECT id FROM t) AS x; DROP TABLE t; --", "RIVET_SOURCE_QUERY"),
        ("SELECT nothing FROM t", "RIVET_SOURCE_NOT_FOUND"),
        ("SELECT pg_sleep(30)", "RIVET_SOURCE_STATEMENT_TIMEOUT"),
        ("SELECT id FROM t; ", None),
        ("SELECT id FROM t -- a comment at the end", None),
        ("WITH x AS (SELECT id FROM t) SELECT * FROM x", None),
        ("VALUES (1), (2)", None),
        ("TABLE t", None),
    ],
)
def test_queries_are_one_select_and_change_nothing(program, pg15, shop, query, code):
    program.configure(pg15.url(shop), program.export("q", query=query, tuning={"statement_timeout_s": 1}))
    result = program.run()
    assert result.ok() if code is None else result.rc == 1 and result.code == code, result.err
    assert pg15.query("SELECT count(*) FROM t", shop) == [(1000,)]


def test_a_locked_table_is_not_waited_for_without_end(program, pg15, shop):
    program.configure(pg15.url(shop), program.export("t", tuning={"lock_timeout_s": 1}))
    with pg15.connect(shop) as session, session.transaction():
        session.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        program.run().failed(75, "RIVET_SOURCE_LOCK_TIMEOUT")
    program.run().ok()


def test_rows_changed_while_the_run_goes_on_are_seen_as_of_its_start(program, pg15, database):
    """A sum that every transaction keeps stays the same in the file, and no moving row is seen twice."""
    pg15.execute(
        "CREATE TABLE t (id int PRIMARY KEY, amount int, pad text) WITH (fillfactor = 50);"
        "INSERT INTO t SELECT i, 100, repeat('x', 500) FROM generate_series(1, 20000) i; ANALYZE t",
        database,
    )
    program.configure(
        pg15.url(database), program.export("t", tuning={"throttle_ms": 300, "batch_size": 2000})
    )
    process = program.start("run", "-c", "rivet.yaml")
    moves = 0
    with pg15.connect(database) as session:
        while process.poll() is None:
            session.execute(
                "UPDATE t SET amount = amount + CASE WHEN id % 2 = 0 THEN 1 ELSE -1 END,"
                " pad = repeat('y', 900) WHERE id % 20 < 2"
            )
            session.execute("DELETE FROM t WHERE id = %s", [5 + 20 * moves])
            moves += 1
    program.finish(process).ok()
    [manifest] = check_delivery(program.out)
    table = pq.read_table(part_paths(program.out, manifest)[0])
    assert sum(table["amount"].to_pylist()) == 100 * table.num_rows
    gone = set(range(1, 20001)) - set(table["id"].to_pylist())
    assert gone == {5 + 20 * i for i in range(len(gone))} and len(gone) == 20000 - table.num_rows
    assert moves > len(gone) + 3, "nothing changed while the run went on"


def test_a_snapshot_is_not_held_longer_than_allowed(program, pg15, shop):
    tuning = {"batch_size": 100, "throttle_ms": 400, "max_snapshot_age_s": 1}
    program.configure(pg15.url(shop), program.export("q", query="SELECT * FROM t", tuning=tuning))
    program.run().failed(1, "RIVET_SOURCE_SNAPSHOT_AGE")
    program.configure(
        pg15.url(shop),
        program.export("q", query="SELECT * FROM t", tuning=tuning | {"max_snapshot_age_s": 0}),
    )
    program.run().ok()


def test_a_table_that_is_altered_waits_for_the_run_or_the_run_says_so(program, pg15, shop):
    """No value is ever read as another column's: the table's lock is held from the moment its columns are
    known."""
    program.configure(
        pg15.url(shop),
        program.export("t", query="SELECT * FROM t", tuning={"batch_size": 100, "throttle_ms": 200}),
    )
    process = program.start("run", "-c", "rivet.yaml")
    wait_until(lambda: list(program.out.glob(".rivet-*")), 30, "the first spool file")
    with pg15.connect(shop) as session:
        session.execute("ALTER TABLE t DROP COLUMN n; ALTER TABLE t RENAME note TO n")
    result = program.finish(process)
    [manifest] = check_delivery(program.out)
    assert result.rc == 0 and [column["name"] for column in manifest["columns"]] == [
        "id",
        "n",
        "price",
        "at",
        "name",
        "note",
    ]
    assert pq.read_table(part_paths(program.out, manifest)[0]).num_rows == 1000
