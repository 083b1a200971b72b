"""Columns full of edges, made without any code of the program under test.

A column is {"name", "type", "nullable", "values"}, with values as write_torture.c reads them. `truth` turns such a value
into the neutral form of readers.py.
"""

import random
import struct

from readers import NAN, element_of, unscaled

INT_RANGES = {"int16": 16, "int32": 32, "int64": 64}
TEXTS = [
    "",
    "a",
    "grüße",
    "日本語",
    "🦀 crab",
    "x" * 63,
    "x" * 64,
    "x" * 65,
    "é" * 32,
    "é" * 33,
    "a" + "é" * 32,
    "\u007f" * 70,
    "\u07ff" * 40,
    "\uffff" * 30,
    "\ud7ff" * 30,
    "\ue000" * 30,
    "\U0010ffff",
    "\U0010ffff" * 16,
    "line\nbreak\ttab\r\"quote\" 'single' \\",
    "nul\u0000inside",
    "%s%n",
]
BYTES = ["", "00", "ff", "00ff00", "ff" * 63, "ff" * 64, "fe" + "ff" * 70, "80" * 65, "7f" + "ff" * 63 + "01"]


def float_bits(value):
    return struct.pack(">d", value).hex()


def float32_bits(value):
    return struct.pack(">f", value).hex()


def double_values():
    reals = [0.0, -0.0, 1.5, -1.5, 1e308, -1e308, 5e-324, 2.2250738585072014e-308, float("inf"), float("-inf")]
    return [float_bits(v) for v in reals] + ["7ff8000000000000", "fff8000000000001", "7ff0000000000001"]


def float_values():
    reals = [0.0, -0.0, 1.5, -1.5, 3.4e38, -3.4e38, 1e-45, float("inf"), float("-inf")]
    return [float32_bits(v) for v in reals] + ["7fc00000", "ffc00001"]


