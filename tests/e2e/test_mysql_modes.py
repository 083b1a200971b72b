"""Every way of reading a table of MySQL or MariaDB: whatever the key, its collation, the mode and the cut, the files hold
each row exactly once, and the server saw short statements only, that lock nothing and sort nothing."""

import contextlib
import re
import signal
from hashlib import sha512

import pymysql
import pytest

from support.delivery import check_delivery
from support.program import Program
from support.servers import MysqlServer, wait_until
from support.servers.mysql import EXECUTE
from tables_mysql import USER, configure, new_database, rows_of, source_rows

ROWS = 4000
LONGEST_SECONDS = 1.0

# Keys that sort in ways of their own. `i` is the row's number, `v` says which row it is.
KEYS = {
    "bigint": "id bigint PRIMARY KEY|i",
    "bigint-ends": "id bigint PRIMARY KEY|CASE i WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 9223372036854775807"
    " ELSE (i - 2000) * 4611686018427387 END",
    "unsigned": "id bigint unsigned PRIMARY KEY|CASE i WHEN 1 THEN 18446744073709551615 WHEN 2 THEN 0"
    " ELSE 9223372036854775808 + i - 2000 END",
    "mediumint": "id mediumint PRIMARY KEY|i - 2000",
    "tinyint-and": "a tinyint, id smallint unsigned, PRIMARY KEY (a, id)|i % 256 - 128, i",
    "snowflake": "id bigint PRIMARY KEY|(i DIV 500) * 1000000000000 + i % 500",
    "decimal": "id decimal(38,10) PRIMARY KEY|i * 1000000007 % 100003 / 1000 + 12345678901234567890",
    "double": "id double PRIMARY KEY|(i - 2000) / 7e0",
    "date": "id date PRIMARY KEY|'1950-01-01' + INTERVAL i DAY",
    "datetime": "id datetime(6) PRIMARY KEY|'1969-12-31 23:00:00' + INTERVAL i * 7000001 MICROSECOND",
    "timestamp": "id timestamp(6) PRIMARY KEY|'2024-03-10 09:00:00' + INTERVAL i * 7000001 MICROSECOND",
    "time": "id time(3) PRIMARY KEY|SEC_TO_TIME((i - 2000) * 1500 + i % 7 / 8)",
    "year-and": "a year, id int, PRIMARY KEY (a, id)|1901 + i % 200, i",
    "binary": "id binary(16) PRIMARY KEY|UNHEX(MD5(i))",
    "varbinary": "id varbinary(20) PRIMARY KEY|CONCAT(UNHEX(MD5(i)), REPEAT(X'00', i % 3))",
    "text-ci": "id varchar(40) COLLATE utf8mb4_general_ci PRIMARY KEY|CONCAT(CHAR(65 + i % 58 USING latin1), '-ä', i)",
    "text-unicode": "id varchar(40) COLLATE utf8mb4_unicode_ci PRIMARY KEY|CONCAT(ELT(i % 6 + 1, 'a', 'B', 'á',"
    " 'Ä', 'ß', '🎉'), i)",
    "text-bin": "id varchar(40) COLLATE utf8mb4_bin PRIMARY KEY|CONCAT(ELT(i % 6 + 1, 'a', 'B', 'á', 'Ä', '\\\\', ''''), i)",
    "text-latin1": "id varchar(40) CHARACTER SET latin1 PRIMARY KEY|CONCAT(ELT(i % 6 + 1, 'a', 'B', 'á', 'Ä', 'ß', '€'), i)",
    "text-gbk": "id varchar(40) CHARACTER SET gbk PRIMARY KEY|CONCAT(ELT(i % 4 + 1, '中', '文', '誠', 'a'), i)",
    "text-utf16": "id varchar(40) CHARACTER SET utf16 PRIMARY KEY|CONCAT(ELT(i % 4 + 1, '中', '🎉', 'b', 'a'), i)",
    "text-blanks": "id varchar(40) COLLATE utf8mb4_bin PRIMARY KEY|CONCAT(i, REPEAT(' ', i % 5), '.')",
    "char": "id char(12) PRIMARY KEY|CONCAT('k', i)",
    "enum-and": "a enum('z','a','m'), id int, PRIMARY KEY (a, id)|ELT(i % 3 + 1, 'a', 'm', 'z'), i",
    "bit-and": "a bit(20), id int, PRIMARY KEY (a, id)|i * 12849 % 1000000, i",
    "composite": "a int, b varchar(9), id int, PRIMARY KEY (a, b, id)|i % 10, CONCAT('x', i % 3), i",
    "composite-4": "a int, b date, c varchar(3), id int, PRIMARY KEY (a, b, c, id)|i % 4,"
    " '2024-01-01' + INTERVAL i % 5 DAY, CHAR(97 + i % 7 USING latin1), i",
    "unique-index": "id bigint NOT NULL UNIQUE, junk int|i * 3, NULL",
    "generated": "id bigint PRIMARY KEY, g bigint GENERATED ALWAYS AS (id * 2) STORED UNIQUE|i, DEFAULT",
}


