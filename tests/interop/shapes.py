"""Columns of the shapes that real tables have, the same on every machine: what sizes are measured on.

Only random(), getrandbits() and randrange() of random.Random are used: their sequences do not change between versions
of Python. Each shape has a generator of its own, so adding one leaves the others as they are."""

import json
import random
import uuid

from rows import column, decimal_text, float_bits

N = 50_000
LONG_N = 2_500  # of rows with a kilobyte or more
SHAPES = {}
START_US = 1_600_000_000_000_000
SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo zu an en in on er".split()


def shape(kind, nullable=False, n=N):
    """Registers a function of a random.Random and n that makes a column's values."""

    def register(make):
        name = make.__name__.replace("_", " ")
        SHAPES[name] = lambda: column("v", kind, nullable, make(random.Random(name), n))
        return make

    return register


def pick(r, items):
    return items[r.randrange(len(items))]


def skewed(r, n):
    """0 .. n-1, small ones far more often. No pow(): its last bit is the C library's."""
    x = r.random()
    return int(n * (x * x * x))


def words(count, seed):
    r = random.Random(seed)
    return ["".join(pick(r, SYLLABLES) for _ in range(r.randrange(1, 5))) for _ in range(count)]


WORDS = words(3000, "words")


def sentence(r, n):
    return " ".join(WORDS[skewed(r, len(WORDS))] for _ in range(n)).capitalize() + "."


def nulls(r, share, values):
    return [None if r.random() < share else v for v in values]


def rising(r, n, start, steps):
    out, value = [], start
    for _ in range(n):
        value += r.randrange(steps)
        out.append(value)
    return out


# ---- integers ----


@shape("int64")
def int64_dense_ids(r, n):
    return list(range(1, n + 1))


@shape("int64")
def int64_ids_with_gaps(r, n):
    return rising(r, n, 10**9, 12)


@shape("int64")
def int64_descending(r, n):
    return list(range(n, 0, -1))


@shape("int64")
def int64_random(r, n):
    return [r.getrandbits(64) - 2**63 for _ in range(n)]


@shape("int64")
def int64_foreign_keys(r, n):
    return [1 + r.randrange(200_000) for _ in range(n)]


@shape("int64")
def int64_skewed_foreign_keys(r, n):
    return [1 + skewed(r, 50_000) for _ in range(n)]


@shape("int64")
def int64_low_cardinality(r, n):
    return [10**12 + r.randrange(7) for _ in range(n)]


@shape("int64", nullable=True)
def int64_sparse_1_percent(r, n):
    return nulls(r, 0.99, int64_random(r, n))


@shape("int64")
def int64_constant(r, n):
    return [42] * n


@shape("int32")
def int32_sorted(r, n):
    return rising(r, n, 0, 5)


@shape("int32")
def int32_random(r, n):
    return [r.getrandbits(32) - 2**31 for _ in range(n)]


@shape("int32", nullable=True)
def int32_small_counts(r, n):
    return nulls(r, 0.05, [1 + skewed(r, 100) for _ in range(n)])


@shape("int32")
def int32_20_bits(r, n):
    return [r.getrandbits(20) for _ in range(n)]


@shape("int16")
def int16_random(r, n):
    return [r.getrandbits(16) - 2**15 for _ in range(n)]


@shape("uint64")
def uint64_hashes(r, n):
    return [str(r.getrandbits(64)) for _ in range(n)]


# ---- time ----


@shape("timestamp_tz")
def timestamps_sorted(r, n):
    return rising(r, n, START_US, 60_000_000)


@shape("timestamp_tz")
def timestamps_jittered(r, n):
    return [START_US + i * 31_000_000 + r.randrange(31_000_000) * 3 for i in range(n)]


@shape("timestamp")
def timestamps_whole_seconds(r, n):
    return [START_US + r.randrange(10**8) * 10**6 for _ in range(n)]


@shape("timestamp", nullable=True)
def timestamps_with_nulls(r, n):
    return nulls(r, 0.1, [START_US + i * 31_000_000 + r.randrange(86_400_000) * 1000 for i in range(n)])


@shape("timestamp_tz_ns")
def timestamps_nanoseconds(r, n):
    return rising(r, n, START_US * 1000, 10**9)


@shape("date")
def dates_random(r, n):
    return [18_000 + r.randrange(3_650) for _ in range(n)]


