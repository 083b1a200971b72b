"""The type torture table: every built-in type of PostgreSQL at its ends, and lists of all of them.

Each column says how its truth is asked of the server in SQL, in the canonical form of support/readers.py.
"""

from dataclasses import dataclass, field

EVER = 10000  # a major that no server has


@dataclass(frozen=True)
class Column:
    name: str
    type: str  # as in CREATE TABLE
    values: tuple  # SQL expressions, cast to the type
    truth: str = "text"  # key of TRUTH
    since: int = 0  # first major that has it
    before: int = EVER
    has_list: bool = True
    unread_by: tuple = field(default=())  # readers that cannot hold it; the others must


# {v} is the value. Infinities are not in this table: what becomes of them is a policy, see test_policies.py.
TRUTH = {
    "text": "({v})::text",
    "integer": "({v})::bigint",
    "bool": "({v})",
    "float4": "({v})::float4",
    "float8": "({v})::float8",
    "numeric": "({v})::numeric::text",
    "date": "(({v})::date - date '1970-01-01')",
    "time": "round(extract(epoch FROM {v})::numeric * 1000000)::bigint",
    "timestamp": "((({v})::date - date '1970-01-01')::bigint * 86400000000"
    " + round(extract(epoch FROM ({v})::time)::numeric * 1000000)::bigint)",
    "instant": "((({v} AT TIME ZONE 'UTC')::date - date '1970-01-01')::bigint * 86400000000"
    " + round(extract(epoch FROM ({v} AT TIME ZONE 'UTC')::time)::numeric * 1000000)::bigint)",
    "hex": "encode({v}, 'hex')",
    "blanks": "textin(bpcharout({v}))",  # a cast of char(n) to text would strip them
    "integers": "({v})::integer[]",
}


def q(*texts: str) -> tuple:
    """SQL literals."""
    return tuple("E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'" for text in texts)


LONG = "repeat('ж', 100000)"
TEXTS = q(
    "", "NULL", "\\N", " x ", 'a,"b"\r\n;\t', "äöü 日本 🎉", "\x01\x7f\\", "a'b`c\"d", "null", "\\."
) + (LONG,)
NINES_38 = "9" * 28 + "." + "9" * 10
BIG = "('1' || repeat('0', 131071))::numeric"