def make_table(server: MysqlServer, database: str, key: str, more: str = "") -> None:
    columns, values = KEYS[key].split("|", 1)
    if values.endswith(", DEFAULT"):
        names, values = "(id, v, w)", values.removesuffix(", DEFAULT")
    else:
        names = ""
    server.execute(
        f"CREATE TABLE t ({columns}, v int NOT NULL, w text) CHARACTER SET utf8mb4 {more}",
        f"INSERT INTO t {names} SELECT {values}, i, CASE WHEN i % 3 = 0 THEN NULL ELSE REPEAT('w', i % 40) END"
        " FROM numbers ORDER BY i * 7919 % 4001",
        "ANALYZE TABLE t",
        database=database,
    )


@pytest.fixture
def database(mysql) -> str:
    return new_database(mysql, ROWS)


def summary_of(program: Program) -> dict:
    return program.run_json()["per_export"][0]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("parallel", [1, 3])
def test_chunked_by_key(program, mysql, database, key, parallel):
    make_table(mysql, database, key)
    configure(program, mysql, database, mode="chunked", chunk_size=700, parallel=parallel, tuning={"batch_size": 150})
    summary = summary_of(program)
    assert rows_of(program) == source_rows(mysql, database)
    assert "keyset" in summary["strategy"]


@pytest.mark.parametrize("key", ["bigint", "unsigned", "text-ci", "composite", "binary"])
def test_full_on_the_old_end(program, request, key):
    server = request.getfixturevalue("mysql57")
    database = new_database(server, ROWS)
    make_table(server, database, key)
    configure(program, server, database, tuning={"batch_size": 150})
    assert "keyset" in summary_of(program)["strategy"]
    assert rows_of(program) == source_rows(server, database)


@pytest.mark.parametrize("consistency", ["snapshot", "statement"])
@pytest.mark.parametrize("key", ["bigint", "text-unicode", "composite"])
def test_full(program, mysql, database, key, consistency):
    make_table(mysql, database, key)
    configure(program, mysql, database, consistency=consistency, tuning={"batch_size": 333})
    assert "keyset" in summary_of(program)["strategy"]
    assert rows_of(program) == source_rows(mysql, database)


@pytest.mark.parametrize("direction", ["(a DESC, id DESC)", "(a DESC, id)", "(a, id DESC)"])
def test_descending_indexes(program, mysql80, direction):
    """MariaDB before 10.8 and MySQL before 8.0 read DESC and forget it."""
    database = new_database(mysql80, ROWS)
    mysql80.execute(
        f"CREATE TABLE t (a int NOT NULL, id int NOT NULL, v int NOT NULL, w text, UNIQUE KEY k {direction})",
        "INSERT INTO t SELECT i % 7, i, i, NULL FROM numbers",
        database=database,
    )
    keys = {"mode": "chunked", "chunk_size": 900, "parallel": 2, "tuning": {"batch_size": 100}}
    configure(program, mysql80, database, **keys)
    summary_of(program)
    assert rows_of(program) == source_rows(mysql80, database)


