"""A filter finds the same rows whether or not a reader prunes by what the file says about itself.

Wrong statistics are the worst fault of a writer: rows vanish without an error. Random predicates, many of them at the
edges of pages and row groups, are answered by four engines with and without pruning, and by Python over the rows that
were put in. RIVET_SEED=n draws other predicates; a failure prints the predicate."""

import datetime
import decimal
import os
import random
import struct
import uuid

import duckdb
import polars
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import oracle
import readers
import rows
from rows import column, decimal_text, float_bits

MIB = 1 << 20
N = 24_000
PREDICATES = 9  # of each column, over all files
SEED = int(os.environ.get("RIVET_SEED", "1"))
EPOCH = datetime.datetime(1970, 1, 1)
SIGNS = ("=", "<", "<=", ">", ">=", "<>")


# ---- the rows ----


def around(r, i, spread):
    """Rising with i, with noise: neighbouring pages overlap a little."""
    return i * 10 - N * 5 + r.randrange(-spread, spread + 1)


def sparse(r, values, share=0.1):
    return [None if r.random() < share else v for v in values]


def texts(r):
    """Rising texts; many agree in more bytes than a bound may have, some end in bytes that cannot be raised."""
    heads = ["", "a", "b" * 62, "c" * 63, "d" * 64, "e" * 65, "é" * 40, "\ud7ff" * 30, "\uffff" * 30, "\U0010ffff" * 20]
    return [heads[i * len(heads) // N] + f"{max(0, i + r.randrange(-9, 10)):06d}"[r.randrange(2) :] for i in range(N)]


def floats(r, specials):
    values = [float_bits(around(r, i, 50) / 7) for i in range(N)]
    for i in range(0, N, 97):
        values[i] = specials[r.randrange(len(specials))]
    return values


def make_columns():
    r = random.Random(7)
    nan, inf = float_bits(float("nan")), float_bits(float("inf"))
    zeros = [float_bits(0.0), float_bits(-0.0)]
    return [
        column("id", "int64", False, list(range(N))),
        column("int16", "int16", True, sparse(r, [around(r, i, 9) // 10 for i in range(N)])),
        column("int32", "int32", True, sparse(r, [around(r, i, 30) * 8000 for i in range(N)])),
        column("int64", "int64", False, [around(r, i, 30) * 10**13 for i in range(N)]),
        column("random", "int32", True, sparse(r, [r.getrandbits(32) - 2**31 for _ in range(N)])),
        column("uint64", "uint64", False, [str(2**63 + around(r, i, 30)) for i in range(N)]),
        column("date", "date", True, sparse(r, [max(-25_000, around(r, i, 30) // 4) for i in range(N)])),
        column("timestamp", "timestamp", True, sparse(r, [around(r, i, 30) * 10**10 for i in range(N)])),
        column("timestamp_tz", "timestamp_tz", False, [around(r, i, 30) * 10**10 + i for i in range(N)]),
        column("decimal9", "decimal(9,2)", False, [decimal_text(around(r, i, 30), 2) for i in range(N)]),
        column("decimal18", "decimal(18,4)", True, sparse(r, [decimal_text(around(r, i, 30) * 10**9, 4) for i in range(N)])),
        column("decimal25", "decimal(25,2)", True, sparse(r, [decimal_text(around(r, i, 30) * 10**19, 2) for i in range(N)])),
        column("float64", "float64", True, sparse(r, floats(r, zeros + [inf]))),
        column("nan", "float64", True, sparse(r, floats(r, zeros + [nan]))),
        column("string", "string", True, sparse(r, texts(r))),
        column("few", "string", True, sparse(r, [f"value {(i // 300 + r.randrange(3)) % 50}" for i in range(N)])),
        column("binary", "binary", True, sparse(r, [f"{(i * 2**40 // N) % 2**40:010x}" + "ff" * (i % 70) for i in range(N)])),
        column("uuid", "uuid", False, [f"{(i * 2**120 + r.getrandbits(100)) % 2**128:032x}" for i in range(N)]),
        column("bool", "bool", True, sparse(r, [i > N // 2 for i in range(N)])),
        column("null then value", "int32", True, [None if i < N // 2 else i for i in range(N)]),
    ]


def comparable(kind, value):
    """A value as Python compares it in the column's order."""
    if value is None:
        return None
    if kind == "float64":
        return struct.unpack(">d", bytes.fromhex(value))[0]
    if kind == "string":
        return value.encode()
    return rows.truth(kind, value)


# ---- predicates ----


class Predicate:
    """`sign` is one of SIGNS, "between", "in", "prefix", "null", "not null"; `values` as comparable() gives them."""

    def __init__(self, column, sign, values=()):
        self.name, self.kind, self.sign, self.values = column["name"], column["type"], sign, values

    def __repr__(self):
        return f"{self.name} {self.sign} {self.values!r}"

    def holds(self, value, nan_is_largest):
        if value is None or self.sign in ("null", "not null"):
            return (value is None) == (self.sign == "null")
        if self.sign == "prefix":
            return value.startswith(self.values[0])
        if value != value and not nan_is_largest:
            return self.sign == "<>"
        key = (lambda v: (v != v, v if v == v else 0.0)) if self.kind == "float64" else lambda v: v
        value, wanted = key(value), [key(v) for v in self.values]
        if self.sign == "between":
            return wanted[0] <= value <= wanted[1]
        if self.sign == "in":
            return value in wanted
        return {"=": value == wanted[0], "<": value < wanted[0], "<=": value <= wanted[0], ">": value > wanted[0],
                ">=": value >= wanted[0], "<>": value != wanted[0]}[self.sign]


def neighbour(r, kind, value):
    """A value beside one of the data: for numbers the next ones, for texts what truncation makes of them."""
    step = r.choice([-1, 0, 0, 1])
    if kind == "string":
        text = value.decode()
        return r.choice([text, text[:64], text[:63], text[:-1], text + "\u0000", text[:20] + "~"]).encode()
    if kind == "binary":
        return r.choice([value, value[:64], value[:-1], value + b"\0"])
    if kind == "float64":
        return value + step * 0.125 if value == value else value
    if kind == "uint64":
        return min(2**64 - 1, max(0, value + step))
    return value + step if isinstance(value, int) and kind != "bool" else value


def draw(r, c, edges):
    """A predicate about a column; `edges` are rows at which a page or row group begins."""
    kind = c["type"]
    if r.random() < 0.08:
        return Predicate(c, r.choice(["null", "not null"]))
    values = []
    for _ in range(3):
        at = min(N - 1, max(0, r.choice(edges) + r.choice([-1, 0, 1]))) if r.random() < 0.5 else r.randrange(N)
        value = next((comparable(kind, v) for v in c["values"][at:] + c["values"][:at] if v is not None))
        values.append(neighbour(r, kind, value))
    values = [v for v in values if v == v] or [0.0]
    sign = r.choice([*SIGNS, "between", "in"] + (["prefix"] * 2 if kind == "string" else []))
    if sign == "prefix":
        return Predicate(c, sign, [values[0].decode()[: r.randrange(1, 70)].encode()])
    if sign == "between":
        return Predicate(c, sign, sorted([values[0], values[-1]]))
    return Predicate(c, sign, values if sign == "in" else values[:1])


# ---- the engines ----


def as_datetime(us):
    return EPOCH + datetime.timedelta(microseconds=us)


def digits(kind, value):
    return decimal_text(value, readers.scale_of(kind))


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def duckdb_literal(kind, value):
    if kind == "string":
        return " || chr(0) || ".join(quoted(part.decode()) for part in value.split(b"\0"))
    if kind == "binary":
        return "unhex('" + value.hex() + "')"
    if kind == "uuid":
        return f"'{uuid.UUID(bytes=value)}'::UUID"
    if kind == "date":
        return f"DATE '{EPOCH.date() + datetime.timedelta(days=value)}'"
    if kind.startswith("timestamp"):
        zone = "TIMESTAMPTZ" if kind.endswith("tz") else "TIMESTAMP"
        return f"{zone} '{as_datetime(value)}{'+00' if kind.endswith('tz') else ''}'"
    if kind.startswith("decimal"):
        return f"'{digits(kind, value)}'::{kind}"
    return f"'{value!r}'::DOUBLE" if kind == "float64" else str(value)


def clickhouse_literal(kind, value):
    if kind in ("string", "binary"):
        return f"unhex('{value.hex()}')"
    if kind == "uuid":
        return f"toUUID('{uuid.UUID(bytes=value)}')"
    if kind == "date":
        return f"toDate32('{EPOCH.date() + datetime.timedelta(days=value)}')"
    if kind.startswith("timestamp"):
        return f"toDateTime64('{as_datetime(value)}', 6, 'UTC')"
    if kind.startswith("decimal"):
        bits = {"decimal(9,2)": 32, "decimal(18,4)": 64, "decimal(25,2)": 128}[kind]
        return f"toDecimal{bits}('{digits(kind, value)}', {readers.scale_of(kind)})"
    if kind == "uint64":
        return f"toUInt64('{value}')"
    return f"toFloat64('{value!r}')" if kind == "float64" else str(value)


def sql(predicate, name, literal):
    values = [literal(predicate.kind, v) for v in predicate.values]
    sign = predicate.sign
    if sign in ("null", "not null"):
        return f"{name} IS {sign.upper()}"
    if sign == "between":
        return f"{name} BETWEEN {values[0]} AND {values[1]}"
    if sign == "in":
        return f"{name} IN ({', '.join(values)})"
    if sign == "prefix":
        text = predicate.values[0].decode().replace("'", "''")
        assert "%" not in text and "_" not in text and "\\" not in text
        return f"{name} LIKE '{text}%'"
    return f"{name} {sign} {values[0]}"


def python_value(kind, value):
    """As Python clients of Arrow and polars take it."""
    if kind == "string":
        return value.decode()
    if kind == "date":
        return EPOCH.date() + datetime.timedelta(days=value)
    if kind.startswith("timestamp"):
        return as_datetime(value).replace(tzinfo=datetime.timezone.utc if kind.endswith("tz") else None)
    return decimal.Decimal(digits(kind, value)) if kind.startswith("decimal") else value


def arrow_expression(predicate, arrow_type):
    field = pc.field(predicate.name)
    values = [pa.scalar(python_value(predicate.kind, v), type=arrow_type) for v in predicate.values]
    sign = predicate.sign
    if sign in ("null", "not null"):
        return field.is_null() if sign == "null" else field.is_valid()
    if sign == "prefix":
        return pc.starts_with(field, pattern=predicate.values[0].decode())
    if sign == "between":
        return (field >= values[0]) & (field <= values[1])
    if sign == "in":
        return field.isin(pa.array([v.as_py() for v in values], type=arrow_type))
    return {"=": field == values[0], "<": field < values[0], "<=": field <= values[0], ">": field > values[0],
            ">=": field >= values[0], "<>": field != values[0]}[sign]


def polars_expression(predicate):
    col = polars.col(predicate.name)
    values = [python_value(predicate.kind, v) for v in predicate.values]
    sign = predicate.sign
    if sign in ("null", "not null"):
        return col.is_null() if sign == "null" else col.is_not_null()
    if sign == "prefix":
        return col.str.starts_with(values[0])
    if sign == "between":
        return (col >= values[0]) & (col <= values[1])
    if sign == "in":
        # polars compares a decimal with a list of them only after guessing a type; equality says the same
        return polars.any_horizontal([col == v for v in values])
    return {"=": col == values[0], "<": col < values[0], "<=": col <= values[0], ">": col > values[0],
            ">=": col >= values[0], "<>": col != values[0]}[sign]


SUMS = "count(*), coalesce(sum(id), 0), coalesce(sum(id * id), 0)"


def arrow_sums(table):
    ids = table.column("id")
    return (len(ids), pc.sum(ids).as_py() or 0, pc.sum(pc.multiply(ids, ids)).as_py() or 0)


def polars_sums(frame):
    ids = frame["id"]
    return (len(ids), ids.sum(), (ids * ids).sum())


class Engines:
    def __init__(self, path):
        self.path = path
        self.duckdb = duckdb.connect()
        self.duckdb.execute(f"CREATE TABLE loaded AS FROM '{path}'")
        self.dataset, self.table = ds.dataset(path), pq.read_table(path)
        self.scan, self.frame = polars.scan_parquet(path), polars.read_parquet(path)

    def answers(self, p):
        """(engine, how, whether NaN is the largest number there, sums) of every engine that can ask for this."""
        where = sql(p, readers.quoted(p.name), duckdb_literal)
        for how, source in (("pruned", f"'{self.path}'"), ("loaded", "loaded")):
            yield "duckdb", how, True, self.duckdb.execute(f"SELECT {SUMS} FROM {source} WHERE {where}").fetchone()
        if p.kind != "uuid":  # an extension type there, without comparisons
            wanted = arrow_expression(p, self.dataset.schema.field(p.name).type)
            yield "pyarrow", "pruned", False, arrow_sums(self.dataset.to_table(columns=["id"], filter=wanted))
            yield "pyarrow", "loaded", False, arrow_sums(self.table.filter(wanted))
        if p.kind != "uuid":  # polars 1.40 panics over bounds of fixed length, in pyarrow's files as well
            yield "polars", "pruned", True, polars_sums(self.scan.filter(polars_expression(p)).select("id").collect())
            yield "polars", "loaded", True, polars_sums(self.frame.filter(polars_expression(p)))
        if p.kind != "uuid" or p.sign in ("=", "<>", "in"):  # their order is not that of the bytes there
            yield from self.clickhouse(p)

    def clickhouse(self, p):
        where = sql(p, readers.clickhouse_name(p.name), clickhouse_literal)
        for how in (1, 0):
            settings = ", ".join(f"input_format_parquet_{name} = {how}" for name in
                                 ("filter_push_down", "bloom_filter_push_down", "page_filter_push_down"))
            query = f"SELECT {SUMS} FROM file('{self.path}', Parquet) WHERE {where} SETTINGS {settings}"
            line = str(readers.chdb.query(query, "TSV")).split()
            yield "clickhouse", "pruned" if how else "loaded", False, tuple(map(int, line))


# ---- the tests ----

COLUMNS = make_columns()
# Files of the same rows whose statistics, dictionaries and filters are not the same.
VARIANTS = {
    "small row groups": {"memory": MIB},
    "defaults": {},
    "bloom": {"export": {"parquet": {"bloom": [c["name"] for c in COLUMNS if c["type"] in ("int64", "string", "uuid")]}}},
}


@pytest.fixture(scope="module")
def engines(write):
    """{variant: (Engines, rows at which a page begins)}"""
    found = {}
    for name, options in VARIANTS.items():
        path = write(COLUMNS, **options)
        found[name] = Engines(path), edges_of(oracle.File(path).check())
    return found


def edges_of(file):
    edges, at = {0, N - 1}, 0
    for group, described in enumerate(file.groups):
        for i in range(len(file.leaves)):
            edges.update(at + location[3] for location in file.offset_index(described[1][i])[1])
        at += described[3]
    assert len(edges) > 2
    return sorted(edges)


def test_which_files_are_pruned(engines):
    """The smallest has many row groups, so that pruning has something to leave out."""
    assert engines["small row groups"][0].dataset.count_rows() == N
    assert pq.ParquetFile(engines["small row groups"][0].path).metadata.num_row_groups > 3


def expected(predicate, values, nan_is_largest):
    ids = [i for i, v in enumerate(values) if predicate.holds(v, nan_is_largest)]
    return len(ids), sum(ids), sum(i * i for i in ids)


@pytest.mark.parametrize("index", range(len(COLUMNS)), ids=[c["name"] for c in COLUMNS])
def test_filters_find_the_same_rows_with_and_without_pruning(engines, index):
    c = COLUMNS[index]
    values = [comparable(c["type"], v) for v in c["values"]]
    for variant, (engine, edges) in engines.items():
        r = random.Random(f"{SEED} {variant} {c['name']}")
        for _ in range(PREDICATES // len(engines)):
            predicate = draw(r, c, edges)
            truth = {largest: expected(predicate, values, largest) for largest in (False, True)}
            for name, how, nan_is_largest, found in engine.answers(predicate):
                assert tuple(found) == truth[nan_is_largest], (SEED, variant, name, how, predicate)