SCALARS = [
    Column("c_bool", "boolean", ("true", "false"), "bool"),
    Column("c_int2", "smallint", ("-32768", "32767", "0", "-1"), "integer"),
    Column("c_int4", "integer", ("-2147483648", "2147483647", "0", "-1"), "integer"),
    Column("c_int8", "bigint", ("-9223372036854775808", "9223372036854775807", "0", "-1"), "integer"),
    Column("c_oid", "oid", ("0", "4294967295"), "integer"),
    Column(
        "c_float4",
        "real",
        q("NaN", "Infinity", "-Infinity", "-0", "0.1", "3.4028235e38", "1e-45", "-1.17549435e-38"),
        "float4",
    ),
    Column(
        "c_float8",
        "double precision",
        q(
            "NaN",
            "Infinity",
            "-Infinity",
            "-0",
            "0.1",
            "1.7976931348623157e308",
            "5e-324",
            "0.30000000000000004",
            "9007199254740993",
        ),
        "float8",
    ),
    Column("c_num_9_2", "numeric(9,2)", ("0", "-0.01", "9999999.99", "-9999999.99", "1.10"), "numeric"),
    Column("c_num_10_2", "numeric(10,2)", ("0", "12.3", "99999999.99", "-99999999.99"), "numeric"),
    Column(
        "c_num_18_18", "numeric(18,18)", ("0.000000000000000001", "-0.999999999999999999", "0"), "numeric"
    ),
    Column("c_num_19_4", "numeric(19,4)", ("922337203685477.5807", "-922337203685477.5808", "0"), "numeric"),
    Column(
        "c_num_38_10",
        "numeric(38,10)",
        (NINES_38, "-" + NINES_38, "0.0000000001", "0.1", "100000000"),
        "numeric",
    ),
    Column(
        "c_num_39_0",
        "numeric(39,0)",
        ("9" * 39, "-" + "9" * 39, "0"),
        "numeric",
        unread_by=("duckdb", "polars"),
    ),
    Column(
        "c_num_76_38",
        "numeric(76,38)",
        ("9" * 38 + "." + "9" * 38, "-0." + "0" * 37 + "1", "0"),
        "numeric",
        unread_by=("duckdb", "polars"),
    ),
    Column("c_num_77_1", "numeric(77,1)", ("9" * 76 + ".9", "-0.1"), "numeric"),
    Column("c_num_1000_500", "numeric(1000,500)", ("1", "-0." + "0" * 499 + "1"), "numeric"),
    Column("c_num_5_m2", "numeric(5,-2)", ("1234567", "-9999900", "49"), "numeric", since=15),
    Column("c_num_3_5", "numeric(3,5)", ("0.00999", "-0.00001"), "numeric", since=15),
    Column("c_num", "numeric", ("1e-30", "1e30", "1.10", "0", q("NaN")[0], "-0.0001", BIG), "numeric"),
    Column("c_num_inf", "numeric", q("Infinity", "-Infinity", "NaN", "1"), "numeric", since=14),
    Column("c_money", "money", q("-92233720368547758.08", "92233720368547758.07", "0", "-0.01"), "numeric"),
    Column(
        "c_date",
        "date",
        q(
            "4713-01-01 BC",
            "0001-01-01",
            "0001-12-31 BC",
            "1582-10-10",
            "1970-01-01",
            "1969-12-31",
            "2000-02-29",
            "9999-12-31",
            "10000-01-01",
            "5874897-12-31",
        ),
        "date",
    ),
    Column("c_time", "time", q("00:00:00", "23:59:59.999999", "12:34:56.000001"), "time"),
    Column("c_time_0", "time(0)", q("00:00:01", "23:59:59"), "time"),
    Column(
        "c_timestamp",
        "timestamp",
        q(
            "4713-11-24 00:00:00 BC",
            "0001-01-01 00:00:00",
            "1969-12-31 23:59:59.999999",
            "1970-01-01 00:00:00",
            "2024-03-10 02:30:00",
            "9999-12-31 23:59:59.999999",
            "294247-01-10 04:00:54.775806",
        ),
        "timestamp",
    ),
    Column(
        "c_timestamp_3", "timestamp(3)", q("2024-01-01 00:00:00.1235", "1969-12-31 23:59:59.999"), "timestamp"
    ),
    Column(
        "c_timestamptz",
        "timestamptz",
        q(
            "4713-11-24 00:00:00+00 BC",
            "0001-01-01 00:00:00+00",
            "1969-12-31 23:59:59.999999+00",
            "2024-11-03 01:30:00-07",
            "2024-11-03 01:30:00-08",
            "9999-12-31 23:59:59.999999+14",
            "294247-01-10 04:00:54.775806+00",
        ),
        "instant",
    ),
    Column("c_timetz", "timetz", q("00:00:00+15:59:59", "23:59:59.999999-15:59:59", "24:00:00+00")),
    Column(
        "c_interval",
        "interval",
        q(
            "0",
            "1 year 2 months 3 days 04:05:06.7",
            "-1 year",
            "-00:00:00.000001",
            "1 month -1 day 00:00:01",
            "-178000000 years",
            "178000000 years",
            "-596523:14:07.999999",
            "25 months 100:00:00.5",
            "-0.5 seconds",
        ),
    ),
    Column("c_text", "text", TEXTS),
    Column("c_varchar", "varchar(20)", q("", "NULL", "äöüäöüäöüäöüäöüäöüäö", "🎉")),
    Column("c_char", "char(10)", q("", "x", "x  ", "äöüäöüäöüä"), "blanks"),
    Column("c_qchar", '"char"', q("", "a", "\\377") + ('chr(1)::"char"',)),
    Column("c_name", "name", q("", "a" * 63, "日本")),
    Column(
        "c_bytea",
        "bytea",
        ("''", "'\\x00'", "'\\xff00fe5c27'", "decode(repeat('00ff', 50000), 'hex')"),
        "hex",
    ),
    Column(
        "c_json",
        "json",
        q(
            '{"b":1, "a" : 2,"b":3}',
            "1e400",
            "null",
            '"\\ud83d\\ude00 \\u0041"',
            "[]",
            "123456789012345678901.10",
        ),
    ),
    Column(
        "c_jsonb",
        "jsonb",
        q('{"b":1, "a" : 2,"b":3}', "1e40", "null", '"\\ud83d\\ude00"', "[]", "123456789012345678901.10"),
    ),
    Column("c_jsonpath", "jsonpath", q("$.a[*] ? (@ > 1)")),
    Column(
        "c_uuid",
        "uuid",
        q(
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "27005cff-2700-5cff-2700-00275cff0001",
        ),
    ),
    Column("c_xml", "xml", q("<a>&lt;äöü</a>", "text only", "<a/><b/>")),
    Column("c_inet", "inet", q("0.0.0.0/0", "255.255.255.255", "::/0", "2001:db8::1/64", "10.1.2.3/8")),
    Column("c_cidr", "cidr", q("10.0.0.0/8", "::/0")),
    Column("c_macaddr", "macaddr", q("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff")),
    Column("c_macaddr8", "macaddr8", q("ff:ff:ff:ff:ff:ff:ff:ff")),
    Column("c_bit", "bit(16)", ("B'0011000100110010'", "B'1111111111111111'", "B'0000000000000000'")),
    Column("c_varbit", "varbit", ("B''", "B'1'", "B'" + "10" * 40 + "'")),
    Column("c_point", "point", q("(0,-0)", "(1e308,NaN)", "(0.1,0.2)")),
    Column("c_line", "line", q("{1,2,3}")),
    Column("c_lseg", "lseg", q("[(0,0),(1,1)]")),
    Column("c_box", "box", q("(1,1),(0,0)")),
    Column("c_path", "path", q("((0,0),(1,1))", "[(0,0),(1,1)]")),
    Column("c_polygon", "polygon", q("((0,0),(1,1),(1,0))")),
    Column("c_circle", "circle", q("<(0,0),1.5>")),
    Column("c_tsvector", "tsvector", q("", "'a':1A,2 'b''c':3")),
    Column("c_tsquery", "tsquery", q("'a' & ( 'b' | !'c' )")),
    Column("c_int4range", "int4range", q("empty", "[1,5)", "(,)", "[-2147483648,2147483647)")),
    Column("c_int8range", "int8range", q("[1,5)")),
    Column("c_numrange", "numrange", q("[1.10,2.20]", "(,1)")),
    Column("c_tsrange", "tsrange", q('["2024-01-01 00:00:00","2024-02-01 00:00:00")')),
    Column("c_tstzrange", "tstzrange", q('["2024-01-01 00:00:00+05:30","2024-02-01 00:00:00+00")')),
    Column("c_daterange", "daterange", q("[2024-01-01,2024-02-01)", "[,infinity)")),
    Column("c_int4multi", "int4multirange", q("{}", "{[1,3),[5,8)}"), since=14),
    Column("c_int8multi", "int8multirange", q("{[1,3)}"), since=14),
    Column("c_nummulti", "nummultirange", q("{[1.5,3)}"), since=14),
    Column("c_tsmulti", "tsmultirange", q('{["2024-01-01 00:00:00","2024-02-01 00:00:00")}'), since=14),
    Column(
        "c_tstzmulti", "tstzmultirange", q('{["2024-01-01 00:00:00+01","2024-02-01 00:00:00+00")}'), since=14
    ),
    Column("c_datemulti", "datemultirange", q("{[2024-01-01,2024-02-01)}"), since=14),
    Column("c_pg_lsn", "pg_lsn", q("0/0", "FFFFFFFF/FFFFFFFF")),
    Column("c_txid_snapshot", "txid_snapshot", q("10:20:10,14,15")),
    Column("c_pg_snapshot", "pg_snapshot", q("10:20:10,14,15")),
    Column("c_tid", "tid", q("(0,0)", "(4294967295,65535)")),
    Column("c_xid", "xid", q("0", "4294967295")),
    Column("c_xid8", "xid8", q("0", "18446744073709551615")),
    Column("c_cid", "cid", q("4294967295")),
    Column("c_aclitem", "aclitem", q("postgres=arwdDxt/postgres")),
    Column("c_refcursor", "refcursor", q("", "portal")),
    Column("c_int2vector", "int2vector", q("", "1 -2 3")),
    Column("c_oidvector", "oidvector", q("1 4294967295")),
    Column("c_regclass", "regclass", q("pg_class", "-")),
    Column("c_regcollation", "regcollation", q('"C"')),
    Column("c_regconfig", "regconfig", q("english")),
    Column("c_regdictionary", "regdictionary", q("simple")),
    Column("c_regnamespace", "regnamespace", q("pg_catalog")),
    Column("c_regoper", "regoper", q("||/")),
    Column("c_regoperator", "regoperator", q("+(integer,integer)")),
    Column("c_regproc", "regproc", q("now")),
    Column("c_regprocedure", "regprocedure", q("abs(integer)")),
    Column("c_regrole", "regrole", q("postgres")),
    Column("c_regtype", "regtype", q("integer", "timestamp with time zone")),
    # user-defined
    Column("c_enum", "mood", q("sad", 'it\'s "ok", ü')),
    Column("c_domain", "positive", ("1", "99"), "integer"),
    Column("c_domain_numeric", "price", ("1.50", "99999999.99"), "numeric"),
    Column("c_domain_domain", "small_price", ("2.50",), "numeric"),
    Column("c_domain_list", "numbers", ("'{1,2}'", "'{}'"), "integers", has_list=False),
    Column("c_composite", "pair", ("ROW(1, 'a,\"b')", "ROW(NULL, '')")),
    Column("c_range", "floatrange", q("[1.5,2.5)")),
    Column("c_hstore", "hstore", q('"a"=>"1", "b"=>NULL', "")),
    Column("c_citext", "citext", q("AbC", "")),
    Column("c_ltree", "ltree", q("Top.Science", "")),
]