# Columns, the value of id, where there is such a thing.
NO_KEYS = {
    "prefix": ("id varchar(40) NOT NULL, UNIQUE KEY k (id(4))", "CONCAT(LPAD(i, 4, '0'), i)", "mysql57 mysql80 mariadb"),
    "not-unique": ("id int NOT NULL, KEY k (id)", "i", "mysql57 mysql80 mariadb"),
    "nullable": ("id int, UNIQUE KEY k (id)", "NULLIF(i, 7)", "mysql57 mysql80 mariadb"),
    "invisible": ("id int NOT NULL, p int AUTO_INCREMENT PRIMARY KEY, UNIQUE KEY k (id) INVISIBLE", "i", "mysql80"),
    "ignored": ("id int NOT NULL, p int AUTO_INCREMENT PRIMARY KEY, UNIQUE KEY k (id) IGNORED", "i", "mariadb"),
    "functional": ("id int NOT NULL, UNIQUE KEY k ((id + 0))", "i", "mysql80"),
    "fulltext": ("id varchar(40) NOT NULL, FULLTEXT KEY k (id)", "LPAD(i, 6, '0')", "mysql57 mysql80 mariadb"),
    "hash-of-a-text": ("id text NOT NULL, UNIQUE KEY k (id)", "LPAD(i, 6, '0')", "mariadb"),
}
NO_KEY_CASES = [(kind, flavour) for kind, row in NO_KEYS.items() for flavour in row[2].split()]


@pytest.mark.parametrize("kind, flavour", NO_KEY_CASES, ids=[f"{kind}-{flavour}" for kind, flavour in NO_KEY_CASES])
def test_an_index_that_is_no_key_is_never_taken_for_one(program, request, kind, flavour):
    server = request.getfixturevalue(flavour)
    columns, value, _ = NO_KEYS[kind]
    database = new_database(server, ROWS)
    server.execute(
        f"CREATE TABLE t ({columns.replace(', ', ', v int NOT NULL, w text, ', 1)})",
        f"INSERT INTO t (id, v) SELECT {value}, i FROM numbers",
        database=database,
    )
    configure(program, server, database, mode="chunked", chunk_by_key="id")
    result = program.run()
    assert result.rc == 1 and "id" in result.err
    configure(program, server, database)
    assert ("keyset" in summary_of(program)["strategy"]) is ("PRIMARY" in columns)
    assert rows_of(program) == source_rows(server, database)


def test_generated_invisible_primary_keys(program, mysql80):
    """8.0.30 and later give a table without a key one that nobody sees; it is a key all the same, and no column."""
    database = new_database(mysql80, ROWS)
    mysql80.execute(
        "SET SESSION sql_generate_invisible_primary_key = ON",
        "CREATE TABLE t (v int NOT NULL, w text)",
        "INSERT INTO t SELECT i, NULL FROM numbers",
        database=database,
    )
    for setting in ("ON", "OFF"):
        mysql80.execute(f"SET GLOBAL show_gipk_in_create_table_and_information_schema = {setting}")
        try:
            configure(program, mysql80, database, on_existing="replace")
            assert "keyset" in summary_of(program)["strategy"] or setting == "OFF"
        finally:
            mysql80.execute("SET GLOBAL show_gipk_in_create_table_and_information_schema = ON")
        assert rows_of(program) == source_rows(mysql80, database)


RANGES = {
    "integer": ({"chunk_column": "n", "chunk_size": 500}, "n bigint", "i * 7919 % 5000 - 2500"),
    "count": ({"chunk_column": "n", "chunk_count": 7}, "n bigint", "i * 7919 % 5000 - 2500"),
    "unsigned": (
        {"chunk_column": "n", "chunk_count": 5},
        "n bigint unsigned",
        "CASE i WHEN 1 THEN 18446744073709551615 ELSE 9223372036854775808 + i - 2000 END",
    ),
    "days": ({"chunk_column": "n", "chunk_by_days": 30}, "n date", "'1969-06-01' + INTERVAL i * 13 % 700 DAY"),
    "days-datetime": (
        {"chunk_column": "n", "chunk_by_days": 1},
        "n datetime",
        "'2024-02-27' + INTERVAL i * 13 % 4000 MINUTE",
    ),
    "days-timestamp": (
        {"chunk_column": "n", "chunk_by_days": 1},
        "n timestamp NULL",
        "'2024-03-09' + INTERVAL i * 13 % 4000 MINUTE",
    ),
    "dense": ({"chunk_column": "n", "chunk_dense": True, "chunk_size": 900}, "n bigint", "i * i * i"),
}


