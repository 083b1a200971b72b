"""What a column of MySQL can hold and its type in the file cannot: refused with its place by default, else handled as
the user chose, and counted."""

import pytest

from support.delivery import check_delivery, part_paths
from support.readers import READERS, read
from tables_mysql import configure, new_database
from torture_mysql import days, wall

# column, value in SQL, class of on_invalid, what clamp makes of it (None: there is nothing near), its text
CASES = [
    ("date", "'0000-00-00'", "zero_date", days("0000-01-01"), "0000-00-00"),
    ("date", "'2024-00-10'", "zero_date", days("2024-01-10"), "2024-00-10"),
    ("date", "'2024-05-00'", "zero_date", days("2024-05-01"), "2024-05-00"),
    ("date", "'2017-02-31'", "zero_date", days("2017-02-28"), "2017-02-31"),
    ("datetime", "'0000-00-00'", "zero_date", wall("0000-01-01 00:00:00"), "0000-00-00 00:00:00"),
    ("datetime", "'2017-02-31 12:34:56'", "zero_date", wall("2017-02-28 12:34:56"), "2017-02-31 12:34:56"),
    (
        "datetime(6)",
        "'2024-00-00 23:59:59.999999'",
        "zero_date",
        wall("2024-01-01 23:59:59.999999"),
        "2024-00-00 23:59:59.999999",
    ),
    ("timestamp NULL", "'0000-00-00'", "zero_date", wall("0000-01-01 00:00:00"), "0000-00-00 00:00:00+00:00"),
    ("tinyint(1)", "2", "unparseable", None, "2"),
    ("tinyint(1)", "127", "unparseable", None, "127"),
    ("tinyint(1)", "-1", "unparseable", None, "-1"),
]
IDS = [f"{kind} {value}" for kind, value, *_ in CASES]


def export_one(program, server, kind: str, value: str, **keys):
    database = new_database(server, 1)
    server.execute(
        "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'",
        f"CREATE TABLE t (id int PRIMARY KEY, v {kind})",
        f"INSERT INTO t VALUES (1, NULL), (2, {value})",
        database=database,
    )
    configure(program, server, database, **keys)
    return program.run()


def values(program) -> list:
    [manifest] = check_delivery(program.out)
    seen = [read(part_paths(program.out, manifest), reader)["v"] for reader in READERS]
    assert seen[0] == seen[1] == seen[2]
    return seen[0]


def counted(program) -> dict:
    [manifest] = check_delivery(program.out)
    return manifest["columns"][1].get("policy_uses", {})


@pytest.mark.parametrize("kind, value, name, _, __", CASES, ids=IDS)
def test_by_default_the_run_fails_and_names_the_place(program, mysql, kind, value, name, _, __):
    result = export_one(program, mysql, kind, value)
    assert result.rc == 1 and result.code.startswith("RIVET_VALUE_"), result.err
    assert "'v'" in result.err and ".t" in result.err and name in result.err
    assert not list(program.out.glob("*.parquet"))


@pytest.mark.parametrize("kind, value, name, _, __", CASES, ids=IDS)
def test_null_is_null_and_counted(program, mysql, kind, value, name, _, __):
    export_one(program, mysql, kind, value, on_invalid={name: "null"}).ok()
    assert values(program) == [None, None] and counted(program) == {name: 1}


@pytest.mark.parametrize("kind, value, name, nearest, _", CASES, ids=IDS)
def test_clamp_takes_the_nearest_value_that_fits(program, mysql, kind, value, name, nearest, _):
    result = export_one(program, mysql, kind, value, on_invalid="clamp")
    if nearest is None:
        assert result.rc == 1 and result.code.startswith("RIVET_VALUE_")
    else:
        assert result.ok() and values(program) == [None, nearest] and counted(program) == {name: 1}


@pytest.mark.parametrize("kind, value, name, _, text", CASES, ids=IDS)
def test_text_keeps_the_exact_text_of_the_whole_column(program, mysql, kind, value, name, _, text):
    export_one(program, mysql, kind, value, columns={"v": {"on_invalid": {name: "text"}}}).ok()
    assert values(program) == [None, text]


@pytest.mark.parametrize("value, stored", [("'00:00:00'", "00:00:00"), ("'-00:00:01'", "-00:00:01")])
def test_a_time_of_zero_is_no_zero_date(program, mysql, value, stored):
    export_one(program, mysql, "time", value, on_invalid={"zero_date": "null"}).ok()
    assert values(program) == [None, stored] and counted(program) == {}


