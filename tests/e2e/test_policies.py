"""Values that a column's type cannot hold: refused with their place by default, else handled as the user
chose, and
counted. And overrides: a column read as another type keeps every value or fails."""

import pytest

from support.delivery import check_delivery, part_paths
from support.readers import READERS, read

DAY = 86_400_000_000
# SQL type, value, class, code; what clamp makes of it
CASES = [
    ("date", "infinity", "infinity", "RIVET_VALUE_INFINITE", 2**31 - 1),
    ("date", "-infinity", "infinity", "RIVET_VALUE_INFINITE", -(2**31) + 1),
    ("timestamp", "infinity", "infinity", "RIVET_VALUE_INFINITE", 2**63 - 1),
    ("timestamptz", "-infinity", "infinity", "RIVET_VALUE_INFINITE", -(2**63) + 1),
    ("timestamp", "294276-12-31 23:59:59.999999", "range", "RIVET_VALUE_OUT_OF_RANGE", 2**63 - 1),
    ("timestamptz", "294276-12-31 23:59:59.999999+00", "range", "RIVET_VALUE_OUT_OF_RANGE", 2**63 - 1),
    ("time", "24:00:00", "time", "RIVET_VALUE_OUT_OF_RANGE", DAY - 1),
    ("numeric(10,2)", "NaN", "nan", "RIVET_VALUE_NAN", None),
]
IDS = [f"{kind} {value}" for kind, value, *_ in CASES]


def export_one(program, pg15, database, kind: str, value: str, **keys):
    pg15.execute(
        f"CREATE TABLE t (id int PRIMARY KEY, v {kind}); INSERT INTO t VALUES (1, NULL), (2, '{value}')",
        database,
    )
    program.configure(pg15.url(database), program.export("t", **keys))
    return program.run()


def values(program) -> list:
    [manifest] = check_delivery(program.out)
    seen = [read(part_paths(program.out, manifest), reader)["v"] for reader in READERS]
    assert seen[0] == seen[1] == seen[2]
    return seen[0]


def counted(program) -> dict:
    [manifest] = check_delivery(program.out)
    return manifest["columns"][1].get("policy_uses", {})


@pytest.mark.parametrize("kind, value, name, code, _", CASES, ids=IDS)
def test_by_default_the_run_fails_and_names_the_place(program, pg15, database, kind, value, name, code, _):
    result = export_one(program, pg15, database, kind, value).failed(1, code)
    assert "'v'" in result.err and "public.t" in result.err and name in result.err
    assert not list(program.out.glob("*.parquet"))


@pytest.mark.parametrize("kind, value, name, code, _", CASES, ids=IDS)
def test_null_is_null_and_counted(program, pg15, database, kind, value, name, code, _):
    export_one(program, pg15, database, kind, value, on_invalid={name: "null"}).ok()
    assert values(program) == [None, None] and counted(program) == {name: 1}


@pytest.mark.parametrize("kind, value, name, code, nearest", CASES, ids=IDS)
def test_clamp_takes_the_nearest_value_that_fits(program, pg15, database, kind, value, name, code, nearest):
    result = export_one(program, pg15, database, kind, value, on_invalid="clamp")
    if nearest is None:
        result.failed(1, code)
    else:
        assert result.ok() and values(program) == [None, nearest] and counted(program) == {name: 1}


@pytest.mark.parametrize("kind, value, name, code, _", CASES, ids=IDS)
def test_text_keeps_the_exact_text_of_the_whole_column(program, pg15, database, kind, value, name, code, _):
    export_one(program, pg15, database, kind, value, columns={"v": {"on_invalid": {name: "text"}}}).ok()
    assert values(program) == [None, pg15.query("SELECT v::text FROM t WHERE id = 2", database)[0][0]]


@pytest.mark.parametrize("policy, expected", [("null", [None, None]), ("text", [None, "{{1,2},{3,4}}"])])
def test_an_array_of_two_dimensions_has_policies_too(program, pg15, database, policy, expected):
    export_one(program, pg15, database, "int[]", "{{1,2},{3,4}}", on_invalid=policy).ok()
    assert values(program) == expected


def test_a_declared_two_dimensional_array_is_text(program, pg15, database):
    export_one(program, pg15, database, "int[][]", "{{1,2},{3,4}}").ok()
    assert values(program) == [None, "{{1,2},{3,4}}"]