@pytest.mark.parametrize("how", RANGES)
@pytest.mark.parametrize("indexed", [True, False], ids=["indexed", "plain"])
@pytest.mark.parametrize("nulls", [0, 5], ids=["", "nulls"])
def test_chunked_by_ranges_of_a_column(program, mysql, database, how, indexed, nulls):
    keys, column, value = RANGES[how]
    mysql.execute(
        f"CREATE TABLE t (id bigint PRIMARY KEY, {column}, v int NOT NULL, w text{', KEY (n)' if indexed else ''})",
        f"INSERT INTO t SELECT i, CASE WHEN {nulls} > 0 AND i % {max(nulls, 1)} = 0 THEN NULL ELSE {value} END, i, NULL"
        " FROM numbers",
        "ANALYZE TABLE t",
        database=database,
    )
    configure(program, mysql, database, mode="chunked", parallel=2, tuning={"batch_size": 333}, **keys)
    summary_of(program)
    assert rows_of(program) == source_rows(mysql, database)


@pytest.mark.parametrize("where", ["n IS NOT NULL", "n IS NULL", "n IS NULL OR n > 100"])
def test_a_filter_of_the_user_s_stands_beside_the_ranges(program, mysql, database, where):
    """The rows without a key get a chunk of their own, whatever the query itself says of that column."""
    mysql.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, n bigint, v int NOT NULL, w text)",
        "INSERT INTO t SELECT i, CASE WHEN i % 5 = 0 THEN NULL ELSE i % 1000 - 500 END, i, NULL FROM numbers",
        "ANALYZE TABLE t",
        database=database,
    )
    keys = {"mode": "chunked", "chunk_column": "n", "chunk_count": 4, "tuning": {"batch_size": 333}}
    configure(program, mysql, database, query=f"SELECT * FROM t WHERE {where} -- all", **keys)
    summary_of(program)
    assert rows_of(program) == source_rows(mysql, database, where)


def test_a_table_of_a_thousand_columns(program, mysql):
    database = new_database(mysql, 10)
    columns = ", ".join(f"c{i} smallint" for i in range(1000))
    values = ", ".join("NULL" if i % 3 == 0 else f"i + {i}" for i in range(1000))
    mysql.execute(
        f"CREATE TABLE t (id int PRIMARY KEY, {columns})", f"INSERT INTO t SELECT i, {values} FROM numbers", database=database
    )
    configure(program, mysql, database)
    summary_of(program)
    columns = "c1, c998, c999, c500, c0"
    assert rows_of(program, columns) == [(i + 1, i + 998, None, i + 500, None) for i in range(1, 11)]


def test_a_slow_reader_costs_no_rows(release, mysql):
    """A server gives up a client that takes nothing for net_write_timeout, which is a second here, and the rows that it
    still had are gone."""
    database = new_database(mysql, 10000)
    destination = {"type": "stdout"}
    query = "SELECT i, REPEAT(MD5(i), 128) AS v FROM numbers"
    keys = {"format": "csv", "destination": destination, "tuning": {"batch_size_memory_mb": 1}}
    configure(release, mysql, database, query=query, **keys)
    [(before,)] = mysql.query("SELECT @@GLOBAL.net_write_timeout")
    mysql.execute("SET GLOBAL net_write_timeout = 1")
    try:
        process = release.start("run", "-c", "rivet.yaml")
        wait_until(lambda: mysql.sessions(USER) > 0, 30, "the session")
        wait_until(lambda: statement_seconds(mysql) >= 5 or mysql.sessions(USER) == 0, 60, "the server to wait")
        result = release.finish(process).ok()
    finally:
        mysql.execute(f"SET GLOBAL net_write_timeout = {before}")
    lines = result.text.splitlines()
    assert len(lines) == 10001 and {len(line) for line in lines[1:]} <= {4096 + n for n in range(2, 8)}


def statement_seconds(server: MysqlServer) -> int:
    rows = server.query(
        f"SELECT TIME FROM information_schema.PROCESSLIST WHERE USER = '{USER}' AND COMMAND <> 'Sleep' ORDER BY TIME DESC"
    )
    return rows[0][0] if rows else 0