TYPES = """
CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;
CREATE TYPE mood AS ENUM ('sad', 'it''s "ok", ü');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN price AS numeric(10,2);
CREATE DOMAIN small_price AS price CHECK (VALUE < 100);
CREATE DOMAIN numbers AS integer[];
CREATE TYPE pair AS (a integer, b text);
CREATE TYPE floatrange AS RANGE (subtype = float8);
"""

# What an ill-mannered database sets for every session. Values must not depend on any of it.
HOSTILE = (
    "DateStyle = 'German, DMY'",
    "IntervalStyle = 'sql_standard'",
    "bytea_output = 'escape'",
    "TimeZone = 'America/Los_Angeles'",
    "extra_float_digits = -15",
    "xmlbinary = 'hex'",
    "standard_conforming_strings = off",
    "quote_all_identifiers = on",
    "transform_null_equals = on",
    "default_transaction_isolation = 'serializable'",
    "client_min_messages = 'log'",
    "enable_tidscan = off",
    "search_path = pg_catalog, public",
)


def columns(major: int) -> list[Column]:
    return [column for column in SCALARS if column.since <= major < column.before]


def list_columns(major: int) -> list[Column]:
    """A list of each: empty, all values with NULLs between, one value, all NULL."""
    return [
        Column(
            "l" + column.name[1:],
            column.type + "[]",
            list_values(column),
            column.truth,
            unread_by=column.unread_by,
        )
        for column in columns(major)
        if column.has_list and not column.type.endswith("vector")
    ]


