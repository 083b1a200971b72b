"""What a newcomer gets wrong in the first hour: the message says what was attempted, on what, and what to do."""

import pytest

from support.delivery import check_delivery


def failed(result, rc: int, code: str, *parts: str) -> None:
    result.failed(rc, code)
    for part in parts:
        assert part in result.err, f"no '{part}' in\n{result.err}"


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_closed_port(program, scheme):
    source = {"url": f"{scheme}://u:pw-1234567@127.0.0.1:1/d", "tuning": {"retry_backoff_ms": 5}}
    result = program.configure(source, program.export("t")).run()
    failed(result, 75, "RIVET_SOURCE_CONNECT", "127.0.0.1:1/d", "export 't'", "hint: check source.host and source.port")
    assert "pw-1234567" not in result.err


def test_the_port_of_another_database(program, mariadb, shop):
    source = f"postgresql://u:pw-1234567@127.0.0.1:{mariadb.port}/{shop}"
    result = program.configure(source, program.export("t")).run()
    failed(result, 75, "RIVET_SOURCE_PROTOCOL", "does a PostgreSQL server listen on that port?")
    assert "trying again" not in result.err and "pw-1234567" not in result.err


@pytest.mark.parametrize("query", ["SELECT 1; SELECT 2", "SELECT id FROM t; -- nightly", "DELETE FROM t; SELECT 1"])
def test_several_statements_are_told_from_a_slip_in_one(program, pg15, shop, query):
    program.configure(pg15.url(shop), program.export("t", query=query))
    failed(program.run(), 1, "RIVET_SOURCE_QUERY", "42601", "describing the query", "a query is one SELECT")
    assert pg15.query("SELECT count(*) FROM t", shop) == [(1000,)]


@pytest.mark.parametrize("query", ["SELECT id FROM t LIMIT 2 ;\n", "-- nightly\nSELECT id FROM t LIMIT 2 -- two\n"])
def test_what_may_stand_around_a_query(program, pg15, shop, query):
    assert program.configure(pg15.url(shop), program.export("t", query=query)).run_json()["total_rows"] == 2


def test_several_statements_on_mysql(program, mariadb):
    database = mariadb.new_database("mistakes")
    program.configure(mariadb.url(database), program.export("t", query="SELECT 1 AS a; SELECT 2 AS b"))
    failed(program.run(), 1, "RIVET_SOURCE_QUERY", "1064", "a query is one SELECT")
    program.configure(mariadb.url(database), program.export("t", table="nowhere.t"))
    failed(program.run(), 1, "RIVET_SOURCE_NOT_FOUND", "nowhere")


def test_a_query_without_columns(program, pg15, shop):
    program.configure(pg15.url(shop), program.export("t", query="SELECT FROM t"))
    failed(program.run(), 1, "RIVET_SOURCE_QUERY", "the query has no columns")


def test_a_name_in_the_wrong_case(program, pg15, database):
    pg15.execute('CREATE TABLE "UPS" ("Id" int PRIMARY KEY)', database)
    program.configure(pg15.url(database), program.export("t", table="ups"))
    failed(program.run(), 1, "RIVET_SOURCE_NOT_FOUND", "'ups'", "did you mean 'UPS'?")
    program.configure(pg15.url(database), program.export("t", table="UPS", mode="chunked", chunk_column="id"))
    failed(program.run(), 1, "RIVET_CONFIG_VALUE", "chunk_column", "did you mean 'Id'?")


@pytest.mark.parametrize("name", ['we"ird', '12" vinyl', 'a""b', '"'])
def test_a_double_quote_inside_a_name_needs_no_others(program, pg15, database, name):
    quoted = '"' + name.replace('"', '""') + '"'
    pg15.execute(f"CREATE TABLE {quoted} (id int PRIMARY KEY); INSERT INTO {quoted} VALUES (1)", database)
    table = quoted if name.startswith('"') else name  # at the beginning it opens a quoted name
    program.configure(pg15.url(database), program.export("t", table=f"public.{table}")).run().ok()
    [manifest] = check_delivery(program.out)
    assert manifest["source"]["table"] == name


def test_a_folder_that_may_not_be_written(plain_user, pg15, shop, base):
    closed = base / "closed"
    closed.mkdir(mode=0o755, exist_ok=True)  # belongs to whoever runs the tests
    closed.chmod(0o555)
    export = plain_user.export("t", destination={"type": "local", "path": str(closed / "out")})
    result = plain_user.configure(pg15.url(shop), export).run()
    failed(result, 1, "RIVET_DEST_DENIED", str(closed / "out"), "export 't'", "hint: ")


def test_a_parameter_nobody_reads_has_no_place_in_the_file(program, pg15, shop):
    result = program.configure(pg15.url(shop), program.export("t")).run("-p", "SINCE=1").ok()
    assert "rivet.yaml: warning" in result.err and "'SINCE' is not used" in result.err


def test_doctor_tells_what_a_run_would_do(program, pg15, shop):
    keys = {"mode": "chunked", "chunk_column": "id", "chunk_count": 4}
    program.configure(pg15.url(shop), program.export("t", **keys), program.export("q", query="SELECT 1 AS a"))
    checks = {one["name"]: one["detail"] for one in program.call("doctor", "-c", "rivet.yaml", "--json").ok().json["checks"]}
    assert checks["export t"].startswith("table public.t, 6 columns; range, 4 chunks: ")
    assert checks["export q"].startswith("query, 1 column; stream, 1 chunk: ")
    assert not program.out.exists()


@pytest.mark.parametrize(
    "words, instead",
    [
        (("check", "-c", "rivet.yaml"), "rivet doctor"),
        (("plan", "-c", "rivet.yaml"), "rivet doctor"),
        (("run", "-c", "rivet.yaml", "--reconcile"), "--validate"),
        (("init", "--source", "sqlite:x.db", "--gcs-bucket", "b"), "local folders"),
    ],
)
def test_what_the_original_had_is_refused_by_name(program, words, instead):
    failed(program.call(*words), 2, "RIVET_USAGE", "is not supported by this version of Rivet", instead)


def test_flags_of_the_original_that_mean_something_here(program, pg15, shop):
    program.configure(pg15.url(shop), program.export("a", table="t"), program.export("b", table="t"))
    assert program.run_json("--parallel-export-processes")["parallel_mode"] == "threads"


def test_a_summary_that_cannot_be_written_is_told_before_the_run(program, pg15, shop):
    program.configure(pg15.url(shop), program.export("t"))
    failed(program.run("--summary-output", "nowhere/last.json"), 1, "RIVET_IO", "nowhere/last.json", "nothing was run")
    assert not program.out.exists() and not program.state.exists()
    stale = program.folder / "last.json"
    stale.write_text('{"success_count": 1}')
    program.configure(pg15.url(shop), program.export("t", table="nowhere"))
    program.run("--summary-output", "last.json").failed(1, "RIVET_SOURCE_NOT_FOUND")
    assert '"success_count": 0' in stale.read_text()


def test_init_says_which_name_it_cannot_read(program, pg15, shop):
    failed(program.call("init", "--source", pg15.url(shop), "--table", 'public."t'), 1, "RIVET_CONFIG_VALUE",
           "in the table's name 'public.\"t'", "not closed")