def test_a_broken_view_does_not_stop_the_others(program, mysql, database):
    """init goes on with what can be read, and says what cannot."""
    mysql.execute(
        "CREATE TABLE base (id int PRIMARY KEY)",
        "CREATE VIEW broken AS SELECT * FROM base",
        "CREATE TABLE t (id int PRIMARY KEY, v int, w text)",
        "INSERT INTO t SELECT i, i, NULL FROM numbers",
        "DROP TABLE base",
        database=database,
    )
    program.call("init", "--source", mysql.url(database, USER), "-o", "rivet.yaml").ok()
    assert "broken" in program.config.read_text()
    assert program.run_json()["total_rows"] == 2 * ROWS, "numbers and t"


def test_sparse_keys_make_chunks_of_about_equal_rows(program, mysql):
    database = new_database(mysql, 40000)
    make_table(mysql, database, "snowflake")
    configure(program, mysql, database, mode="chunked", chunk_size=4000, tuning={"batch_size": 1000})
    summary_of(program)
    [manifest] = check_delivery(program.out)
    rows = [part["rows"] for part in manifest["parts"]]
    assert len(rows) >= 5 and max(rows) <= 4 * min(rows), rows


RELATIONS = {
    "range": "PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (1000), PARTITION p1 VALUES LESS THAN MAXVALUE)",
    "hash": "PARTITION BY HASH (id) PARTITIONS 5",
    "key": "PARTITION BY KEY (id) PARTITIONS 3",
    "list": "PARTITION BY LIST (id % 3) (PARTITION a VALUES IN (0), PARTITION b VALUES IN (1, 2))",
    "compressed": "ROW_FORMAT=COMPRESSED",
    "myisam": "ENGINE=MyISAM",
    "memory": "ENGINE=MEMORY",
}


@pytest.mark.parametrize("kind", RELATIONS)
def test_other_tables(program, mysql, database, kind):
    w = "varchar(40)" if kind == "memory" else "text"
    mysql.execute(
        f"CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL, w {w}) {RELATIONS[kind]}",
        "INSERT INTO t SELECT i, i, REPEAT('w', i % 40) FROM numbers",
        database=database,
    )
    for keys in ({}, {"mode": "chunked", "chunk_size": 500, "parallel": 2}):
        configure(program, mysql, database, on_existing="replace", **keys)
        summary_of(program)
        assert rows_of(program) == source_rows(mysql, database)


@pytest.mark.parametrize("kind", ["view", "query", "system-versioned"])
def test_relations_without_a_key_of_their_own(program, mysql, database, kind):
    make_table(mysql, database, "bigint")
    keys = {"query": "SELECT * FROM t WHERE v <= 3000"} if kind == "query" else {}
    if kind == "view":
        mysql.execute("CREATE VIEW x AS SELECT v, w FROM t WHERE v <= 3000", database=database)
    if kind == "system-versioned":
        if not mysql.is_mariadb:
            kind, keys = "query", {"query": "SELECT v, w FROM t WHERE v <= 3000"}
        else:
            mysql.execute(
                "CREATE TABLE x (id int PRIMARY KEY, v int NOT NULL, w text) WITH SYSTEM VERSIONING",
                "INSERT INTO x SELECT i, i, NULL FROM numbers",
                "UPDATE x SET w = 'later'",
                "DELETE FROM x WHERE v > 3000",
                database=database,
            )
    configure(program, mysql, database, "x", **keys)
    summary_of(program)
    if kind == "system-versioned":
        assert rows_of(program) == [(i, "later") for i in range(1, 3001)], "as it is now, not as it was"
    else:
        assert rows_of(program) == source_rows(mysql, database, "v <= 3000")


# ---- what the server sees ----

EXPORTS = [
    {},
    {"consistency": "statement"},
    {"mode": "chunked", "chunk_size": 900, "parallel": 3},
    {"mode": "chunked", "chunk_size": 900, "parallel": 3, "consistency": "snapshot"},
    {"mode": "chunked", "chunk_column": "id", "chunk_count": 5},
    {"mode": "incremental", "cursor_column": "id"},
    {"query": "SELECT * FROM t"},
    {"tuning": {"profile": "safe", "batch_size": 100}},
]
FORBIDDEN = re.compile(
    r"\bFLUSH\b|\bLOCK\s+(TABLES?|INSTANCE|IN)\b|\bFOR\s+(UPDATE|SHARE)\b"
    r"|\bCOUNT\s*\((?!.*\binformation_schema\.)|\bOFFSET\b|GET_LOCK|SET\s+(GLOBAL|@@GLOBAL|PERSIST)"
    r"|^\s*(INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER|TRUNCATE|ANALYZE|OPTIMIZE|LOAD|CALL|XA|BACKUP|HANDLER)\b",
    re.I,
)


