"""Small files whose bytes are pinned: every type, every way in which a page, a dictionary or a row group can end.

Two hashes of each: of the file without compression, which only our own code decides, and of the file with the default
codec, which also depends on the version of libzstd. `created_by` is left out of both, so a release does not change
them."""

import hashlib
import random

import oracle
import rows
from rows import column

MIB = 1 << 20
VARIANTS = {"none": {"compression": "none"}, "default": {}}


def numbers(n, seed=1):
    r = random.Random(seed)
    return [r.getrandbits(40) for _ in range(n)]


def of_type(kind):
    """A type's edge values in a required, a nullable and a list column."""
    values = rows.edge_values(kind)
    return [
        column("required", kind, False, rows.cycle(values, 100)),
        column("nullable", kind, True, rows.with_nulls(rows.cycle(values, 100))),
        column("list", f"list<{kind}>", True, rows.list_values(values, 100)),
    ]


def dictionary_overflow():
    few = [f"value {i % 50}" for i in range(25_000)]
    return [column("v", "string", False, few + [f"unique {i}" for i in range(25_000)])]


def pages():
    return [
        column("id", "int64", False, list(range(20_001))),
        column("text", "string", True, [None if i % 7 == 0 else f"row {i % 3000}" for i in range(20_001)]),
        column("list", "list<int16>", True, [[i % 3] * (i % 3) for i in range(20_001)]),
    ]


def huge_values():
    return [column("v", "string", True, [chr(97 + i) * (MIB + MIB // 2 if i % 5 == 2 else i) for i in range(12)])]


def nan_and_zeros():
    bits = ["7ff8000000000000", rows.float_bits(-0.0), rows.float_bits(0.0), rows.float_bits(1.5)]
    return [column(f"c{i}", "float64", True, rows.cycle(bits[i:], 50)) for i in range(4)]


def texts_at_the_bound():
    texts = ["x" * 63, "x" * 64, "x" * 65, "é" * 40, "\U0010ffff" * 20, "\ud7ff" * 30, "\uffff" * 30, ""]
    return [column(f"c{i}", "string", True, [t, t + "a", None]) for i, t in enumerate(texts)]


SINGLE_TYPES = ("bool", "int32", "int64", "uint64", "float64", "date", "timestamp_tz", "string", "json", "binary", "uuid",
                "decimal(9,2)", "decimal(18,18)", "decimal(38,10)", "decimal(76,38)")

# name: (function that makes the columns, options of write_torture.c)
FILES = {
    **{f"type {kind}": (lambda kind=kind: of_type(kind), {}) for kind in SINGLE_TYPES},
    "no rows": (lambda: rows.torture(0), {}),
    "one row": (lambda: rows.torture(1), {}),
    "shop": (lambda: rows.orders(5_000), {}),
    "several row groups": (lambda: rows.orders(30_000)[:6], {"memory": MIB}),
    "pages": (pages, {}),
    "dictionary overflow": (dictionary_overflow, {"memory": 3 * MIB}),
    "huge values": (huge_values, {}),
    "only nulls": (lambda: [column(k, k, True, [None] * 300) for k in ("int32", "string")], {}),
    "nan and zeros": (nan_and_zeros, {}),
    "texts at the bound": (texts_at_the_bound, {}),
    "runs": (lambda: [column("v", "int32", True, [v for v in range(300) for _ in range(v % 70)])], {}),
    "wide integers": (lambda: [column("v", "int64", False, numbers(5_000))], {}),
    "names": (lambda: [column(name, "int32", False, [1]) for name in ("a.b", 'q"q', "🦀", "x" * 200)], {}),
}
# Options that change bytes; a build that does not know one yet has no such file.
OPTIONS = {
    "shop, level 9": {"compression": "zstd", "compression_level": 9},
    "shop, snappy": {"compression": "snappy"},
    "shop, gzip": {"compression": "gzip"},
    "shop, lz4": {"compression": "lz4"},
    "shop, max": {"parquet": {"compat": "max"}},
    "shop, modern": {"parquet": {"compat": "modern"}},
    "shop, bloom": {"parquet": {"bloom": ["id", "product"]}},
}


def digest(path):
    """SHA-256 of the file without created_by and the footer's length."""
    file = oracle.File(path)
    created_by = file.meta[6]
    assert len(created_by) < 128
    footer = bytes(file.data[file.footer_at : -8])
    field = bytes([len(created_by)]) + created_by
    assert footer.count(field) == 1
    return hashlib.sha256(bytes(file.data[: file.footer_at]) + footer.replace(field, b"")).hexdigest()


def files():
    """(name, columns, options) of every file; options are those of torture_writer.Writer."""
    for name, (make, options) in FILES.items():
        for variant, export in VARIANTS.items():
            yield f"{name}, {variant}", make(), {**options, "export": export}
    for name, export in OPTIONS.items():
        yield name, rows.orders(2_000), {"export": export}