@pytest.mark.parametrize("value", ["'25:30:00'", "'-12:00:00'", "'838:59:59'", "'24:00:00'"])
def test_a_time_of_day_is_only_what_a_day_has(program, mysql, value):
    """Asked to be one, a duration is refused, or what the policy says."""
    result = export_one(program, mysql, "time", value, columns={"v": "time"})
    assert result.rc == 1 and result.code.startswith("RIVET_VALUE_") and "'v'" in result.err
    result = export_one(program, mysql, "time", value, columns={"v": "time"}, on_invalid={"time": "null"})
    assert result.ok() and values(program) == [None, None] and counted(program) == {"time": 1}


def test_a_time_within_a_day_can_be_a_time_of_day(program, mysql):
    export_one(program, mysql, "time(6)", "'23:59:59.999999'", columns={"v": "time"}).ok()
    assert values(program) == [None, 86_399_999_999]


@pytest.mark.parametrize(
    "kind, override, source, expected",
    [
        ("tinyint(1)", "smallint", "-1", -1),
        ("tinyint(1)", "smallint", "127", 127),
        ("bigint unsigned", "decimal(20,0)", "18446744073709551615", "18446744073709551615"),
        ("bigint unsigned", "text", "18446744073709551615", "18446744073709551615"),
        ("char(36)", "uuid", "'27005CFF-2700-5cff-2700-00275cff0001'", "27005cff-2700-5cff-2700-00275cff0001"),
        ("varchar(20)", "bigint", "'-9223372036854775808'", -(2**63)),
        ("decimal(10,2)", "int8", "'7.00'", 7),
        ("float", "text", "0.1", "0.1"),
        ("double", "text", "0.30000000000000004", "0.30000000000000004"),
        ("bit(16)", "text", "12849", "12849"),
        ("year", "text", "0", "0000"),
        ("text", "json", """'{"a": 1}'""", '{"a": 1}'),
    ],
)
def test_an_override_reads_the_same_value(program, mysql, kind, override, source, expected):
    export_one(program, mysql, kind, source, columns={"v": override}).ok()
    assert values(program) == [None, expected]


@pytest.mark.parametrize(
    "kind, override, source",
    [
        ("bigint unsigned", "bigint", "9223372036854775808"),
        ("int", "smallint", "32768"),
        ("varchar(20)", "uuid", "'not a uuid'"),
        ("varchar(20)", "date", "'2024-02-30'"),
        ("decimal(5,2)", "decimal(4,2)", "100"),
        ("varchar(20)", "bool", "'maybe'"),
    ],
)
def test_an_override_never_changes_a_value_silently(program, mysql, kind, override, source):
    result = export_one(program, mysql, kind, source, columns={"v": override})
    assert result.rc == 1 and result.code.startswith("RIVET_VALUE_") and "'v'" in result.err


@pytest.mark.parametrize("policy, expected, uses", [("fail", "", {}), ("null", None, {"unparseable": 1})])
def test_what_is_none_of_an_enum_s_labels(program, mysql, policy, expected, uses):
    """Without strict mode the server keeps the index 0 for it and shows an empty text, which is what a file gets, too."""
    export_one(program, mysql, "enum('a','b')", "'no such label'", on_invalid={"unparseable": policy}).ok()
    assert values(program) == [None, expected] and counted(program) == uses


def test_an_empty_label_is_a_label(program, mysql):
    export_one(program, mysql, "enum('','b')", "''", on_invalid={"unparseable": "null"}).ok()
    assert values(program) == [None, ""] and counted(program) == {}


@pytest.mark.parametrize("policy, expected", [("null", [None, None]), ("text", [None, "{not json"])])
def test_json_of_mariadb_that_is_none(program, mariadb, policy, expected):
    """There JSON is a text with a check, and a session can do without checks."""
    database = new_database(mariadb, 1)
    mariadb.execute(
        "SET SESSION check_constraint_checks = OFF",
        "CREATE TABLE t (id int PRIMARY KEY, v json)",
        "INSERT INTO t VALUES (1, NULL), (2, '{not json')",
        database=database,
    )
    configure(program, mariadb, database).run().failed(1, "RIVET_VALUE_UNPARSEABLE")
    configure(program, mariadb, database, on_invalid={"unparseable": policy}).run().ok()
    assert values(program) == expected


def test_a_value_above_the_limit_is_refused_before_it_is_copied(program, mysql):
    result = export_one(program, mysql, "longtext", "REPEAT('x', 3000000)", tuning={"max_value_mb": 2})
    result.failed(1, "RIVET_VALUE_TOO_LARGE")
    export_one(program, mysql, "longtext", "REPEAT('x', 3000000)", tuning={"max_value_mb": 3}).ok()
    assert len(values(program)[1]) == 3000000