@pytest.mark.parametrize("keys", EXPORTS, ids=str)
@pytest.mark.parametrize("key", ["bigint", "text-unicode"])
def test_statements_are_short_and_harmless(release, mysql, database, key, keys):
    if key != "bigint" and ("chunk_column" in keys or "cursor_column" in keys):
        keys = {"mode": "chunked", "chunk_by_key": "id", "chunk_size": 500}
    make_table(mysql, database, key)
    configure(release, mysql, database, **keys)
    with mysql.watched() as watch:
        release.run().ok()
    said = watch.statements(USER)
    assert any(re.search(r"FROM\s+\S*\bt\b", line.text) for line in said), "the log holds what was read"
    assert not [line.text for line in said if FORBIDDEN.search(line.text)]
    assert sum(line.command == "Connect" for line in said) <= keys.get("parallel", 1) + 1
    costs = watch.costs(USER)
    assert max(cost.longest_seconds for cost in costs.values()) < LONGEST_SECONDS
    reading = costs[EXECUTE]
    assert (reading.tmp_tables, reading.tmp_disk_tables, reading.sorted_rows) == (0, 0, 0)
    assert reading.rows_sent >= ROWS and reading.rows_examined <= 1.5 * ROWS + 100
    assert rows_of(release) == source_rows(mysql, database)


def test_a_page_is_a_statement_of_its_own(release, mysql, database):
    make_table(mysql, database, "bigint")
    configure(release, mysql, database, tuning={"batch_size": 100})
    with mysql.watched() as watch:
        release.run().ok()
    assert watch.costs(USER)[EXECUTE].count >= ROWS / 100


def test_the_slow_log_stays_empty_of_us(release, mysql, database):
    """Nothing of ours sorts, scans without an index, or takes long."""
    make_table(mysql, database, "composite")
    mysql.execute("TRUNCATE mysql.slow_log")
    configure(release, mysql, database, mode="chunked", chunk_size=500).run().ok()
    rows = mysql.query(f"SELECT CONVERT(sql_text USING utf8mb4) FROM mysql.slow_log WHERE user_host LIKE '{USER}%'")
    assert [text for (text,) in rows if "`t`" in text] == []


PLANNED = {
    "keyset": {"mode": "chunked", "chunk_size": 2000},
    "statement": {},
    "range": {"mode": "chunked", "chunk_column": "n", "chunk_size": 2000},
    "count": {"mode": "chunked", "chunk_column": "n", "chunk_count": 7},
    "days": {"mode": "chunked", "chunk_column": "day", "chunk_by_days": 30},
    "incremental": {"mode": "incremental", "cursor_column": "at"},
    "window": {"mode": "time_window", "time_column": "at", "days_window": 36000},
}


@pytest.fixture(scope="module")
def planned(mysql) -> str:
    database = new_database(mysql, 20000)
    mysql.execute(
        "UPDATE performance_schema.setup_instruments SET ENABLED = 'YES' WHERE NAME = 'wait/io/table/sql/handler'",
        "CREATE TABLE t (id bigint PRIMARY KEY, n bigint NOT NULL, day date NOT NULL, at timestamp NOT NULL, w text,"
        " KEY (n), KEY (day), KEY (at))",
        "INSERT INTO t SELECT i * 1000, i, '2024-01-01' + INTERVAL i % 300 DAY, '2024-01-01' + INTERVAL i SECOND, 'w'"
        " FROM numbers",
        "ANALYZE TABLE t",
        database=database,
    )
    return database


@pytest.mark.parametrize("way", PLANNED)
def test_planning_reads_no_rows(program, mysql, planned, way):
    """A run that is killed before its first page has read nothing of the table but the ends and cuts of indexes: what
    the server counts for the table, whatever statement it was for."""
    configure(program, mysql, planned, **PLANNED[way])
    before = rows_read(mysql, planned)
    assert program.run(env={"RIVET_CRASH_AT": "after-run-start"}).rc == -signal.SIGKILL
    wait_until(lambda: mysql.sessions(USER) == 0, 30, "the end of the session")
    planning = rows_read(mysql, planned) - before
    program.run().ok()
    wait_until(lambda: rows_read(mysql, planned) - before >= 20000, 30, "the server to count what the run has read")
    assert planning <= 400, "rows of 20,000"


