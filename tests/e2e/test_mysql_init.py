"""What init writes and doctor says of a MySQL or MariaDB, as deep as of PostgreSQL: every kind of relation, names of any
kind, no password in a file, and each thing that would keep a run from working told before it begins."""

import pytest

from tables_mysql import USER, configure, new_database, rows_of, source_rows

PASSWORD = "s3cr&t:p@ss/wörd"


@pytest.fixture
def database(mysql) -> str:
    database = new_database(mysql, 100)
    mysql.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, v int NOT NULL, w text)",
        "INSERT INTO t SELECT i, i, NULL FROM numbers",
        "CREATE VIEW seen AS SELECT id, v FROM t",
        "CREATE TABLE `odd ``näme` (`a key` int PRIMARY KEY)",
        database=database,
    )
    return database


def test_what_init_writes_runs(program, mysql, database):
    program.call("init", "--source", mysql.url(database, USER), "-o", "rivet.yaml").ok()
    text = program.config.read_text()
    for name in ("t", "seen", "numbers", "odd `näme"):
        assert f"{name}" in text
    report = program.call("doctor", "-c", "rivet.yaml", "--json").ok().json
    checks = {check["name"]: check for check in report["checks"]}
    assert report["all_ok"] and {"configuration", "source", "state", "export t", "export seen"} <= checks.keys()
    version = ".".join(map(str, mysql.version))
    product = "MariaDB" if mysql.is_mariadb else "MySQL"
    assert checks["source"]["detail"].startswith(f"{product} {version}")
    assert checks["export t"]["detail"].startswith(f"table {database}.t, 3 columns; keyset, 1 chunk: ")
    assert checks["export seen"]["detail"].startswith(f"view {database}.seen, 2 columns; stream, 1 chunk: ")
    program.run().ok()


def test_a_table_alone_and_a_password_elsewhere(program, mysql, database):
    mysql.new_user(USER, f"IDENTIFIED BY '{PASSWORD}'")
    url = mysql.url(database, USER, PASSWORD) + "?sslmode=disable"
    (program.folder / "url").write_text(url + "\n")
    program.call("init", "--source-file", "url", "--table", f"{database}.t", "-o", "rivet.yaml").ok()
    text = program.config.read_text()
    assert PASSWORD not in text and url not in text and "url_file" in text
    assert "seen" not in text
    program.call("doctor", "-c", "rivet.yaml").ok()
    program.config.unlink()
    env = {"DB": url}
    program.call("init", "--source-env", "DB", "--table", "t", "-o", "rivet.yaml", env=env).ok()
    assert PASSWORD not in program.config.read_text()
    program.run(env=env).ok()
    again = program.call("init", "--source", mysql.url(database, USER), "-o", "rivet.yaml")
    assert again.rc == 1 and PASSWORD not in again.err, "a configuration is never overwritten"


def test_init_says_what_is_not_there(program, mysql, database):
    nothing = mysql.new_database()
    program.call("init", "--source", mysql.url(nothing, USER)).failed(1, "RIVET_SOURCE_NOT_FOUND")
    missing = program.call("init", "--source", mysql.url(database, USER), "--table", "numbrs")
    assert "did you mean 'numbers'" in missing.failed(1, "RIVET_SOURCE_NOT_FOUND").err


BROKEN = {
    "table": ({"table": "tt"}, "", "RIVET_SOURCE_NOT_FOUND", "did you mean"),
    "column": ({"mode": "incremental", "cursor_column": "at"}, "", "", "at"),
    "key": ({"mode": "chunked", "chunk_by_key": "w"}, "", "", "w"),
    "denied": ({}, "REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'exporter'@'%'", "RIVET_SOURCE_DENIED", "grant"),
    "view": (
        {"table": "seen"},
        "DROP TABLE {database}.t",
        "RIVET_SOURCE_DENIED",
        "view",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_doctor_says_what_would_not_work(program, mysql, database, what):
    keys, sql, code, words = BROKEN[what]
    if sql:
        mysql.execute(sql.format(database=database))
    configure(program, mysql, database, **keys)
    result = program.call("doctor", "-c", "rivet.yaml", "--json")
    assert result.rc == 1, result.err
    failed = [check for check in result.json["checks"] if not check["ok"]]
    assert failed and not result.json["all_ok"]
    said = " ".join(f"{check['code']} {check['detail']} {check.get('hint', '')}" for check in failed)
    assert code in said and words in said, said
    run = program.run()
    assert run.rc == 1 and run.code == failed[0]["code"], "and the run fails of the same"


def test_doctor_reads_and_locks_nothing(program, mysql, database):
    configure(program, mysql, database)
    with mysql.watched() as watch:
        program.call("doctor", "-c", "rivet.yaml").ok()
    rows = watch.costs(USER).get("statement/com/Execute")
    assert rows is None or rows.rows_examined <= 10, rows
    program.run().ok()
    assert rows_of(program) == source_rows(mysql, database)
