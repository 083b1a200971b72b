"""The type torture table of the MySQL family: every type at its ends, in the character sets that people have.

Each column says how its truth is asked of the server in SQL, and as what that answer is understood. What no file
can hold as the type that the column has (zero dates, TINYINT(1) of 2, labels that are none) is a policy's
matter, see test_mysql_policies.py.
"""

from dataclasses import dataclass, field
from pathlib import Path

from support.readers import float_bits
from support.servers import MARIADB, MYSQL57, MYSQL80, Flavour, MysqlServer

EVERY = (MARIADB, MYSQL80, MYSQL57)
ORACLE = (MYSQL80, MYSQL57)


@dataclass(frozen=True)
class Column:
    name: str
    type: str  # as in CREATE TABLE
    values: tuple  # SQL expressions
    truth: str = "text"  # key of TRUTH
    flavours: tuple[Flavour, ...] = EVERY
    unread_by: tuple = field(default=())  # readers that cannot hold it; the others must


# {v} is the value. What the server answers, over the text protocol to a client that shares no code with ours, is
# turned into the canonical form of support/readers.py by the Python function of that name below.
TRUTH = {
    "text": "{v}",
    "integer": "{v} + 0",
    "float4": "{v} * 1e0",  # FLOAT by itself is printed with six digits
    "float8": "{v}",
    "decimal": "CAST({v} AS CHAR)",
    "zerofill": "CAST({v} + 0 AS CHAR)",  # the leading zeros are of the display, not of the number
    "date": "CAST({v} AS CHAR)",
    "cast": "CAST({v} AS CHAR)",
    "timestamp": "CAST({v} AS CHAR)",
    "hex": "LOWER(HEX({v}))",
    "bound": "LOWER(SUBSTR(HEX({v}), 9))",  # of a column that is bound to an SRID, which need not be said again
    "geometry": "HEX({v})",  # as stored: four bytes of SRID, then WKB
}


def q(*texts: str) -> tuple:
    """SQL literals of text."""
    return tuple(f"CONVERT(X'{text.encode().hex()}' USING utf8mb4)" if text else "''" for text in texts)


def x(*hexes: str) -> tuple:
    return tuple(f"X'{digits}'" if digits else "''" for digits in hexes)


TEXTS = q("", "NULL", "\\N", "a,b\"\r\n;\t", "äöü 日本 🎉", "\x01\x7f\\", "a'b`c\"d", "null", "\\.", " x", "\x00")
LONG = ("REPEAT(CONVERT(X'd0b6' USING utf8mb4), 100000)",)
DATES = q("0001-01-01", "1000-01-01", "1582-10-10", "1969-12-31", "1970-01-01", "2000-02-29", "9999-12-31")
# The hour that a spring night lacks and the one that an autumn night has twice, in Los Angeles and in Berlin.
WALLS = (
    "1000-01-01 00:00:00",
    "1969-12-31 23:59:59",
    "2024-03-10 02:30:00",
    "2024-03-31 02:30:00",
    "2024-11-03 01:30:00",
    "9999-12-31 23:59:59",
)
MICRO_WALLS = (
    "0001-01-01 00:00:00.000000",
    "1969-12-31 23:59:59.999999",
    "1970-01-01 00:00:00.000001",
    "2024-11-03 01:30:00.500000",
    "9999-12-31 23:59:59.999999",
)
# In UTC, as the session that fills the table has it.
INSTANTS = (
    "1970-01-01 00:00:01",
    "2024-03-10 09:59:59",
    "2024-03-10 10:00:00",
    "2024-11-03 08:30:00",
    "2024-11-03 09:30:00",
    "2038-01-19 03:14:07",
)
MICRO_INSTANTS = ("1970-01-01 00:00:01.000001", "2024-11-03 09:30:00.123456", "2038-01-19 03:14:07.999999")
NINES = "9" * 35 + "." + "9" * 30
LABELS = "'', 'small', 'ünï', 'it''s', 'a\"b', '日本🎉', 'semi;colon', '{json}'"
MEMBERS = "'a', 'ünï', 'it''s', '🎉', 'with space', 'Z'"


def integers(bits: int) -> tuple[tuple, tuple]:
    top = 1 << bits - 1
    return (str(-top), str(top - 1), "0", "-1"), ("0", str(2 * top - 1), str(top), str(top - 1))


