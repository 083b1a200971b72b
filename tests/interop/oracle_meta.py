"""What a file's footer may say at all, and that its bloom filters hold every value. Part of oracle.py.

Spec: parquet.thrift, LogicalTypes.md, BloomFilter.md of parquet-format; VersionParser and SemanticVersion of
parquet-java, which decides by created_by whether it believes statistics of text (PARQUET-251)."""

import re

import xxhash

JVM_CREATED_BY = re.compile(r"(.*?)\s+version\s*(?:([^(]*?)\s*(?:\(\s*build\s*([^)]*?)\s*\))?)?")
JVM_SEMANTIC_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)([^-+]*)?(?:-([^+]*))?(?:\+(.*))?")
# Keys whose values other readers trust more than the schema.
FOREIGN_SCHEMAS = {"ARROW:schema", "pandas", "org.apache.spark.sql.parquet.row.metadata"}

FILE_FIELDS = {1, 2, 3, 4, 5, 6, 7}
GROUP_FIELDS = {1, 2, 3, 5, 6, 7}  # not 4, sorting columns: a source's order is not the format's
CHUNK_FIELDS = {2, 3, 4, 5, 6, 7}  # not 1, another file's name
COLUMN_FIELDS = {1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 14, 15, 16}
STATISTICS_FIELDS = {3, 4, 5, 6, 7, 8, 9}  # not 1 and 2, bounds in an order that nobody agrees on

BOOLEAN, INT32, INT64, _, FLOAT, DOUBLE, BYTE_ARRAY, FIXED = range(8)
MILLIS, MICROS, NANOS = {1: {}}, {2: {}}, {3: {}}


def check_footer(meta):
    """`meta` is FileMetaData as nested dicts {field id: value}."""
    assert set(meta) <= FILE_FIELDS
    check_created_by(meta[6].decode())
    keys = [kv[1].decode() for kv in meta.get(5, [])]
    assert len(set(keys)) == len(keys) and not FOREIGN_SCHEMAS & set(keys)
    for group in meta[4]:
        assert set(group) <= GROUP_FIELDS
        for chunk in group[1]:
            assert set(chunk) <= CHUNK_FIELDS and chunk[2] == 0
            assert set(chunk[3]) <= COLUMN_FIELDS and set(chunk[3][12]) <= STATISTICS_FIELDS
            assert chunk[3].get(11) != 0 and chunk[3].get(11) != chunk[3][9]
    check_schema(meta[2])


def check_created_by(text):
    found = JVM_CREATED_BY.fullmatch(text)
    assert found and found[1] and found[3], f"created_by {text!r} is not what JVM readers parse"
    assert JVM_SEMANTIC_VERSION.fullmatch(found[2]), found[2]


# ---- the schema ----


def check_schema(elements):
    """Every leaf has the annotation of its logical type in both forms; lists have three levels and their names."""
    root, at = elements[0], 1
    assert 3 not in root and 1 not in root
    for _ in range(root[5]):
        top = elements[at]
        if 5 not in top:
            check_leaf(top)
            at += 1
            continue
        middle, leaf = elements[at + 1], elements[at + 2]
        assert top[6] == 3 and top[10] == {3: {}} and top[5] == 1 and top[3] in (0, 1)
        assert middle[4] == b"list" and middle[3] == 2 and middle[5] == 1 and 6 not in middle and 10 not in middle
        assert leaf[4] == b"element" and leaf[3] in (0, 1)
        check_leaf(leaf)
        at += 3
    assert at == len(elements)


def check_leaf(leaf):
    assert 5 not in leaf and leaf[3] in (0, 1) and (2 in leaf) == (leaf[1] == FIXED)
    logical = leaf.get(10, {})
    assert len(logical) <= 1
    if 5 in logical:
        check_decimal(leaf, logical[5])
    else:
        assert 7 not in leaf and 8 not in leaf
        found = (leaf[1], leaf.get(2), leaf.get(6), freeze(logical))
        assert found in ANNOTATIONS, (leaf[4], found)


def check_decimal(leaf, decimal):
    scale, precision = decimal[1], decimal[2]
    assert leaf.get(6) == 5 and leaf.get(7, 0) == scale and leaf.get(8) == precision and 0 <= scale <= precision
    if precision <= 18:
        assert leaf[1] == (INT32 if precision <= 9 else INT64)
        return
    length = next(n for n in range(9, 40) if 2 ** (8 * n - 1) > 10**precision)
    if length > 16:  # DuckDB 1.5 reads other widths than whole words wrongly
        length = -(-length // 8) * 8
    assert leaf[1] == FIXED and leaf[2] == length


def freeze(value):
    return tuple(sorted((k, freeze(v)) for k, v in value.items())) if isinstance(value, dict) else value


def timed(field, utc, unit):
    return freeze({field: {1: utc, 2: unit}})


# (physical, length, converted, logical): LogicalTypes.md, for what we write.
ANNOTATIONS = {
    (BOOLEAN, None, None, ()),
    (INT32, None, None, ()),
    (INT32, None, 16, freeze({10: {1: 16, 2: True}})),
    (INT64, None, None, ()),
    (INT64, None, 14, freeze({10: {1: 64, 2: False}})),
    (FLOAT, None, None, ()),
    (DOUBLE, None, None, ()),
    (INT32, None, 6, freeze({6: {}})),
    (INT64, None, 8, timed(7, False, MICROS)),
    (INT64, None, 10, timed(8, False, MICROS)),
    (INT64, None, 10, timed(8, True, MICROS)),
    (INT64, None, None, timed(8, False, NANOS)),
    (INT64, None, None, timed(8, True, NANOS)),
    (BYTE_ARRAY, None, 0, freeze({1: {}})),
    (BYTE_ARRAY, None, None, ()),
    (BYTE_ARRAY, None, 19, freeze({12: {}})),
    (FIXED, 16, None, freeze({14: {}})),
}


# ---- bloom filters ----

SALT = (0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31)
MAX_FALSE_POSITIVES = 0.05


def bits_of(data, n_blocks):
    """(block, [bit of each of its eight words]) of a value's PLAIN bytes, without a length in front."""
    digest = xxhash.xxh64_intdigest(data, seed=0)
    low = digest & 0xFFFFFFFF
    return (digest >> 32) * n_blocks >> 32, [(low * salt & 0xFFFFFFFF) >> 27 for salt in SALT]


def holds(words, data):
    block, bits = bits_of(data, len(words) // 8)
    return all(words[block * 8 + i] >> bit & 1 for i, bit in enumerate(bits))


def check_bloom(header, bitset, values):
    """`header` as {field id: value}; `values`: the PLAIN bytes of every value of the chunk."""
    assert header == {1: len(bitset), 2: {1: {}}, 3: {1: {}}, 4: {1: {}}}
    assert len(bitset) % 32 == 0 and len(bitset) > 0
    words = [int.from_bytes(bitset[i : i + 4], "little") for i in range(0, len(bitset), 4)]
    present = set(values)
    assert all(holds(words, value) for value in present), "a value is missing in the bloom filter"
    strangers = [v for v in (b"stranger %d" % i for i in range(2000)) if v not in present]
    wrong = sum(holds(words, value) for value in strangers)
    assert wrong <= MAX_FALSE_POSITIVES * len(strangers), f"the bloom filter holds {wrong} of {len(strangers)} strangers"