@pytest.mark.parametrize("policy, expected", [("null", None), ("text", "infinity")])
def test_infinite_intervals_have_policies_too(program, pg17, policy, expected):
    export_one(
        program, pg17, pg17.new_database(), "interval", "infinity", on_invalid={"infinity": policy}
    ).ok()
    assert values(program) == [None, expected]


def test_null_policy_makes_a_required_column_optional(program, pg15, database):
    pg15.execute("CREATE TABLE t (id int, v date NOT NULL); INSERT INTO t VALUES (1, 'infinity')", database)
    program.configure(pg15.url(database), program.export("t", on_invalid="null")).run().ok()
    assert values(program) == [None]


@pytest.mark.parametrize(
    "kind, override, source, expected",
    [
        ("numeric", "decimal(38,10)", "1.5", "1.5000000000"),
        ("numeric(10,2)", "int8", "7.00", 7),
        ("text", "bigint", "-9223372036854775808", -(2**63)),
        ("text", "uuid", "27005CFF27005cff270000275cff0001", "27005cff-2700-5cff-2700-00275cff0001"),
        ("text", "bool", "true", True),
        ("text", "date", "2024-02-29", 19782),
        ("text", "timestamp", "2024-02-29 00:00:00.000001", 19782 * DAY + 1),
        ("bigint", "text", "12", "12"),
        ("int4", "decimal(5,2)", "999", "999.00"),
        ("text", "json", '{"a": 1}', '{"a": 1}'),
    ],
)
def test_an_override_reads_the_same_value(program, pg15, database, kind, override, source, expected):
    export_one(program, pg15, database, kind, source, columns={"v": override}).ok()
    assert values(program) == [None, expected]


@pytest.mark.parametrize(
    "kind, override, source",
    [
        ("numeric", "decimal(5,0)", "1.05"),
        ("numeric", "decimal(4,2)", "100"),
        ("bigint", "int2", "32768"),
        ("text", "uuid", "not a uuid"),
        ("text", "date", "2024-02-30"),
        ("text", "int4", "2147483648"),
        ("text", "bool", "maybe"),
        ("numeric", "decimal(5,2)", "NaN"),
    ],
)
def test_an_override_never_changes_a_value_silently(program, pg15, database, kind, override, source):
    result = export_one(program, pg15, database, kind, source, columns={"v": override})
    assert result.rc == 1 and result.code.startswith("RIVET_VALUE_") and "'v'" in result.err


def test_an_override_of_no_column_is_refused_with_a_suggestion(program, pg15, shop):
    program.configure(pg15.url(shop), program.export("t", columns={"prise": "text"}))
    assert "did you mean 'price'?" in program.run().failed(1, "RIVET_CONFIG_VALUE").err


def test_text_that_is_not_utf8_is_refused_or_null(program, pg15):
    """A SQL_ASCII database holds whatever bytes it was given."""
    database = pg15.new_database("ascii", "ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    with pg15.connect(database, client_encoding="SQL_ASCII") as session:
        session.execute(
            b"CREATE TABLE t (id int, v text); INSERT INTO t VALUES (1, 'plain'), (2, E'caf\\351')"
        )
    program.configure(pg15.url(database), program.export("t"))
    result = program.run()
    assert result.rc == 1 and result.code == "RIVET_VALUE_ENCODING"
    program.configure(pg15.url(database), program.export("t", on_invalid={"encoding": "null"})).run().ok()
    assert values(program) == ["plain", None]


@pytest.mark.parametrize(
    "encoding, text", [("LATIN1", "café ÿ"), ("WIN1252", "€ “quoted”"), ("EUC_JP", "日本")]
)
def test_other_server_encodings_arrive_as_utf8(program, pg15, encoding, text):
    database = pg15.new_database("encoded", f"ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    pg15.execute(f"CREATE TABLE t (id int, v text); INSERT INTO t VALUES (1, '{text}')", database)
    program.configure(pg15.url(database), program.export("t")).run().ok()
    assert values(program) == [text]


def test_a_value_above_the_limit_is_refused_before_it_is_copied(program, pg15, database):
    pg15.execute("CREATE TABLE t (id int, v text); INSERT INTO t SELECT 1, repeat('x', 3000000)", database)
    keys = {"tuning": {"max_value_mb": 2}}
    program.configure(pg15.url(database), program.export("t", **keys)).run().failed(
        1, "RIVET_VALUE_TOO_LARGE"
    )
    program.configure(pg15.url(database), program.export("t", tuning={"max_value_mb": 3})).run().ok()
    assert len(values(program)[0]) == 3000000