def integer_columns() -> list[Column]:
    columns = []
    for kind, bits in (("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64)):
        signed, unsigned = integers(bits)
        columns += [
            Column(f"c_{kind}", kind, signed, "integer"),
            Column(f"c_{kind}_u", f"{kind} unsigned", unsigned, "integer"),
            Column(f"c_{kind}_z", f"{kind}(3) unsigned zerofill", unsigned, "integer"),
        ]
    return columns


def bit_columns() -> list[Column]:
    """12849 is 0x3231, which a careless reader takes for the digits "21"."""
    columns = [Column("c_bit_1", "bit(1)", ("0", "1"), "integer")]
    for width in (2, 7, 8, 9, 16, 31, 33, 63, 64):
        values = ("0", "1", str((1 << width) - 1), str(1 << width - 1), str(12849 & (1 << width) - 1))
        columns.append(Column(f"c_bit_{width}", f"bit({width})", values, "integer"))
    return columns


def charset_columns() -> list[Column]:
    """Texts that each character set holds, and the same in its binary collation."""
    samples = {
        "latin1": ("", "café ÿ", "€ “quoted” ‰ ž"),  # cp1252, as MySQL understands it
        "latin2": ("łódź",),
        "cp1250": ("Žluťoučký €",),
        "cp1251": ("Привет €",),
        "koi8r": ("Привет",),
        "greek": ("αβγ",),
        "hebrew": ("שלום",),
        "ascii": ("plain",),
        "gbk": ("中文 誠",),  # 誠 ends in a backslash's byte
        "big5": ("許功蓋",),
        "sjis": ("表示ソ",),
        "cp932": ("①表示",),
        "ujis": ("日本語",),
        "euckr": ("한국어",),
        "utf8": ("日本 é", ""),
        "utf8mb4": ("🎉 é e\u0301", ""),
        "ucs2": ("日本",),
        "utf16": ("🎉日本",),
        "utf32": ("🎉",),
    }
    return [
        Column(f"c_{charset}", f"varchar(40) CHARACTER SET {charset}", q(*texts))
        for charset, texts in samples.items()
    ]


SCALARS = [
    *integer_columns(),
    Column("c_bool", "boolean", ("0", "1"), "integer"),
    Column("c_tinyint1_u", "tinyint(1) unsigned", ("0", "1"), "integer"),
    *bit_columns(),
    Column("c_float", "float", ("0", "0.1", "-0.1", "3.40282e38", "-1.17549e-38", "16777217"), "float4"),
    Column("c_float_7_2", "float(7,2)", ("0.1", "-99999.99"), "float4"),
    Column("c_float_u", "float unsigned", ("0.1",), "float4"),
    Column(
        "c_double",
        "double",
        ("0", "-0e0", "0.1", "1.7976931348623157e308", "2.2250738585072014e-308", "5e-324", "9007199254740993"),
        "float8",
    ),
    Column("c_double_9_3", "double(9,3)", ("0.125", "-999999.999"), "float8"),
    Column("c_real", "real", ("0.30000000000000004",), "float8"),
    Column("c_dec_9_2", "decimal(9,2)", ("0", "-0.01", "9999999.99", "-9999999.99"), "decimal"),
    Column("c_dec_10_0", "decimal", ("0", "-1", "9999999999", "-9999999999"), "decimal"),
    Column("c_dec_10_2_u", "decimal(10,2) unsigned", ("0", "0.01", "99999999.99"), "decimal"),
    Column("c_dec_5_2_z", "decimal(5,2) unsigned zerofill", ("0", "1.5", "999.99"), "zerofill"),
    Column("c_dec_18_18", "decimal(18,18)", ("0.000000000000000001", "-0.999999999999999999"), "decimal"),
    Column("c_dec_19_4", "decimal(19,4)", ("922337203685477.5807", "-922337203685477.5808"), "decimal"),
    Column("c_dec_38_30", "decimal(38,30)", ("99999999." + "9" * 30, "-0." + "0" * 29 + "1"), "decimal"),
    Column(
        "c_dec_39_0", "decimal(39,0)", ("9" * 39, "-" + "9" * 39), "decimal", unread_by=("duckdb", "polars")
    ),
    Column(
        "c_dec_65_30",
        "decimal(65,30)",
        (NINES, "-" + NINES, "0." + "0" * 29 + "1", "0"),
        "decimal",
        unread_by=("duckdb", "polars"),
    ),
    Column("c_date", "date", DATES, "date"),
    Column("c_time", "time", q("00:00:00", "23:59:59", "838:59:59", "-838:59:59", "-00:00:01", "100:00:00"), "cast"),
    Column("c_time_3", "time(3)", q("00:00:00.001", "-23:59:59.999", "24:00:00"), "cast"),
    Column("c_time_6", "time(6)", q("00:00:00.000001", "838:59:58.999999", "-00:00:00.5", "-838:59:58.000001"), "cast"),
    Column("c_datetime", "datetime", q(*WALLS), "timestamp"),
    Column("c_datetime_3", "datetime(3)", q("2024-01-01 00:00:00.123", "1969-12-31 23:59:59.999"), "timestamp"),
    Column("c_datetime_6", "datetime(6)", q(*MICRO_WALLS), "timestamp"),
    Column("c_timestamp", "timestamp NULL", q(*INSTANTS), "timestamp"),
    Column("c_timestamp_6", "timestamp(6) NULL", q(*MICRO_INSTANTS), "timestamp"),
    Column("c_year", "year", ("1901", "2155", "0", "1970"), "integer"),
    Column("c_char", "char(10)", q("", "x", " x ", "äöüäöüäöüä", "🎉")),
    Column("c_char_255", "char(255)", q("", "a" * 255)),
    Column("c_varchar", "varchar(20)", q("", "NULL", "x  ", "äöüäöüäöüäöüäöüäöüäö", "🎉")),
    Column("c_varchar_bin", "varchar(20) COLLATE utf8mb4_bin", q("a ", "A")),
    Column("c_tinytext", "tinytext", q("", "t" * 255)),
    Column("c_text", "text", TEXTS),
    Column("c_mediumtext", "mediumtext", TEXTS[:2] + LONG),
    Column("c_longtext", "longtext", TEXTS[-2:] + LONG),
    Column("c_binary", "binary(4)", x("", "00ff5c27", "20", "31"), "hex"),
    Column("c_binary_16", "binary(16)", x("00112233445566778899aabbccddeeff"), "hex"),
    Column("c_varbinary", "varbinary(20)", x("", "ff", "00", "2000", "e9"), "hex"),
    Column("c_charbinary", "varchar(20) CHARACTER SET binary", x("", "ff"), "hex"),
    Column("c_tinyblob", "tinyblob", x("", "00ff"), "hex"),
    Column("c_blob", "blob", x("", "00ff5c27", "c328"), "hex"),
    Column("c_mediumblob", "mediumblob", ("REPEAT(X'00ff', 50000)",), "hex"),
    Column("c_longblob", "longblob", ("REPEAT(X'00ff', 50000)", "''"), "hex"),
    Column("c_enum", f"enum({LABELS})", q("", "small", "ünï", "it's", 'a"b', "日本🎉", "semi;colon", "{json}")),
    Column("c_enum_latin1", "enum('é', 'plain') CHARACTER SET latin1", q("é", "plain")),
    Column("c_enum_one", "enum('only')", ("'only'",)),
    Column("c_enum_comma", "enum('a,b', 'c')", ("'a,b'", "'c'")),
    Column("c_set", f"set({MEMBERS})", q("", "a", "a,ünï,it's,🎉,with space,Z", "Z,a")),
    Column(
        "c_set_64",
        "set(" + ", ".join(f"'m{i}'" for i in range(64)) + ")",
        ("18446744073709551615", "9223372036854775808", "'m0,m63'"),
    ),
    Column(
        "c_json",
        "json",
        q(
            '{"b": 1, "a": 2, "Å": "🎉 é"}',
            "null",
            '"text"',
            "[]",
            "[1, 2.50, 1e100, true, null]",
            '{"deep": [{"x": [[[]]]}], "quote": "a\\"b\\\\c\\u0001"}',
            "18446744073709551615",
        ),
    ),
    Column("c_point", "point", ("ST_GeomFromText('POINT(1 -2.5)')",), "geometry"),
    Column(
        "c_geometry",
        "geometry",
        (
            "ST_GeomFromText('POINT(0.1 1e300)')",
            "ST_GeomFromText('LINESTRING(0 0,1 1)', 4326)",
            "ST_GeomFromText('POLYGON((0 0,4 0,4 4,0 0),(1 1,2 1,2 2,1 1))')",
            "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')",
        ),
        "geometry",
    ),
    Column("c_srid", "point SRID 4326", ("ST_GeomFromText('POINT(10 20)', 4326)",), "bound", (MYSQL80,)),
    Column("c_multipoint", "multipoint", ("ST_GeomFromText('MULTIPOINT(1 1,2 2)')",), "geometry"),
    Column("c_uuid", "uuid", q("00112233-4455-6677-8899-aabbccddeeff"), flavours=(MARIADB,)),
    Column("c_inet4", "inet4", q("0.0.0.0", "255.255.255.255"), flavours=(MARIADB,)),
    Column("c_inet6", "inet6", q("::", "2001:db8::1", "::ffff:192.0.2.1"), flavours=(MARIADB,)),
    Column("c_compressed", "longtext COMPRESSED", TEXTS[:5] + LONG, flavours=(MARIADB,)),
    Column("c_generated", "int GENERATED ALWAYS AS (id * 2) STORED", (), "integer"),
    Column("c_virtual", "varchar(20) GENERATED ALWAYS AS (CONCAT('ü', id)) VIRTUAL", (), "text"),
    Column("c_invisible", "int INVISIBLE", ("1", "-1"), "integer", flavours=(MARIADB, MYSQL80)),
    Column("c_default", "datetime(6) DEFAULT CURRENT_TIMESTAMP(6)", q("2024-02-29 12:00:00.5"), "timestamp"),
]
SCALARS += charset_columns()

# What an ill-mannered server sets for every session. Values must not depend on any of it.
HOSTILE = {
    "sql_mode": "ANSI,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH,HIGH_NOT_PRECEDENCE,NO_UNSIGNED_SUBTRACTION",
    "default_time_zone": "SYSTEM",
    "character_set_server": "latin1",
    "collation_server": "latin1_german2_ci",
    "init_connect": "SET NAMES gbk",  # for whoever is no superuser
    "autocommit": "0",
    "transaction_isolation": "SERIALIZABLE",
    "completion_type": "RELEASE",
    "group_concat_max_len": "4",
    "lc_time_names": "de_DE",
    "div_precision_increment": "0",
}
HOSTILE_GLOBALS = ("sql_select_limit = 2", "max_join_size = 10")  # there is no option for the first
HOSTILE_ZONE = {"TZ": "America/Los_Angeles"}


def hostile_server(flavour: Flavour, base: Path) -> MysqlServer:
    server = MysqlServer(flavour, base, f"hostile-{flavour.name}", HOSTILE, HOSTILE_ZONE).start()
    server.execute(*(f"SET GLOBAL {setting}" for setting in HOSTILE_GLOBALS))
    return server


def columns(flavour: Flavour) -> list[Column]:
    return [column for column in SCALARS if flavour in column.flavours]


def truth(column: Column) -> str:
    return TRUTH[column.truth].format(v=f"`{column.name}`")


def create(table: str, chosen: list[Column]) -> list[str]:
    """Statements that make the table: row n holds the nth value of every column, and NULL where there are fewer."""
    definitions = ", ".join(f"`{column.name}` {column.type}" for column in chosen)
    statements = [
        f"CREATE TABLE {table} (id int PRIMARY KEY, {definitions})"
        " ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4"
    ]
    given = [column for column in chosen if column.values]
    names = ", ".join(f"`{column.name}`" for column in given)
    for row in range(max(len(column.values) for column in given) + 1):
        cells = [column.values[row] if row < len(column.values) else "NULL" for column in given]
        statements.append(f"INSERT INTO {table} (id, {names}) VALUES ({row}, {', '.join(cells)})")
    return statements


# ---- from the server's answers to canonical values ----


def days(text: str) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar, of years that Python's dates do not know too."""
    year, month, day = map(int, text.split("-"))
    year -= month <= 2
    month = month + 9 if month <= 2 else month - 3
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 + day - 1 - 719468


def wall(text: str) -> int:
    """Microseconds since then of "2024-02-29 12:34:56.5"."""
    date, _, time = text.partition(" ")
    whole, _, fraction = time.partition(".")
    hours, minutes, seconds = map(int, whole.split(":"))
    day_seconds = (hours * 60 + minutes) * 60 + seconds
    return (days(date) * 86_400 + day_seconds) * 1_000_000 + int(fraction.ljust(6, "0"))


def geometry(stored: str) -> str:
    """WKB, or EWKB where there is an SRID, which PostGIS puts behind the type: 0x20000000 of that says so."""
    raw = bytes.fromhex(stored)
    srid, order, kind, rest = raw[:4], raw[4:5], raw[5:9], raw[9:]
    if not any(srid):
        return raw[4:].hex()
    kind = (int.from_bytes(kind, "little") | 0x20000000).to_bytes(4, "little")
    return (order + kind + srid + rest).hex()


def canonical(column: Column, answer):
    """The server's answer in the form of support/readers.py."""
    if answer is None:
        return None
    forms = {
        "integer": int,
        "float4": lambda value: float_bits(value, ">f"),
        "float8": lambda value: float_bits(value, ">d"),
        "date": days,
        "timestamp": wall,
        "geometry": geometry,
    }
    return forms.get(column.truth, str)(answer)
