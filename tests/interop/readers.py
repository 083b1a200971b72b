"""The same rows through each independent reader, as neutral values.

bool: bool. Numbers, dates, times, timestamps, unscaled decimals: int. Floats: bytes of their bits, every NaN the same.
Text: str. Binary, uuid: bytes. Lists: lists. A reader that cannot hold a type, or not all of its values, is left out
for it, with the reason at the place.
"""

import decimal
import json
import struct
import uuid

import chdb
import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq

NAN = {"float32": struct.pack("<f", float("nan")), "float64": struct.pack("<d", float("nan"))}
decimal.getcontext().prec = 100


def neutral_float(kind, value):
    return NAN[kind] if value != value else struct.pack("<f" if kind == "float32" else "<d", value)


def scale_of(kind):
    return int(kind[:-1].split(",")[1])


def unscaled(kind, text):
    return int(decimal.Decimal(text).scaleb(scale_of(kind)).to_integral_exact())


def element_of(kind):
    return kind[5:-1]


def neutral(kind, value):
    """From what a Python client hands out."""
    if value is None:
        return None
    if kind.startswith("list<"):
        return [neutral(element_of(kind), v) for v in value]
    if kind.startswith("float"):
        return neutral_float(kind, value)
    if kind.startswith("decimal"):
        return unscaled(kind, str(value))
    if kind == "uuid":
        return value.bytes if isinstance(value, uuid.UUID) else bytes(value)
    if kind == "binary":
        return bytes(value)
    if kind == "json" and isinstance(value, bytes):  # a reader without the type
        return value.decode()
    return value


INTEGERS = {
    "date": pa.int32(),
    "time": pa.int64(),
    "timestamp": pa.int64(),
    "timestamp_tz": pa.int64(),
    "timestamp_ns": pa.int64(),
    "timestamp_tz_ns": pa.int64(),
}


def arrow_values(kind, column):
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    if kind.startswith("list<"):
        values = arrow_values(element_of(kind), column.values)
        return [
            values[column.offsets[i].as_py() : column.offsets[i + 1].as_py()] if column[i].is_valid else None
            for i in range(len(column))
        ]
    if kind in INTEGERS:
        column = column.cast(pa.int64()) if kind != "date" else column.cast(pa.int32())
    return [neutral(kind, v) for v in column.to_pylist()]


def read_pyarrow(path, columns):
    table = pq.read_table(path, page_checksum_verification=True)
    assert table.column_names == [c["name"] for c in columns]
    return [arrow_values(c["type"], table.column(i)) for i, c in enumerate(columns)]


def polars_can(kind):
    digits = int(kind.split("(")[1].split(",")[0]) if "decimal" in kind else 0
    return digits <= 38  # Decimal is 128 bits there


def read_polars(path, columns):
    names = [c["name"] for c in columns if polars_can(c["type"])]
    frame = polars.read_parquet(path, columns=names)
    out = []
    for column in columns:
        if column["name"] not in names:
            out.append(None)
            continue
        series = frame[column["name"]]
        if column["type"].startswith("list<"):
            out.append([None if v is None else polars_values(element_of(column["type"]), v) for v in series])
        else:
            out.append(polars_values(column["type"], series))
    return out


