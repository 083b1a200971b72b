"""Every value of every type equals what PostgreSQL itself says, in three independent readers, on every
major."""

import pytest

import torture
from support.delivery import check_delivery, part_paths
from support.program import Program
from support.readers import READERS, float_bits, read
from support.servers import PostgresServer

GATES = 16  # so many a summary shows
# Types without an input function that a user could call, so no column of a user can hold them.
INTERNAL = {
    "pg_node_tree",
    "pg_ndistinct",
    "pg_dependencies",
    "pg_mcv_list",
    "pg_brin_bloom_summary",
    "pg_brin_minmax_multi_summary",
    "gtsvector",
}


@pytest.fixture(scope="module")
def tables(pg: PostgresServer, base) -> tuple[str, dict]:
    """A hostile database with both torture tables, and the folder of each one's export."""
    database = pg.new_database("torture")
    scalars, lists = torture.columns(pg.major), torture.list_columns(pg.major)
    with pg.connect(database) as session:
        session.execute("SET standard_conforming_strings = on")
        session.execute(torture.TYPES)
        session.execute(torture.create("scalars", scalars))
        session.execute(torture.create("lists", lists))
        for setting in torture.HOSTILE:
            session.execute(f'ALTER DATABASE "{database}" SET {setting}')
    folder = base / f"torture-{pg.major}"
    folder.mkdir()
    program = Program(folder)
    program.configure(
        pg.url(database),
        program.export("scalars"),
        program.export("lists", destination={"type": "local", "path": str(folder / "lists")}),
    )
    program.run().ok()
    return database, {"scalars": program.out, "lists": folder / "lists"}


def truth_of(pg: PostgresServer, database: str, table: str, chosen: list[torture.Column]) -> dict[str, list]:
    """Canonical values by column, asked of the server."""
    ask = torture.list_truth if table == "lists" else torture.scalar_truth
    rows = pg.query(f"SELECT {', '.join(map(ask, chosen))} FROM {table} ORDER BY id", database)
    return {
        column.name: [as_canonical(column.truth, row[i]) for row in rows] for i, column in enumerate(chosen)
    }


def as_canonical(truth: str, value):
    if isinstance(value, list):
        return [as_canonical(truth, element) for element in value]
    if value is not None and truth in ("float4", "float8"):
        return float_bits(value, ">f" if truth == "float4" else ">d")
    return value


def check_table(pg: PostgresServer, tables: tuple[str, dict], table: str, reader: str) -> None:
    database, folders = tables
    every = torture.columns(pg.major) if table == "scalars" else torture.list_columns(pg.major)
    chosen = [column for column in every if reader not in column.unread_by]
    [manifest] = check_delivery(folders[table])
    found = read(part_paths(folders[table], manifest), reader, ["id", *(column.name for column in chosen)])
    order = sorted(range(len(found["id"])), key=found["id"].__getitem__)
    expected = truth_of(pg, database, table, chosen)
    wrong = {}
    for column in chosen:
        pairs = list(zip((found[column.name][i] for i in order), expected[column.name], strict=True))
        if unequal := [pair for pair in pairs if pair[0] != pair[1]]:
            wrong[f"{column.name} {column.type}"] = unequal
    assert not wrong, "(found, expected) by column"


@pytest.mark.parametrize("reader", READERS)
def test_scalars_are_equal(pg, tables, reader):
    check_table(pg, tables, "scalars", reader)


@pytest.mark.parametrize("reader", READERS)
def test_lists_are_equal(pg, tables, reader):
    check_table(pg, tables, "lists", reader)


def test_no_built_in_type_is_left_out(pg, tables):
    """The table is complete: whatever the catalog calls a type of values is a column of it."""
    rows = pg.query(
        "SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN"
        " ('b', 'r', 'm', 'e', 'd') AND typcategory NOT IN ('A', 'P') AND NOT EXISTS (SELECT FROM pg_class c"
        " WHERE c.reltype = pg_type.oid)",
        tables[0],
    )
    used = pg.query(
        "SELECT DISTINCT t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"
        " WHERE attrelid = 'scalars'::regclass AND attnum > 0",
        tables[0],
    )
    assert {name for (name,) in rows} - {name for (name,) in used} - INTERNAL == set()


def test_the_manifest_says_what_was_kept_of_each_type(pg, tables):
    [manifest] = check_delivery(tables[1]["scalars"])
    columns = {column["name"]: column for column in manifest["columns"]}
    assert columns["c_num_10_2"]["type"] == "decimal(10,2)" and columns["c_num_10_2"]["fidelity"] == "exact"
    assert columns["c_num_10_2"]["native_type"] == "numeric(10,2)"
    assert columns["c_num"]["type"] == "string" and columns["c_num"]["fidelity"] == "logical_string"
    assert columns["c_inet"]["fidelity"] == "logical_string" and columns["c_enum"]["fidelity"] == "compatible"
    assert not columns["id"]["nullable"] and columns["c_bool"]["nullable"]


def test_strict_refuses_what_is_only_text(pg15, database, program):
    pg15.execute("CREATE TABLE t (id int, address inet)", database)
    program.configure(pg15.url(database), program.export("t", strict=True))
    assert "address" in program.run().failed(1, "RIVET_SCHEMA_STRICT").err


def test_a_repeated_value_of_any_type_is_a_duplicate(release, pg17):
    """A gate of uniqueness that could not look at a type would pass whatever is in the column."""
    database = pg17.new_database("twice")
    chosen = torture.columns(pg17.major) + torture.list_columns(pg17.major)
    pg17.execute(torture.TYPES, database)
    pg17.execute(torture.create("scalars", torture.columns(pg17.major)), database)
    pg17.execute(torture.create("lists", torture.list_columns(pg17.major)), database)
    passed = []
    for table in ("scalars", "lists"):
        pg17.execute(f"CREATE TABLE twice_{table} AS SELECT * FROM {table} UNION ALL SELECT * FROM {table}", database)
    for first in range(0, len(chosen), GATES):
        some = chosen[first : first + GATES]
        for table, letter in (("twice_scalars", "c"), ("twice_lists", "l")):
            names = [column.name for column in some if column.name.startswith(letter)]
            if not names:
                continue
            gates = {"unique_columns": names}
            release.configure(pg17.url(database), release.export(table, on_existing="replace", quality=gates))
            result = release.run("--json").failed(3, "RIVET_QUALITY_FAILED")
            found = {gate["column"]: gate for gate in result.json["per_export"][0]["quality"]["gates"]}
            passed += [name for name in names if found[name]["verdict"] != "failed" or not found[name]["measured"]]
    assert not passed
