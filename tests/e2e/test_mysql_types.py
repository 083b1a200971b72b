"""Every value of every type equals what the server itself says, in independent readers, on every server of the MySQL
family, however ill-mannered its settings are."""

import pytest

import torture_mysql as torture
from support.delivery import check_delivery, part_paths
from support.program import Program
from support.readers import CLICKHOUSE, READERS, read
from support.servers import MARIADB, MYSQL57, MYSQL80, Flavour, MysqlServer

USER = "exporter"  # no superuser: init_connect is for it, too


@pytest.fixture(scope="module", params=(MARIADB, MYSQL80, MYSQL57), ids=lambda flavour: flavour.name)
def hostile(request, base) -> MysqlServer:
    server = torture.hostile_server(request.param, base)
    server.new_user(USER, "IDENTIFIED WITH mysql_native_password")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def database(hostile) -> str:
    name = hostile.new_database("torture")
    hostile.execute(*torture.create("scalars", torture.columns(hostile.flavour)), database=name)
    return name


@pytest.fixture(scope="module")
def exported(hostile, database, base) -> Program:
    folder = base / f"torture-{hostile.flavour.name}"
    folder.mkdir()
    program = Program(folder)
    program.configure(hostile.url(database, USER), program.export("scalars"))
    program.run().ok()
    return program


def truth(server: MysqlServer, database: str, chosen: list[torture.Column]) -> dict[str, list]:
    """Canonical values by column, asked of the server."""
    rows = server.query(f"SELECT {', '.join(map(torture.truth, chosen))} FROM scalars ORDER BY id", database)
    return {
        column.name: [torture.canonical(column, row[i]) for row in rows] for i, column in enumerate(chosen)
    }


def unequal(program: Program, reader: str, expected: dict[str, list], chosen: list[torture.Column]) -> dict:
    """(found, expected) by column, where they differ."""
    [manifest] = check_delivery(program.out)
    found = read(part_paths(program.out, manifest), reader, ["id", *(column.name for column in chosen)])
    order = sorted(range(len(found["id"])), key=found["id"].__getitem__)
    wrong = {}
    for column in chosen:
        pairs = list(zip((found[column.name][i] for i in order), expected[column.name], strict=True))
        if differing := [pair for pair in pairs if pair[0] != pair[1]]:
            wrong[f"{column.name} {column.type}"] = differing
    return wrong


@pytest.mark.parametrize("reader", [*READERS, CLICKHOUSE])
def test_values_are_equal(hostile, database, exported, reader):
    chosen = [column for column in torture.columns(hostile.flavour) if reader not in column.unread_by]
    assert not unequal(exported, reader, truth(hostile, database, chosen), chosen)


@pytest.mark.parametrize("reader", READERS)
def test_a_query_s_columns_are_equal(hostile, database, program, reader):
    """Of a query only the wire tells the types. Some are wider there; values are the same all the same."""
    chosen = [
        column
        for column in torture.columns(hostile.flavour)
        if reader not in column.unread_by and column.truth not in ("geometry", "bound")
    ]
    names = ", ".join(f"`{column.name}`" for column in chosen)
    query = f"SELECT id, {names} FROM scalars"
    program.configure(hostile.url(database, USER), program.export("scalars", query=query)).run().ok()
    assert not unequal(program, reader, truth(hostile, database, chosen), chosen)


def test_no_type_of_the_server_is_left_out(hostile, database):
    """What SHOW COLUMNS and the documentation call a type is a column of the table."""
    used = {
        name
        for (name,) in hostile.query(
            f"SELECT DISTINCT LOWER(DATA_TYPE) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{database}'"
        )
    }
    expected = set(
        "tinyint smallint mediumint int bigint decimal float double bit date time datetime timestamp year char varchar"
        " binary varbinary tinyblob blob mediumblob longblob tinytext text mediumtext longtext enum set point"
        " geometry multipoint".split()
    )
    expected |= {"uuid", "inet4", "inet6"} if hostile.is_mariadb else {"json"}
    assert expected <= used