@shape("date")
def dates_sorted(r, n):
    return [18_000 + i * 1_000 // n for i in range(n)]


@shape("time", nullable=True)
def times_of_day(r, n):
    return nulls(r, 0.1, [r.randrange(86_400) * 10**6 for _ in range(n)])


# ---- decimals ----


@shape("decimal(9,2)")
def decimal_9_prices(r, n):
    return [decimal_text(r.randrange(10**6), 2) for _ in range(n)]


@shape("decimal(18,4)", nullable=True)
def decimal_18_amounts(r, n):
    return nulls(r, 0.3, [decimal_text(r.randrange(-(10**9), 10**10), 4) for _ in range(n)])


@shape("decimal(38,10)")
def decimal_38_small_values(r, n):
    return [decimal_text(r.randrange(10**15), 10) for _ in range(n)]


@shape("decimal(38,0)")
def decimal_38_random(r, n):
    return [decimal_text(r.getrandbits(125), 0) for _ in range(n)]


# ---- floats ----


@shape("float64")
def floats_random(r, n):
    return [float_bits(r.random()) for _ in range(n)]


@shape("float64")
def floats_sensor(r, n):
    out, value = [], 20.0
    for _ in range(n):
        value += (r.random() - 0.5) / 8
        out.append(float_bits(value))
    return out


@shape("float64")
def floats_2_decimals(r, n):
    return [float_bits(r.randrange(10**5) / 100) for _ in range(n)]


@shape("float64", nullable=True)
def floats_integral(r, n):
    return nulls(r, 0.1, [float_bits(float(r.randrange(1_000))) for _ in range(n)])


@shape("float32", nullable=True)
def floats_single_ratings(r, n):
    import struct

    return nulls(r, 0.25, [struct.pack(">f", r.randrange(50) / 10).hex() for _ in range(n)])


# ---- fixed bytes and booleans ----


@shape("uuid")
def uuids_random(r, n):
    return [uuid.UUID(int=r.getrandbits(128), version=4).hex for _ in range(n)]


@shape("uuid")
def uuids_v7_sorted(r, n):
    times = rising(r, n, START_US // 1000, 50)
    return [f"{ms:012x}7{r.getrandbits(12):03x}{8 + r.randrange(4):x}{r.getrandbits(60):015x}" for ms in times]


@shape("uuid")
def uuids_foreign_keys(r, n):
    pool = [uuid.UUID(int=r.getrandbits(128), version=4).hex for _ in range(500)]
    return [pick(r, pool) for _ in range(n)]


@shape("bool", nullable=True)
def booleans_random(r, n):
    return nulls(r, 0.1, [r.random() < 0.5 for _ in range(n)])


@shape("bool")
def booleans_in_runs(r, n):
    out = []
    while len(out) < n:
        out += [len(out) % 2 == 0] * r.randrange(1, 2_000)
    return out[:n]


@shape("bool")
def booleans_mostly_true(r, n):
    return [r.random() < 0.98 for _ in range(n)]


# ---- text ----


@shape("string")
def words_random(r, n):
    return [pick(r, WORDS) for _ in range(n)]


@shape("enum")
def status_of_five(r, n):
    return [pick(r, ["new", "paid", "sent", "returned", "lost"]) for _ in range(n)]


@shape("string", nullable=True)
def cities(r, n):
    pool = [w.capitalize() for w in WORDS[:300]]
    return nulls(r, 0.02, [pool[skewed(r, 300)] for _ in range(n)])


@shape("string")
def names_of_people(r, n):
    return [f"{pick(r, WORDS).capitalize()} {pick(r, WORDS).capitalize()}" for _ in range(n)]


@shape("string")
def emails(r, n):
    return [f"{pick(r, WORDS)}.{r.randrange(10**4)}@{pick(r, WORDS)}.example" for _ in range(n)]


@shape("string", n=20_000)
def sentences(r, n):
    return [sentence(r, 8 + r.randrange(12)) for _ in range(n)]


@shape("string", nullable=True)
def notes_sparse(r, n):
    return [f"ticket {r.randrange(10**6)}: {sentence(r, 4)}" if r.random() < 0.2 else None for _ in range(n)]


@shape("string")
def urls(r, n):
    return [f"https://www.{WORDS[skewed(r, 40)]}.example/{pick(r, WORDS)}/{pick(r, WORDS)}?id={r.randrange(10**6)}"
            for _ in range(n)]


@shape("string")
def urls_sorted(r, n):
    return sorted(urls(r, n))


@shape("string")
def slugs_sorted(r, n):
    return [f"item-{i}-{pick(r, WORDS)}-{pick(r, WORDS)}" for i in range(10**6, 10**6 + n)]


@shape("string")
def codes_fixed_width(r, n):
    return [f"SKU-{r.randrange(10**6):06d}-{pick(r, 'SML')}" for _ in range(n)]


@shape("string")
def hex_hashes(r, n):
    return [f"{r.getrandbits(256):064x}" for _ in range(n)]


@shape("string")
def hex_hashes_repeated(r, n):
    pool = [f"{r.getrandbits(160):040x}" for _ in range(2_000)]
    return [pick(r, pool) for _ in range(n)]


@shape("string")
def numbers_as_text(r, n):
    return [str(r.randrange(10**9)) for _ in range(n)]


@shape("string")
def dates_as_text(r, n):
    return [f"20{r.randrange(10, 25)}-{r.randrange(1, 13):02d}-{r.randrange(1, 29):02d}" for _ in range(n)]


@shape("string", nullable=True)
def text_constant(r, n):
    return ["the same in every row"] * n


@shape("string")
def texts_empty(r, n):
    return [""] * n


@shape("string", nullable=True)
def text_99_percent_null(r, n):
    return nulls(r, 0.99, [sentence(r, 5) for _ in range(n)])


@shape("string", nullable=True)
def text_only_null(r, n):
    return [None] * n


@shape("string", n=LONG_N)
def texts_of_2_kilobytes(r, n):
    return [" ".join(sentence(r, 12) for _ in range(25)) for _ in range(n)]


@shape("string", n=LONG_N)
def html_pages(r, n):
    return ["<article>" + "".join(f"<p>{sentence(r, 20)}</p>" for _ in range(10)) + "</article>" for _ in range(n)]


@shape("json", n=20_000)
def json_documents(r, n):
    return [
        json.dumps({"tags": [pick(r, WORDS), pick(r, WORDS)], "words": r.randrange(200), "by": skewed(r, 5_000),
                    "featured": r.random() < 0.5, "source": pick(r, ["editor", "import", "api"])})
        for _ in range(n)
    ]


@shape("binary", n=20_000)
def bytes_random(r, n):
    return [f"{r.getrandbits(256):064x}" for _ in range(n)]


# ---- lists ----


@shape("list<int32>", nullable=True, n=20_000)
def lists_of_integers(r, n):
    return nulls(r, 0.1, [[skewed(r, 1_000) for _ in range(r.randrange(6))] for _ in range(n)])


@shape("list<string>", n=20_000)
def lists_of_tags(r, n):
    return [[WORDS[skewed(r, 200)] for _ in range(r.randrange(5))] for _ in range(n)]