def polars_values(kind, series):
    if kind in INTEGERS:
        series = series.to_physical()
        if kind == "time":  # nanoseconds there
            return [None if v is None else v // 1000 for v in series.to_list()]
        return series.to_list()
    return [neutral(kind, v) for v in series.to_list()]


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def duckdb_expression(kind, value):
    if kind.startswith("list<"):
        inner = duckdb_expression(element_of(kind), "x")
        return value if inner == "x" else f"list_transform({value}, lambda x: {inner})"
    if kind.startswith("decimal") or kind == "uuid" or kind == "json":
        return f"CAST({value} AS VARCHAR)"
    if kind in ("timestamp", "timestamp_tz"):
        return f"epoch_us({value})"
    if kind in ("timestamp_ns", "timestamp_tz_ns"):
        return f"epoch_ns({value})"
    if kind == "time":
        return f"epoch_us({value})"
    if kind == "date":
        return f"CAST({value} - DATE '1970-01-01' AS INTEGER)"
    return value


def duckdb_can(kind):
    digits = int(kind.split("(")[1].split(",")[0]) if "decimal" in kind else 0
    if digits > 38:  # read as DOUBLE
        return False
    return "timestamp_tz_ns" not in kind  # TIMESTAMP_NS has no zone: read as microseconds


def read_duckdb(path, columns):
    out = [None] * len(columns)
    chosen = [i for i, c in enumerate(columns) if duckdb_can(c["type"])]
    if not chosen:
        return out
    parts = [duckdb_expression(columns[i]["type"], quoted(columns[i]["name"])) for i in chosen]
    rows = duckdb.sql(f"SELECT {', '.join(parts)} FROM read_parquet('{path}')").fetchall()
    for at, i in enumerate(chosen):
        out[i] = [duckdb_value(columns[i]["type"], row[at]) for row in rows]
    return out


def duckdb_value(kind, value):
    if value is not None and kind == "uuid":
        return uuid.UUID(value).bytes
    if value is not None and kind.startswith("list<"):
        return [duckdb_value(element_of(kind), v) for v in value]
    return neutral(kind, value)


# DateTime64 ends in 2299 and begins in 1900, Date32 likewise: rows beyond are an error for the whole file.
CLICKHOUSE_RANGES = {
    "date": (-25567, 120529),
    "timestamp": (-2208988800000000, 10413791999999999),
    "timestamp_tz": (-2208988800000000, 10413791999999999),
}


def clickhouse_can(column):
    kind = column["type"].removeprefix("list<").removesuffix(">")
    if kind in CLICKHOUSE_RANGES:
        low, high = CLICKHOUSE_RANGES[kind]
        flat = [v for row in column["values"] for v in (row if isinstance(row, list) else [row])]
        return all(v is None or low <= v <= high for v in flat)
    return True


def clickhouse_expression(kind, value):
    if kind.startswith("list<"):
        inner = clickhouse_expression(element_of(kind), "x")
        return f"arrayMap(x -> {inner}, {value})"
    if kind == "float32":
        return f"toString(reinterpretAsUInt32({value}))"
    if kind == "float64":
        return f"toString(reinterpretAsUInt64({value}))"
    if kind in ("timestamp", "timestamp_tz", "time"):
        return f"toUnixTimestamp64Micro({value})"
    if kind in ("timestamp_ns", "timestamp_tz_ns"):
        return f"toUnixTimestamp64Nano({value})"
    if kind == "date":
        return f"toInt32({value})"
    if kind in ("binary", "string", "enum", "interval", "json"):
        return f"hex({value})"
    if kind == "bool":
        return f"toUInt8({value})"
    return f"toString({value})"


def clickhouse_value(kind, value):
    if value is None:
        return None
    if kind.startswith("list<"):
        return [clickhouse_value(element_of(kind), v) for v in value]
    if kind.startswith("float"):
        width = 4 if kind == "float32" else 8
        bits = int(value).to_bytes(width, "little")
        return neutral_float(kind, struct.unpack("<f" if width == 4 else "<d", bits)[0])
    if kind == "binary":
        return bytes.fromhex(value)
    if kind in ("string", "enum", "interval", "json"):
        return bytes.fromhex(value).decode()
    if kind == "uuid":
        return uuid.UUID(value).bytes
    if kind.startswith("decimal"):
        return unscaled(kind, value)
    if kind == "bool":
        return bool(value)
    return int(value)


def clickhouse_rows(sql):
    sql = sql.rstrip() + " SETTINGS output_format_json_quote_64bit_integers = 1, input_format_parquet_preserve_order = 1"
    return [json.loads(line) for line in str(chdb.query(sql, "JSONCompactEachRow")).splitlines()]


def clickhouse_name(name):
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def clickhouse_columns(path, columns, structure=""):
    """Rows of the columns in one query. `structure` forces types where the inferred ones are not wanted."""
    if not columns:
        return []
    parts = [clickhouse_expression(c["type"], clickhouse_name(c["name"])) for c in columns]
    rows = clickhouse_rows(f"SELECT {', '.join(parts)} FROM file('{path}', Parquet{structure})")
    return [[clickhouse_value(c["type"], row[i]) for row in rows] for i, c in enumerate(columns)]


def is_json(column):
    return "json" in column["type"]


def read_clickhouse(path, columns):
    """JSON is for objects only there, so such columns are asked for as text."""
    able = [c for c in columns if clickhouse_can(c)]
    plain, texts = [c for c in able if not is_json(c)], [c for c in able if is_json(c)]
    found = dict(zip((c["name"] for c in plain), clickhouse_columns(path, plain)))
    for c in texts:
        kind = "Array(Nullable(String))" if c["type"].startswith("list<") else "Nullable(String)"
        structure = f", '{clickhouse_name(c['name'])} {kind}'"
        found[c["name"]] = clickhouse_columns(path, [c], structure)[0]
    return [found.get(c["name"]) for c in columns]


READERS = {
    "pyarrow": read_pyarrow,
    "polars": read_polars,
    "duckdb": read_duckdb,
    "clickhouse": read_clickhouse,
}