def rows_read(server: MysqlServer, database: str) -> int:
    [(fetched,)] = server.query(
        "SELECT COALESCE(SUM(COUNT_FETCH), 0) FROM performance_schema.table_io_waits_summary_by_table"
        f" WHERE OBJECT_SCHEMA = '{database}' AND OBJECT_NAME = 't'"
    )
    return int(fetched)


@pytest.mark.parametrize("rows", [0, 1, 18446744073709551615])
@pytest.mark.parametrize("way", ["keyset", "statement", "range"])
def test_statistics_that_are_wrong_cost_no_row(program, mysql, rows, way):
    """They decide how many chunks there are, never what lies in them."""
    database = new_database(mysql, ROWS)
    mysql.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, n bigint NOT NULL, v int NOT NULL, w text, KEY (n))",
        "INSERT INTO t SELECT i, i, i, NULL FROM numbers",
        "ANALYZE TABLE t",
        f"UPDATE mysql.innodb_table_stats SET n_rows = {rows} WHERE database_name = '{database}' AND table_name = 't'",
        "FLUSH TABLE t",
        database=database,
    )
    configure(program, mysql, database, **PLANNED[way])
    summary_of(program)
    assert rows_of(program) == source_rows(mysql, database)
    assert len(check_delivery(program.out)[0]["parts"]) <= 200


# ---- altered under the run ----

ALTERATIONS = {
    "added-in-front": "ADD first_of_all int NOT NULL DEFAULT 7 FIRST",
    "dropped": "DROP pad",
    "moved": "MODIFY w text AFTER id",
    "other-type": "MODIFY v varchar(20) NOT NULL",
    "wider": "MODIFY v bigint NOT NULL",
    "unsigned": "MODIFY v int unsigned NOT NULL",
    "renamed": "CHANGE v renamed int NOT NULL",
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_no_value_is_read_as_another_column_s(program, mysql, database, alteration):
    """While pages are read, and connections are lost, the table becomes another one: the rows are right, or the run says
    what happened and leaves nothing that could be taken for data."""
    mysql.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, pad int, v int NOT NULL, w text)",
        "INSERT INTO t SELECT i, -i, i, CONCAT('w', i) FROM numbers",
        "ANALYZE TABLE t",
        database=database,
    )
    expected = source_rows(mysql, database)
    tuning = {"batch_size": 50, "throttle_ms": 50, "retry_backoff_ms": 5, "max_retries": 5}
    keys = {"mode": "chunked", "chunk_by_key": "id", "chunk_size": 500, "parallel": 2}
    configure(program, mysql, database, tuning=tuning, **keys)
    process = program.start("run", "-c", "rivet.yaml")
    wait_until(lambda: list(program.out.glob("*")) or process.poll() is not None, 30, "the first rows")
    mysql.execute("SET SESSION lock_wait_timeout = 30", f"ALTER TABLE t {ALTERATIONS[alteration]}", database=database)
    for (session,) in mysql.query(f"SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '{USER}' LIMIT 1"):
        with contextlib.suppress(pymysql.err.OperationalError):  # it has ended meanwhile
            mysql.execute(f"KILL {session}")
    result = program.finish(process)
    if result.rc == 0:
        assert rows_of(program) == expected
        return
    assert (result.rc, result.code) in (
        (1, "RIVET_SOURCE_QUERY"),
        (1, "RIVET_SOURCE_NOT_FOUND"),
        (4, "RIVET_SCHEMA_DRIFT"),
        (75, "RIVET_SOURCE_LOST"),
    ), result.err
    assert not list(program.out.glob("manifest*")) and not (program.out / "_SUCCESS").exists()


# ---- interrupted ----

