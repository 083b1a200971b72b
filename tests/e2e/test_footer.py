"""What a reader learns from the footer: types, annotations and nullability, column by column."""

import pyarrow.parquet as pq
import pytest

from support.delivery import check_delivery, part_paths

# column of PostgreSQL -> physical type and annotation (contract, 3.1)
EXPECTED = {
    "boolean": ("BOOLEAN", "None"),
    "smallint": ("INT32", "Int(bitWidth=16, isSigned=true)"),
    "integer": ("INT32", "None"),
    "bigint": ("INT64", "None"),
    "oid": ("INT64", "None"),
    "real": ("FLOAT", "None"),
    "double precision": ("DOUBLE", "None"),
    "numeric(9,2)": ("INT32", "Decimal(precision=9, scale=2)"),
    "numeric(18,4)": ("INT64", "Decimal(precision=18, scale=4)"),
    "numeric(38,10)": ("FIXED_LEN_BYTE_ARRAY", "Decimal(precision=38, scale=10)"),
    "numeric(76,0)": ("FIXED_LEN_BYTE_ARRAY", "Decimal(precision=76, scale=0)"),
    "numeric": ("BYTE_ARRAY", "String"),
    "date": ("INT32", "Date"),
    "time": ("INT64", "Time(isAdjustedToUTC=false, timeUnit=microseconds)"),
    "timestamp": (
        "INT64",
        "Timestamp(isAdjustedToUTC=false, timeUnit=microseconds, is_from_converted_type=false,"
        " force_set_converted_type=false)",
    ),
    "timestamptz": (
        "INT64",
        "Timestamp(isAdjustedToUTC=true, timeUnit=microseconds, is_from_converted_type=false,"
        " force_set_converted_type=false)",
    ),
    "text": ("BYTE_ARRAY", "String"),
    "bytea": ("BYTE_ARRAY", "None"),
    "jsonb": ("BYTE_ARRAY", "JSON"),
    "uuid": ("FIXED_LEN_BYTE_ARRAY", "UUID"),
    "interval": ("BYTE_ARRAY", "String"),
    "inet": ("BYTE_ARRAY", "String"),
}
VALUES = {
    "date": "2024-02-29",
    "time": "12:00",
    "timestamp": "2024-02-29 12:00",
    "timestamptz": "2024-02-29 12:00+00",
    "uuid": "27005cff-2700-5cff-2700-00275cff0001",
    "interval": "1 day",
    "inet": "10.0.0.1",
}


@pytest.fixture
def footer(pg15, database, program) -> pq.ParquetFile:
    nullable = ", ".join(f'"{kind}" {kind}' for kind in EXPECTED)
    required = ", ".join(f'"{kind} not null" {kind} NOT NULL' for kind in EXPECTED)
    lists = ", ".join(f'"{kind}[]" {kind}[] NOT NULL' for kind in EXPECTED)
    pg15.execute(f"CREATE TABLE t ({nullable}, {required}, {lists})", database)
    values = [f"('{VALUES.get(kind, '1')}')::{kind}" for kind in EXPECTED]
    pg15.execute(
        f"INSERT INTO t VALUES ({', '.join(values + values + [f'ARRAY[{value}]' for value in values])})",
        database,
    )
    program.configure(pg15.url(database), program.export("t")).run().ok()
    return pq.ParquetFile(part_paths(program.out, check_delivery(program.out)[0])[0])


def test_every_type_has_its_annotation_and_nullability(footer):
    found = {
        column.path: (column.physical_type, str(column.logical_type), column.max_definition_level)
        for column in (footer.schema.column(i) for i in range(len(footer.schema.names)))
    }
    for kind, (physical, logical) in EXPECTED.items():
        assert found[kind] == (physical, logical, 1)
        assert found[f"{kind} not null"] == (physical, logical, 0)
        assert found[f"{kind}[].list.element"] == (physical, logical, 2), (
            "a required list of optional elements"
        )


def test_who_wrote_it_is_recorded(footer):
    assert footer.metadata.created_by.startswith("rivet")


def test_every_column_chunk_has_statistics_and_page_index(pg15, shop, program):
    program.configure(pg15.url(shop), program.export("t")).run().ok()
    metadata = pq.ParquetFile(part_paths(program.out, check_delivery(program.out)[0])[0]).metadata
    group = metadata.row_group(0)
    for i in range(metadata.num_columns):
        chunk = group.column(i)
        assert chunk.is_stats_set and chunk.has_offset_index and chunk.has_column_index
        assert chunk.compression == "ZSTD"
    note = next(
        group.column(i) for i in range(metadata.num_columns) if group.column(i).path_in_schema == "note"
    )
    assert note.statistics.null_count == 333 and note.statistics.min == ""
    key = group.column(0).statistics
    assert (key.min, key.max, key.null_count) == (1, 1000, 0)