def list_values(column: Column) -> tuple:
    kind = column.type
    every = ", ".join(f"({value})::{kind}, NULL" for value in column.values)
    return (
        "'{}'",
        f"ARRAY[{every}]::{kind}[]",
        f"ARRAY[({column.values[-1]})::{kind}]::{kind}[]",
        f"ARRAY[NULL]::{kind}[]",
    )


def scalar_truth(column: Column) -> str:
    return TRUTH[column.truth].format(v=column.name)


def list_truth(column: Column) -> str:
    element = TRUTH[column.truth].format(v=f"{column.name}[i]")
    return (
        f"CASE WHEN {column.name} IS NOT NULL THEN ARRAY(SELECT {element}"
        f" FROM generate_subscripts({column.name}, 1) AS i ORDER BY i) END"
    )


def create(table: str, chosen: list[Column]) -> str:
    """SQL that makes the table: row n holds the nth value of every column, and NULL where there are fewer."""
    definitions = ", ".join(f"{column.name} {column.type}" for column in chosen)
    rows = max(len(column.values) for column in chosen) + 1
    statements = [f"CREATE TABLE {table} (id integer PRIMARY KEY, {definitions})"]
    for row in range(rows):
        cells = [
            f"({column.values[row]})::{column.type}" if row < len(column.values) else "NULL"
            for column in chosen
        ]
        statements.append(f"INSERT INTO {table} VALUES ({row}, {', '.join(cells)})")
    return ";\n".join(statements)