def test_every_character_set_of_the_server_is_read(hostile, program):
    """One column for each that can hold the letter: what arrives is that letter."""
    database = hostile.new_database("charsets")
    names = [name for (name,) in hostile.query("SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS")]
    columns = ", ".join(f"c_{name} varchar(8) CHARACTER SET {name}" for name in names)
    hostile.execute(
        f"CREATE TABLE t (id int PRIMARY KEY, {columns})",
        f"INSERT INTO t VALUES (1, {', '.join(['0x41' if name == 'binary' else repr('A') for name in names])})",
        database=database,
    )
    program.configure(hostile.url(database, USER), program.export("t")).run().ok()
    [manifest] = check_delivery(program.out)
    found = read(part_paths(program.out, manifest), "pyarrow")
    assert {found[f"c_{name}"][0] for name in names} <= {"A", "41"} and len(names) > 35


def test_the_manifest_says_what_was_kept_of_each_type(hostile, exported):
    [manifest] = check_delivery(exported.out)
    columns = {column["name"]: column for column in manifest["columns"]}
    wanted = {
        "c_bool": "bool",
        "c_tinyint": "int16",
        "c_tinyint_u": "int16",
        "c_smallint": "int16",
        "c_smallint_u": "int32",
        "c_mediumint": "int32",
        "c_int": "int32",
        "c_int_u": "int64",
        "c_bigint": "int64",
        "c_bigint_u": "uint64",
        "c_float": "float32",
        "c_double": "float64",
        "c_dec_9_2": "decimal(9,2)",
        "c_dec_65_30": "decimal(65,30)",
        "c_date": "date",
        "c_time_6": "string",
        "c_datetime_6": "timestamp",
        "c_timestamp_6": "timestamp_tz",
        "c_year": "int16",
        "c_varchar": "string",
        "c_binary": "binary",
        "c_json": "json",
        "c_enum": "enum",
        "c_set": "enum",
        "c_bit_1": "bool",
        "c_bit_9": "int64",
        "c_geometry": "binary",
    }
    assert {name: columns[name]["type"] for name in wanted} == wanted
    assert not columns["id"]["nullable"] and columns["c_int"]["nullable"]
    assert columns["c_time_6"]["fidelity"] == "logical_string", "a duration is no time of day"
    assert columns["c_dec_9_2"]["native_type"] == "decimal(9,2)"
    assert columns["c_dec_9_2"]["fidelity"] == "exact" and columns["c_enum"]["fidelity"] == "compatible"


def test_invisible_and_generated_columns_are_columns(hostile, exported):
    [manifest] = check_delivery(exported.out)
    names = [column["name"] for column in manifest["columns"]]
    assert {"c_generated", "c_virtual"} <= set(names)
    assert ("c_invisible" in names) == (hostile.flavour in (MARIADB, MYSQL80))


def test_a_view_s_columns_are_equal(hostile, database, program):
    hostile.execute("CREATE OR REPLACE VIEW viewed AS SELECT * FROM scalars", database=database)
    program.configure(hostile.url(database, USER), program.export("viewed")).run().ok()
    chosen = [
        column
        for column in torture.columns(hostile.flavour)
        if "pyarrow" not in column.unread_by and column.name != "c_invisible"
    ]
    assert not unequal(program, "pyarrow", truth(hostile, database, chosen), chosen)


@pytest.mark.parametrize("flavour", [MYSQL80], ids=lambda flavour: flavour.name)
def test_names_of_any_kind(request, flavour: Flavour, program):
    """Tables and columns whose names the connection's character set has to carry, and quotes to keep apart."""
    server = request.getfixturevalue(flavour.name)
    database = server.new_database("names")
    names = ["plain", "two words", "back`tick", 'dou"ble', "sin'gle", "ünï 日本", "select", "semi;colon", "per%cent"]
    columns = ", ".join("`" + name.replace("`", "``") + "` int" for name in names)
    for name in names:
        table = "`" + name.replace("`", "``") + "`"
        server.execute(
            f"CREATE TABLE {table} (id int PRIMARY KEY, {columns})",
            f"INSERT INTO {table} VALUES (1, {', '.join('7' for _ in names)})",
            database=database,
        )
        folder = program.folder / f"out{names.index(name)}"
        destination = {"type": "local", "path": str(folder)}
        table = '"' + name.replace('"', '""') + '"'
        program.configure(server.url(database), program.export("x", table=table, destination=destination)).run().ok()
        [manifest] = check_delivery(folder)
        found = read(part_paths(folder, manifest), "pyarrow")
        assert found == {"id": [1]} | {column: [7] for column in names}
