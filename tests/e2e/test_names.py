"""Names that a careless program would take for syntax: of tables, columns, schemas, databases and exports."""

import sqlite3

import pyarrow.parquet as pq
import pytest

from support.delivery import check_delivery, part_paths

NAMES = [
    "select",
    "Order Items",
    "CamelCase",
    "semi;colon",
    "quote'single",
    'quote"double',
    "back`tick",
    "dot.ted",
    "two\nlines",
    "tab\there",
    "--comment",
    "/* comment */",
    "$1",
    "${HOME}",
    "$$",
    "%s%n%d",
    "{date}",
    "a\\b",
    "[x]",
    "(x)",
    "日本語",
    "äöü",
    "🎉",
    "a" * 63,
    "ж" * 31,
    " leading",
    "trailing ",
    "null",
    "c1",
    "ctid ",
    "_rivet",
    "'; DROP TABLE t; --",
    "\x01\x1f\x7f",
    "*",
    ",",
    "=",
    "&amp;",
    "<a>",
    "#hash",
    "?q",
    "@at",
    "!",
    "~",
    "public.t",
]


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture(scope="module")
def named(pg15) -> str:
    """A database with a table of each name, in a schema of a hostile name, each with columns of all the
    names."""
    database = pg15.new_database("named")
    schema = identifier('we.ird "schema"')
    pg15.execute(f"CREATE SCHEMA {schema}", database)
    columns = ", ".join(f"{identifier(name)} int" for name in NAMES)
    values = ", ".join(str(i) for i in range(len(NAMES)))
    for name in NAMES:
        pg15.execute(
            f"CREATE TABLE {schema}.{identifier(name)} ({columns});"
            f"INSERT INTO {schema}.{identifier(name)} VALUES ({values})",
            database,
        )
    return database


@pytest.mark.parametrize("consistency", ["snapshot", "statement"])
def test_every_table_and_column_keeps_its_name(program, pg15, named, consistency):
    schema = identifier('we.ird "schema"')
    exports = [
        program.export(
            f"e{i}",
            table=f"{schema}.{identifier(name)}",
            consistency=consistency,
            destination={"type": "local", "path": str(program.out / str(i))},
        )
        for i, name in enumerate(escaped(NAMES))
    ]
    program.configure(pg15.url(named), *exports).run().ok()
    for i, name in enumerate(NAMES):
        [manifest] = check_delivery(program.out / str(i))
        assert (manifest["source"]["schema"], manifest["source"]["table"]) == ('we.ird "schema"', name)
        table = pq.read_table(part_paths(program.out / str(i), manifest)[0])
        assert table.to_pylist() == [{column: n for n, column in enumerate(NAMES)}]


def escaped(names: list[str]) -> list[str]:
    """As a configuration has to write them: a literal ${ is $${."""
    return [name.replace("${", "$${") for name in names]


def test_names_survive_csv_headers(program, pg15, named):
    import csv

    table = identifier('we.ird "schema"') + '."select"'
    program.configure(pg15.url(named), program.export("t", table=table, format="csv")).run().ok()
    [manifest] = check_delivery(program.out)
    with open(part_paths(program.out, manifest)[0], newline="") as file:
        assert next(csv.reader(file)) == NAMES


def test_init_writes_every_name_so_that_run_reads_it(program, pg15, named):
    program.call("init", "--source", pg15.url(named), "--schema", 'we.ird "schema"', "-o", "rivet.yaml").ok()
    aggregate = program.run_json()
    assert aggregate["total_exports"] == aggregate["success_count"] == len(NAMES)


@pytest.mark.parametrize(
    "name",
    [
        "Exports are free",
        "日本語 🎉",
        "a" * 128,
        "semi;colon",
        "quote'\"`",
        "$(touch x)",
        "%s%n",
        "-rf",
        "{date}",
        "a.b",
        "trailing.",
    ],
)
def test_export_names_become_file_names(program, pg15, shop, name):
    path = str(program.out / "{export}")
    program.configure(
        pg15.url(shop), program.export(name, table="t", destination={"type": "local", "path": path})
    )
    if name == "{date}":
        path = str(program.out)
    aggregate = program.run_json("-e", name)
    assert aggregate["per_export"][0]["export_name"] == name
    [folder] = program.out.iterdir()
    [manifest] = check_delivery(folder)
    assert manifest["export_name"] == name
    assert [run["export_name"] for run in program.listing("metrics", "-e", name)] == [name]


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "..", "new\nline", "a" * 129, "", "\x7f"])
def test_export_names_that_are_no_file_names_are_refused(program, pg15, shop, name):
    program.configure(pg15.url(shop), program.export(name, table="t"))
    program.run().failed(1, "RIVET_CONFIG_VALUE")
    assert not program.out.exists()


@pytest.mark.parametrize(
    "name",
    ["with space", "per%cent", "quote'\"", "back\\slash", "a=b c='d'", "日本語", "sla/sh", "host=evil"],
)
def test_database_and_user_names(program, pg15, name):
    pg15.execute(f"CREATE DATABASE {identifier(name)}; ")
    pg15.execute(f"CREATE ROLE {identifier(name)} LOGIN SUPERUSER")
    pg15.execute("CREATE TABLE t AS SELECT 1 AS id", name)
    program.configure(pg15.url(name, user=name), program.export("t")).run().ok()
    fields = {"type": "postgres", "host": "127.0.0.1", "port": pg15.port, "user": name, "database": name}
    program.configure(fields, program.export("t")).run().ok()
    check_delivery(program.out)


def test_tables_of_the_search_path_and_of_a_schema_are_told_apart(program, pg15, database):
    pg15.execute(
        "CREATE TABLE t AS SELECT 1 AS id; CREATE SCHEMA other; CREATE TABLE other.t AS SELECT 2 AS id;"
        'CREATE TABLE "T" AS SELECT 3 AS id',
        database,
    )
    expected = {"t": 1, "public.t": 1, "other.t": 2, "T": 3, '"other"."t"': 2}
    for table, value in expected.items():
        export = program.export("e", table=table, format="csv", destination={"type": "stdout"})
        assert program.configure(pg15.url(database), export).run().ok().text == f"id\n{value}\n"


def test_hostile_sqlite_names(program):
    with sqlite3.connect(program.folder / "odd.db") as db:
        columns = ", ".join(f"{identifier(name)} INTEGER" for name in NAMES)
        for name in NAMES:
            db.execute(f"CREATE TABLE {identifier(name)} ({columns})")
            db.execute(
                f"INSERT INTO {identifier(name)} VALUES ({', '.join('?' * len(NAMES))})", range(len(NAMES))
            )
    db.close()
    exports = [
        program.export(
            f"e{i}", table=identifier(name), destination={"type": "local", "path": str(program.out / str(i))}
        )
        for i, name in enumerate(escaped(NAMES))
    ]
    program.configure("sqlite://odd.db", *exports).run().ok()
    for i in range(len(NAMES)):
        [manifest] = check_delivery(program.out / str(i))
        table = pq.read_table(part_paths(program.out / str(i), manifest)[0])
        assert table.to_pylist() == [{column: n for n, column in enumerate(NAMES)}]