def decimal_values(precision, scale):
    most = 10**precision - 1
    unscaled_values = [0, 1, -1, most, -most, most // 2, -(most // 3), 10 ** (precision // 2), -(10 ** (precision // 2))]
    for bits in range(7, 256, 8):
        unscaled_values += [v for v in (2**bits, -(2**bits), 2**bits - 1, -(2**bits) - 1) if abs(v) <= most]
    return [decimal_text(v, scale) for v in unscaled_values]


def decimal_text(value, scale):
    digits = str(abs(value)).rjust(scale + 1, "0")
    text = digits[: len(digits) - scale] + ("." + digits[len(digits) - scale :] if scale else "")
    return ("-" if value < 0 else "") + text


def edge_values(kind):
    if kind in INT_RANGES:
        top = 2 ** (INT_RANGES[kind] - 1)
        return [0, 1, -1, top - 1, -top, 42]
    if kind.startswith("decimal"):
        precision, scale = kind[8:-1].split(",")
        return decimal_values(int(precision), int(scale))
    return {
        "bool": [True, False, True, True],
        "uint64": ["0", "1", str(2**63 - 1), str(2**63), str(2**64 - 1)],
        "float32": float_values(),
        "float64": double_values(),
        "date": [0, 1, -1, -719162, 2932896, 18262, -25567, 120529],
        "time": [0, 1, 86399999999, 43200000000],
        "timestamp": [0, 1, -1, -62135596800000000, 253402300799999999, 1600000000123456],
        "timestamp_tz": [0, 1, -1, -62135596800000000, 253402300799999999, 1600000000123456],
        "timestamp_ns": [0, 1, -1, 1600000000123456789, -2208988800000000000, 9214646400000000000 - 1],
        "timestamp_tz_ns": [0, 1, -1, 1600000000123456789, -2208988800000000000, 9214646400000000000 - 1],
        "string": TEXTS,
        "enum": ["new", "paid", "sent", "paid"],
        "interval": ["PT0S", "P1Y2M3DT4H5M6.789S", "-P1D"],
        "json": ["{}", '{"a": [1, null, "é"]}', "[]", "null", "1e3", '"text"'],
        "binary": BYTES,
        "uuid": ["00" * 16, "ff" * 16, "0123456789abcdef0123456789abcdef", "80" + "00" * 15],
    }[kind]


SCALARS = [
    *("bool", "int16", "int32", "int64", "uint64", "float32", "float64", "date", "time", "timestamp", "timestamp_tz"),
    *("timestamp_ns", "timestamp_tz_ns", "string", "enum", "interval", "json", "binary", "uuid"),
    *("decimal(1,0)", "decimal(9,2)", "decimal(10,2)", "decimal(18,18)", "decimal(19,0)", "decimal(38,10)"),
    *("decimal(39,1)", "decimal(76,38)"),
]


def cycle(values, n):
    return [values[i % len(values)] for i in range(n)]


def column(name, kind, nullable, values):
    return {"name": name, "type": kind, "nullable": nullable, "values": values}


def with_nulls(values, every=3):
    return [None if i % every == 1 else v for i, v in enumerate(values)]


def torture(n):
    """Every type: no NULLs, some NULLs, only NULLs; and lists of every type."""
    columns = []
    for kind in SCALARS:
        values = edge_values(kind)
        columns.append(column(f"{kind} required", kind, False, cycle(values, n)))
        columns.append(column(f"{kind} optional", kind, True, with_nulls(cycle(values, n))))
        columns.append(column(f"{kind} null", kind, True, [None] * n))
        columns.append(column(f"{kind} list", f"list<{kind}>", True, list_values(values, n)))
        columns.append(column(f"{kind} lists", f"list<{kind}>", False, cycle([values, [], [values[0]], [None]], n)))
    return columns


def list_values(values, n):
    shapes = [None, [], [None], [values[0]], [None, values[-1], None], values, [values[0]] * 20]
    return cycle(shapes, n)


def truth(kind, value):
    if value is None:
        return None
    if kind.startswith("list<"):
        return [truth(element_of(kind), v) for v in value]
    if kind.startswith("float"):
        bits = bytes.fromhex(value)[::-1]
        number = struct.unpack("<f" if kind == "float32" else "<d", bits)[0]
        return NAN[kind] if number != number else bits
    if kind.startswith("decimal"):
        return unscaled(kind, value)
    if kind in ("binary", "uuid"):
        return bytes.fromhex(value)
    if kind == "uint64":
        return int(value)
    return value


def orders(n, seed=1):
    """Like a table of a shop: keys, repeated values, sorted and unsorted times, texts."""
    r = random.Random(seed)
    status = ["new", "paid", "sent", "returned", "lost"]
    return [
        column("id", "int64", False, list(range(1, n + 1))),
        column("customer", "int32", False, [r.randrange(1, 100000) for _ in range(n)]),
        column("status", "enum", False, [r.choice(status) for _ in range(n)]),
        column("quantity", "int16", True, [r.choice([None, r.randrange(1, 100)]) for _ in range(n)]),
        column("amount", "decimal(10,2)", False, [decimal_text(r.randrange(-(10**7), 10**8), 2) for _ in range(n)]),
        column("big", "decimal(30,4)", True, [decimal_text(r.randrange(-(10**25), 10**25), 4) for _ in range(n)]),
        column("created", "timestamp_tz", False, [1577836800000000 + i * 13000000 for i in range(n)]),
        column("day", "date", False, [18262 + i // 500 for i in range(n)]),
        column("price", "float64", True, [float_bits(round(r.random() * 1000, 2)) for _ in range(n)]),
        column("product", "string", False, [f"product-{r.randrange(4000)}" for _ in range(n)]),
        column("note", "string", True, [f"note {i} {r.random()}" if i % 3 == 0 else None for i in range(n)]),
        column("tags", "list<string>", True, [tags(r) for _ in range(n)]),
        column("key", "uuid", False, [r.randbytes(16).hex() for _ in range(n)]),
        column("flag", "bool", True, [r.choice([None, True, False]) for _ in range(n)]),
    ]


def tags(r):
    n = r.randrange(-1, 5)
    return None if n < 0 else [r.choice([None, "red", "green", f"tag-{r.randrange(1000)}"]) for _ in range(n)]