POINTS = ["after-run-start:1", "after-chunk-claim:2", "after-page-read:9", "before-part-put:2", "after-part-put:3"]
POINTS += ["after-chunk-complete:2", "before-manifest:1", "after-manifest:1", "before-verdict:1"]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("keys", [{}, {"consistency": "snapshot", "parallel": 2}], ids=["statement", "snapshot"])
def test_killed_and_resumed(program, mysql, database, point, keys):
    make_table(mysql, database, "composite")
    configure(program, mysql, database, mode="chunked", chunk_size=500, tuning={"batch_size": 100}, **keys)
    assert program.run(env={"RIVET_CRASH_AT": point}).rc == -signal.SIGKILL, "the point was not met"
    assert program.run_json()["per_export"][0]["resumed"]
    assert len(check_delivery(program.out)) == 1
    assert rows_of(program) == source_rows(mysql, database)


@pytest.mark.parametrize("consistency", ["statement", "snapshot"])
def test_a_killed_session_is_replaced_and_the_run_goes_on(program, mysql, database, consistency):
    """Also when it was one of those that hold the snapshot."""
    make_table(mysql, database, "bigint")
    tuning = {"batch_size": 100, "throttle_ms": 50, "retry_backoff_ms": 20, "max_retries": 20}
    keys = {"mode": "chunked", "chunk_size": 1000, "parallel": 2, "consistency": consistency}
    configure(program, mysql, database, tuning=tuning, **keys)
    process = program.start("run", "-c", "rivet.yaml", "--json")
    killed = kill_sessions(mysql, process, 3)
    summary = program.finish(process).ok().json["per_export"][0]
    assert killed >= 1 and (summary["retries"] >= 1 or consistency == "snapshot")
    assert rows_of(program) == source_rows(mysql, database)


def kill_sessions(server: MysqlServer, process, most: int) -> int:
    """Each session once that has been seen to read; until the run ends."""
    seen: set[int] = set()
    while process.poll() is None and len(seen) < most:
        rows = server.query(f"SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '{USER}'")
        for (session,) in rows[:1]:
            if session not in seen:
                seen.add(session)
                with contextlib.suppress(pymysql.err.OperationalError):  # it has ended meanwhile
                    server.execute(f"KILL {session}")
    return len(seen)


def test_nothing_is_left_behind_when_interrupted(program, mysql, database):
    make_table(mysql, database, "bigint")
    configure(program, mysql, database, tuning={"batch_size": 50, "throttle_ms": 200})
    process = program.start("run", "-c", "rivet.yaml")
    wait_until(lambda: mysql.sessions(USER) > 0, 30, "the session")
    process.send_signal(signal.SIGINT)
    assert program.finish(process).rc == 130
    wait_until(lambda: mysql.sessions(USER) == 0, 10, "its end")


def test_a_killed_run_leaves_no_session_on_the_server(program, mysql, database):
    """Nobody is there to say goodbye, and one of its statements would go on for an hour."""
    configure(program, mysql, database, query="SELECT i, SLEEP(1) AS s FROM numbers")
    process = program.start("run", "-c", "rivet.yaml")
    wait_until(lambda: mysql.sessions(USER) > 0, 30, "the session")
    process.kill()
    program.finish(process)
    wait_until(lambda: mysql.sessions(USER) == 0, 30, "its end")


@pytest.mark.parametrize("flavour", ["mariadb", "mysql80"])
def test_a_page_over_its_time_is_read_in_smaller_ones(program, request, flavour):
    """Not again as it was: a limit that was reached once is reached again. Each row takes the server milliseconds."""
    server = request.getfixturevalue(flavour)
    database = new_database(server, 200)
    server.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v char(1), s varchar(128) AS (SHA2(REPEAT(v, 5000000), 512)) VIRTUAL)",
        "INSERT INTO t (id, v) SELECT i, CHAR(97 + i % 26) FROM numbers",
        database=database,
    )
    tuning = {"statement_timeout_s": 1, "batch_size": 200, "max_retries": 0}
    configure(program, server, database, tuning=tuning)
    [summary] = program.run_json()["per_export"]
    assert summary["rows"] == 200 and summary["retries"] >= 1 and summary["statements"] > 4
    hashes = {sha512((chr(97 + i) * 5_000_000).encode()).hexdigest() for i in range(26)}
    rows = rows_of(program, "id, s")
    assert [i for i, _ in rows] == list(range(1, 201)) and {s for _, s in rows} == hashes
