"""Three independent readers of Parquet files, reduced to one canonical form of values.

Dates and times become whole days or microseconds, floats their bits, binary its hex, UUIDs and decimals
their text;
so no reader's idea of printing or of the range of years stands between the file and the comparison.
"""

import struct
import uuid
from pathlib import Path

import chdb
import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq

READERS = ("pyarrow", "duckdb", "polars")
CLICKHOUSE = "clickhouse"  # a fourth, for tables without lists


def read_arrow(paths: list[Path], reader: str, columns: list[str] | None = None) -> pa.Table:
    names = [str(path) for path in paths]
    if reader == "pyarrow":
        return pa.concat_tables(pq.read_table(name, columns=columns, partitioning=None) for name in names)
    if reader == "polars":
        return annotated(polars.read_parquet(names, columns=columns, glob=False).to_arrow(), names[0])
    chosen = "*" if columns is None else ", ".join(quoted(column) for column in columns)
    if reader == CLICKHOUSE:
        return pa.concat_tables(annotated(read_clickhouse(name, chosen), name) for name in names)
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'UTC'")
        return session.execute(f"SELECT {chosen} FROM read_parquet($1)", [names]).to_arrow_table()


def read_clickhouse(path: str, chosen: str) -> pa.Table:
    """JSON would be parsed and printed anew; as plain text it keeps its bytes."""
    settings = "output_format_arrow_string_as_string = 0, output_format_arrow_date_as_uint16 = 0"
    sql = f"SELECT {chosen} FROM file('{path}', Parquet) SETTINGS {settings}, input_format_parquet_enable_json_parsing = 0"
    with pa.ipc.open_file(pa.py_buffer(chdb.query(sql, "Arrow").bytes())) as file:
        return file.read_all()


def annotated(table: pa.Table, path: str) -> pa.Table:
    """Some hand JSON and UUID, or every text, on as plain bytes; what the footer says about them is put back."""
    schema = pq.read_schema(path)
    for i, name in enumerate(table.column_names):
        table = table.set_column(
            i, name, table.column(i).cast(storage_of(schema.field(name).type, table.schema.types[i]))
        )
    return table


def storage_of(stated: pa.DataType, found: pa.DataType) -> pa.DataType:
    if isinstance(stated, pa.BaseExtensionType):
        return stated.storage_type
    if pa.types.is_list(stated):
        return pa.large_list(storage_of(stated.value_type, found.value_type))
    return stated if pa.types.is_string(stated) else found


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def read(paths: list[Path], reader: str, columns: list[str] | None = None) -> dict[str, list]:
    """Canonical values by column."""
    table = read_arrow(paths, reader, columns)
    return {name: canonical(column) for name, column in zip(table.column_names, table.columns)}


def canonical(column: pa.ChunkedArray | pa.Array) -> list:
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        plain = (
            [chunk.storage for chunk in column.chunks]
            if isinstance(column, pa.ChunkedArray)
            else [column.storage]
        )
        return canonical(pa.chunked_array(plain, kind.storage_type))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return canonical_lists(column)
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", kind.tz)).cast(pa.int64()).to_pylist()
    if pa.types.is_time(kind):
        return column.cast(pa.time64("us")).cast(pa.int64()).to_pylist()
    if pa.types.is_date32(kind):
        return column.cast(pa.int32()).to_pylist()
    return [None if value is None else scalar(kind, value) for value in column.to_pylist()]


def canonical_lists(column: pa.ChunkedArray | pa.Array) -> list:
    rows: list = []
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        elements = canonical(chunk.values)
        offsets = chunk.offsets.to_pylist()
        valid = chunk.is_valid().to_pylist()
        rows += [elements[offsets[i] : offsets[i + 1]] if valid[i] else None for i in range(len(chunk))]
    return rows


def scalar(kind: pa.DataType, value):
    if pa.types.is_float32(kind):
        return float_bits(value, ">f")
    if pa.types.is_float64(kind):
        return float_bits(value, ">d")
    if pa.types.is_decimal(kind):
        return format(value, "f")
    if pa.types.is_fixed_size_binary(kind) and kind.byte_width == 16:
        return str(uuid.UUID(bytes=value))
    if isinstance(value, bytes):
        return value.hex()
    return value


def float_bits(value: float, form: str) -> str:
    """Its bits, with one word for every NaN: which one it is no reader promises to keep."""
    return "NaN" if value != value else struct.pack(form, value).hex()


def leaf_types(path: Path) -> dict[str, str]:
    """Physical and logical type of each leaf column as DuckDB's own footer reader says."""
    with duckdb.connect() as session:
        rows = session.execute(
            "SELECT name, type, repetition_type, coalesce(logical_type, ''), coalesce(converted_type, '') "
            "FROM parquet_schema($1)",
            [str(path)],
        ).fetchall()
    return {
        name: f"{kind} {repetition} {logical or converted}".strip()
        for name, kind, repetition, logical, converted in rows
        if kind
    }
