"""_rivet_row_hash, recomputed from a Parquet file as docs/row-hash.md defines it, from what pyarrow reads alone."""

import struct

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

ADDED = ("_rivet_exported_at", "_rivet_row_hash")


def word(tag, value):
    return bytes([tag]) + (value & (2**64 - 1)).to_bytes(8, "little")


def counted(tag, value):
    return bytes([tag]) + struct.pack("<I", len(value)) + value


def float32(value):
    return b"\x04" + (struct.pack("<f", value) if value == value else bytes.fromhex("0000c07f"))


def float64(value):
    return b"\x05" + (struct.pack("<d", value) if value == value else bytes.fromhex("000000000000f87f"))


def decimal(value, scale):
    sign, digits, exponent = value.as_tuple()
    unscaled = int("".join(map(str, digits))) * 10 ** (exponent + scale)
    return bytes([6, scale]) + (-unscaled if sign else unscaled).to_bytes(32, "little", signed=True)


def timestamp_tag(kind):
    return {("us", False): 0x09, ("us", True): 0x0A, ("ns", False): 0x0B, ("ns", True): 0x0C}[(kind.unit, bool(kind.tz))]


def scalar(kind):
    """A function from a value of that type, as `values` gives it, to its cell."""
    if pa.types.is_boolean(kind):
        return lambda v: bytes([1, v])
    if pa.types.is_signed_integer(kind):
        return lambda v: word(0x02, v)
    if pa.types.is_uint64(kind):
        return lambda v: word(0x03, v)
    if pa.types.is_float32(kind):
        return float32
    if pa.types.is_float64(kind):
        return float64
    if pa.types.is_decimal(kind):
        return lambda v: decimal(v, kind.scale)
    if pa.types.is_date32(kind):
        return lambda v: word(0x07, v)
    if pa.types.is_time64(kind):
        return lambda v: word(0x08, v)
    if pa.types.is_timestamp(kind):
        return lambda v: word(timestamp_tag(kind), v)
    if isinstance(kind, pa.UuidType):
        return lambda v: b"\x0f" + v
    if pa.types.is_string(kind) or isinstance(kind, pa.JsonType):
        return lambda v: counted(0x0D, v.encode())
    assert pa.types.is_binary(kind), kind
    return lambda v: counted(0x0E, v)


def plain(array):
    """Times as numbers: Python's own stop at microseconds and at the year 9999."""
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_date32(array.type):
        array = array.view(pa.int32())
    elif pa.types.is_temporal(array.type):
        array = array.view(pa.int64())
    return array.to_pylist()


def cells(array):
    if not pa.types.is_list(array.type):
        cell = scalar(array.type)
        return [b"\x00" if v is None else cell(v) for v in plain(array)]
    elements, ends = cells(array.values), array.offsets.to_pylist()
    return [
        b"\x10" + struct.pack("<I", ends[i + 1] - ends[i]) + b"".join(elements[ends[i] : ends[i + 1]])
        if there
        else b"\x00"
        for i, there in enumerate(pc.is_valid(array).to_pylist())
    ]


def row_hashes(path, names=None):
    """What _rivet_row_hash should hold; names: the columns that meta_columns.row_hash lists, None for all."""
    table = pq.read_table(path)
    hashed = [n for n in table.column_names if (n in names if names else n not in ADDED)]
    columns = [cells(table.column(n).combine_chunks()) for n in hashed]
    low = [xxhash.xxh3_128_intdigest(b"".join(row)) & (2**64 - 1) for row in zip(*columns)]
    return [h - 2**64 if h >= 2**63 else h for h in low]
