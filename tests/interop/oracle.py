"""Reads a Parquet file by the specification alone and checks everything that it says about itself.

Nothing here shares code with the writer under test. Decodes V1 data pages in every encoding, flat columns and
three-level lists; recomputes statistics, page index, sizes and checksums from the decoded values.
Spec: parquet-format (parquet.thrift, Encodings.md, PageIndex.md), Thrift compact protocol.
"""

import struct
import zlib

import pyarrow
import xxhash

import oracle_meta

BOOLEAN, INT32, INT64, INT96, FLOAT, DOUBLE, BYTE_ARRAY, FIXED = range(8)
PLAIN, RLE, DELTA, DELTA_LENGTH, DELTA_BYTE_ARRAY, RLE_DICTIONARY, SPLIT = 0, 3, 5, 6, 7, 8, 9
ENCODED_TYPES = {  # Encodings.md, "Supported Encodings"
    PLAIN: {BOOLEAN, INT32, INT64, FLOAT, DOUBLE, BYTE_ARRAY, FIXED},
    RLE_DICTIONARY: {INT32, INT64, FLOAT, DOUBLE, BYTE_ARRAY, FIXED},
    RLE: {BOOLEAN},
    DELTA: {INT32, INT64},
    DELTA_LENGTH: {BYTE_ARRAY},
    DELTA_BYTE_ARRAY: {BYTE_ARRAY, FIXED},
    SPLIT: {INT32, INT64, FLOAT, DOUBLE, FIXED},
}
SNAPPY, GZIP, ZSTD, LZ4_RAW = 1, 2, 6, 7
MAX_BOUND = 64
SALT = (0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31)


class Thrift:
    """Compact protocol to nested dicts {field id: value}; lists to lists."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def zigzag(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def value(self, kind):
        if kind == 1:
            return True
        if kind == 2:
            return False
        if kind == 3:
            return struct.unpack("b", bytes([self.byte()]))[0]
        if kind in (4, 5, 6):
            return self.zigzag()
        if kind == 8:
            length = self.varint()
            self.at += length
            return bytes(self.data[self.at - length : self.at])
        if kind == 9:
            return self.list()
        if kind == 12:
            return self.struct()
        raise AssertionError(f"thrift type {kind}")

    def list(self):
        head = self.byte()
        n, kind = head >> 4, head & 15
        if n == 15:
            n = self.varint()
        if kind in (1, 2):
            return [self.byte() == 1 for _ in range(n)]
        return [self.value(kind) for _ in range(n)]

    def struct(self):
        fields, last = {}, 0
        while True:
            head = self.byte()
            if head == 0:
                return fields
            last = last + (head >> 4) if head >> 4 else self.zigzag()
            assert last not in fields, "field twice"
            fields[last] = self.value(head & 15)


def hybrid(data, at, end, width, n):
    """n values of the RLE / bit-packed hybrid; returns them and where they end."""
    values, n_bytes = [], (width + 7) // 8
    while len(values) < n:
        reader = Thrift(data, at)
        head = reader.varint()
        at = reader.at
        assert head >> 1 > 0, "empty run"
        if head & 1:
            groups = head >> 1
            bits = int.from_bytes(data[at : at + groups * width], "little")
            assert len(data[at : at + groups * width]) == groups * width
            at += groups * width
            mask = (1 << width) - 1
            values.extend(bits >> i * width & mask for i in range(groups * 8)) if groups <= 8 else values.extend(
                unpack_long(data, at - groups * width, groups * 8, width)
            )
        else:
            value = int.from_bytes(data[at : at + n_bytes], "little")
            assert value < 1 << width, "value wider than its width"
            at += n_bytes
            values.extend([value] * (head >> 1))
    assert at <= end
    assert all(v == 0 for v in values[n:]), "padding is not zero"
    return values[:n], at


def unpack_long(data, at, n, width):
    out = []
    for group in range(n // 8):
        bits = int.from_bytes(data[at + group * width : at + (group + 1) * width], "little")
        out.extend(bits >> i * width & (1 << width) - 1 for i in range(8))
    return out


def plain(data, at, n, physical, length):
    """n PLAIN values as Python values: ints, raw float bytes, bytes."""
    if physical == BOOLEAN:
        used = (n + 7) // 8
        bits = int.from_bytes(data[at : at + used], "little")
        assert bits >> n == 0, "padding is not zero"
        return [bool(bits >> i & 1) for i in range(n)], at + used
    if physical in (INT32, INT64):
        size = 4 if physical == INT32 else 8
        return list(struct.unpack_from(f"<{n}{'i' if size == 4 else 'q'}", data, at)), at + n * size
    if physical in (FLOAT, DOUBLE, FIXED):
        size = {FLOAT: 4, DOUBLE: 8, FIXED: length}[physical]
        return [bytes(data[at + i * size : at + (i + 1) * size]) for i in range(n)], at + n * size
    out = []
    for _ in range(n):
        (size,) = struct.unpack_from("<I", data, at)
        out.append(bytes(data[at + 4 : at + 4 + size]))
        assert len(out[-1]) == size
        at += 4 + size
    return out, at


def delta(data, at, n, bits):
    """n signed integers of DELTA_BINARY_PACKED. Arithmetic wraps at `bits`; no width may pass it."""
    reader = Thrift(data, at)
    block, n_mini, count, value = reader.varint(), reader.varint(), reader.varint(), reader.zigzag()
    assert block % 128 == 0 and block % n_mini == 0 and block // n_mini % 32 == 0 and count == n
    signed = lambda v: (v + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)
    assert value == signed(value)
    out, mini = [value] if n else [], block // n_mini
    while len(out) < n:
        least = reader.zigzag()
        assert least == signed(least)
        widths = [reader.byte() for _ in range(n_mini)]
        for width in widths:
            if len(out) >= n:
                assert width == 0, "a miniblock without values has a width"
                continue
            assert width <= bits
            body = int.from_bytes(data[reader.at : reader.at + mini * width // 8], "little")
            assert len(data[reader.at : reader.at + mini * width // 8]) == mini * width // 8
            reader.at += mini * width // 8
            for i in range(mini):
                above = body >> i * width & (1 << width) - 1
                if len(out) == n:
                    assert above == 0, "padding is not zero"
                    continue
                value = signed(value + least + above)
                out.append(value)
    return out, reader.at


def byte_arrays(data, at, n, prefixes, length):
    """n values of DELTA_LENGTH_BYTE_ARRAY, each behind the bytes that it takes from the value before."""
    lengths, at = delta(data, at, n, 32)
    out = []
    for shared, size in zip(prefixes, lengths):
        assert shared >= 0 and size >= 0 and at + size <= len(data)
        assert shared <= (len(out[-1]) if out else 0)
        out.append((out[-1][:shared] if shared else b"") + bytes(data[at : at + size]))
        assert length is None or len(out[-1]) == length
        at += size
    return out, at


def encoded(encoding, data, at, n, leaf):
    """n values of a data page without dictionary."""
    physical, length = leaf.physical, leaf.length
    assert physical in ENCODED_TYPES[encoding], (encoding, physical)
    if encoding == DELTA:
        return delta(data, at, n, 32 if physical == INT32 else 64)
    if encoding == DELTA_LENGTH:
        return byte_arrays(data, at, n, [0] * n, None)
    if encoding == DELTA_BYTE_ARRAY:
        prefixes, at = delta(data, at, n, 32)
        return byte_arrays(data, at, n, prefixes, length if physical == FIXED else None)
    if encoding == SPLIT:
        width = {INT32: 4, FLOAT: 4, INT64: 8, DOUBLE: 8, FIXED: length}[physical]
        joined = bytes(data[at + k * n + i] for i in range(n) for k in range(width))
        values, used = plain(joined, 0, n, physical, length)
        return values, at + used
    if encoding == RLE:
        (size,) = struct.unpack_from("<I", data, at)
        values, end = hybrid(data, at + 4, at + 4 + size, 1, n)
        assert end == at + 4 + size
        return [bool(v) for v in values], end
    return plain(data, at, n, physical, length)


class Leaf:
    def __init__(self, elements, path, max_def, max_rep):
        element = elements[-1]
        self.path, self.max_def, self.max_rep = path, max_def, max_rep
        self.physical, self.length = element[1], element.get(2)
        self.logical = element.get(10, {})
        self.converted = element.get(6)

    def key(self):
        """Sort key of a decoded value in the column's logical order; None: no order among bounds (NaN)."""
        if 5 in self.logical and self.physical == FIXED:
            return lambda v: int.from_bytes(v, "big", signed=True)
        if self.logical.get(10) == {1: 64, 2: False}:
            return lambda v: v % 2**64
        if self.physical in (FLOAT, DOUBLE):
            code = "<f" if self.physical == FLOAT else "<d"
            return lambda v: struct.unpack(code, v)[0]
        return lambda v: v

    def is_text(self):
        return 1 in self.logical or 12 in self.logical

    def encode(self, value):
        if self.physical == BOOLEAN:
            return bytes([value])
        if self.physical == INT32:
            return struct.pack("<i", value)
        if self.physical == INT64:
            return struct.pack("<q", value)
        return value

    def decode(self, data):
        if self.physical == BOOLEAN:
            return bool(data[0])
        if self.physical == INT32:
            return struct.unpack("<i", data)[0]
        if self.physical == INT64:
            return struct.unpack("<q", data)[0]
        return data


def leaves_of(schema):
    """Depth-first walk of the flattened schema tree."""
    out, at = [], 0

    def walk(path, max_def, max_rep):
        nonlocal at
        element = schema[at]
        at += 1
        if path is None:
            path = []
        else:
            path = path + [element[4].decode()]
            max_def += element[3] in (1, 2)
            max_rep += element[3] == 2
        if element.get(5) is None:
            out.append(Leaf([element], path, max_def, max_rep))
            return
        for _ in range(element[5]):
            walk(path, max_def, max_rep)

    walk(None, 0, 0)
    assert at == len(schema)
    return out


class Page:
    """A decoded data page."""


class Bloom:
    """A split-block Bloom filter. Spec: BloomFilter.md."""

    def __init__(self, data, at, length):
        reader = Thrift(data, at)
        header = reader.struct()
        assert header == {1: header[1], 2: {1: {}}, 3: {1: {}}, 4: {1: {}}}
        assert reader.at - at + header[1] == length
        assert header[1] >= 32 and header[1] & header[1] - 1 == 0, "not a power of two"
        self.bits = bytes(data[reader.at : at + length])

    def may_hold(self, value):
        hashed = xxhash.xxh64_intdigest(value, seed=0)
        block = (hashed >> 32) * (len(self.bits) // 32) >> 32
        words = struct.unpack_from("<8I", self.bits, block * 32)
        return all(word >> ((hashed & 0xFFFFFFFF) * salt % 2**32 >> 27) & 1 for word, salt in zip(words, SALT))


class File:
    def __init__(self, path):
        self.data = memoryview(open(path, "rb").read())
        assert bytes(self.data[:4]) == bytes(self.data[-4:]) == b"PAR1"
        (footer,) = struct.unpack("<I", self.data[-8:-4])
        self.footer_at = len(self.data) - 8 - footer
        reader = Thrift(self.data, self.footer_at)
        self.meta = reader.struct()
        assert reader.at == len(self.data) - 8, "bytes behind the footer"
        self.leaves = leaves_of(self.meta[2])
        self.groups = self.meta[4]
        self.key_values = {kv[1].decode(): kv[2].decode() for kv in self.meta.get(5, [])}

    # ---- pages ----

    def page_at(self, at):
        reader = Thrift(self.data, at)
        header = reader.struct()
        body = self.data[reader.at : reader.at + header[3]]
        assert len(body) == header[3]
        assert zlib.crc32(body) == header[4] % 2**32, "checksum"
        return header, body, reader.at + header[3]

    def unpack(self, body, codec, size):
        if codec == 0:
            assert len(body) == size
            return body
        if codec == GZIP:
            member = zlib.decompressobj(16 + zlib.MAX_WBITS)
            raw = member.decompress(bytes(body), size + 1)
            assert member.eof and not member.unused_data and len(raw) == size
            assert bytes(body[4:8]) == bytes(4), "a time in the header"
            return memoryview(raw)
        name = {SNAPPY: "snappy", ZSTD: "zstd", LZ4_RAW: "lz4_raw"}[codec]
        return memoryview(pyarrow.Codec(name).decompress(pyarrow.py_buffer(bytes(body)), size)).cast("B")

    def decode_page(self, leaf, header, body, codec, dictionary):
        page, at = Page(), 0
        body = self.unpack(body, codec, header[2])
        data = header[5]
        n = data[1]
        assert data[3] == data[4] == RLE
        page.n, page.encoding = n, data[2]
        levels = []
        for most in (leaf.max_rep, leaf.max_def):
            if most == 0:
                levels.append([0] * n)
                continue
            (size,) = struct.unpack_from("<I", body, at)
            values, end = hybrid(body, at + 4, at + 4 + size, most.bit_length(), n)
            assert end == at + 4 + size, "level section length"
            at = end
            levels.append(values)
        page.rep, page.defs = levels
        present = sum(d == leaf.max_def for d in page.defs)
        if page.encoding != RLE_DICTIONARY:
            page.values, end = encoded(page.encoding, body, at, present, leaf)
            assert end == len(body)
        else:
            assert leaf.physical in ENCODED_TYPES[RLE_DICTIONARY] and body[at] >= 1
            indices, end = hybrid(body, at + 1, len(body), body[at], present)
            assert end == len(body)
            page.values = [dictionary[i] for i in indices]
            page.indices = indices
        return page

    def chunk(self, group, column):
        """All pages of a column chunk, with the consistency of what describes them."""
        leaf, chunk = self.leaves[column], self.groups[group][1][column]
        meta = chunk[3]
        assert meta[3] == [p.encode() for p in leaf.path] and meta[1] == leaf.physical
        at, dictionary, pages, raw = meta[9], None, [], 0
        start = at
        if 11 in meta:
            start = meta[11]
            header, body, end = self.page_at(start)
            assert end == meta[9] and header[1] == 2 and header[7][2] == PLAIN and start < at
            raw += header[2] + (end - start - header[3])
            body = self.unpack(body, meta[4], header[2])
            dictionary, used = plain(body, 0, header[7][1], leaf.physical, leaf.length)
            assert used == len(body) and len(set(dictionary)) == len(dictionary) > 0
        locations = self.offset_index(chunk)[1]
        first_row = 0
        for location in locations:
            assert location[1] == at and location[3] == first_row
            header, body, end = self.page_at(at)
            assert location[2] == end - at and header[1] == 0
            raw += header[2] + (end - at - header[3])
            page = self.decode_page(leaf, header, body, meta[4], dictionary)
            page.rows = sum(r == 0 for r in page.rep)
            assert page.rep[0] == 0 and page.rows <= 20000
            first_row += page.rows
            at = end
            pages.append(page)
        assert at - start == meta[7] and raw == meta[6]
        assert first_row == self.groups[group][3]
        assert meta[5] == sum(p.n for p in pages)
        return leaf, chunk, meta, pages, dictionary

    def column_index(self, chunk):
        if 6 not in chunk:
            return None
        reader = Thrift(self.data, chunk[6])
        value = reader.struct()
        assert reader.at - chunk[6] == chunk[7]
        return value

    def offset_index(self, chunk):
        reader = Thrift(self.data, chunk[4])
        value = reader.struct()
        assert reader.at - chunk[4] == chunk[5]
        return value

    # ---- rows ----

    def rows(self, column):
        """Values of a column, row by row: None, a value, or a list of them."""
        out = []
        for group in range(len(self.groups)):
            leaf, _, _, pages, _ = self.chunk(group, column)
            for page in pages:
                values = iter(page.values)
                for rep, d in zip(page.rep, page.defs):
                    value = next(values) if d == leaf.max_def else None
                    if leaf.max_rep == 0:
                        out.append(value)
                    elif rep == 1:
                        out[-1].append(value)
                    elif d < leaf.max_def - 2:
                        out.append(None)
                    elif d == leaf.max_def - 2:
                        out.append([])
                    else:
                        out.append([value])
        return out

    # ---- the checks ----

    def check(self):
        """Raises AssertionError at the first thing that is not what the values say."""
        assert self.meta[1] == 1
        oracle_meta.check_footer(self.meta)
        assert len(self.meta[7]) == len(self.leaves) and all(o == {1: {}} for o in self.meta[7])
        assert self.meta[3] == sum(g[3] for g in self.groups)
        for number, group in enumerate(self.groups):
            at = group[5]
            assert group[3] > 0
            assert number > 32767 or group[7] == number
            raw = stored = 0
            for column in range(len(self.leaves)):
                at = self.check_chunk(number, column, at)
                meta = group[1][column][3]
                raw, stored = raw + meta[6], stored + meta[7]
            for column in range(len(self.leaves)):
                at = self.check_bloom(number, column, at)
            assert group[2] == raw and group[6] == stored
        self.check_layout()
        return self

    def check_layout(self):
        """Row groups with their bloom filters, all ColumnIndexes, all OffsetIndexes, the footer: without gaps."""
        chunks = [chunk for group in self.groups for chunk in group[1]]
        data = [(chunk[3].get(11, chunk[3][9]), chunk[3][7]) for chunk in chunks]
        data += [(chunk[3][14], chunk[3][15]) for chunk in chunks if 14 in chunk[3]]
        indexes = [[(c[offset], c[length]) for c in chunks if offset in c] for offset, length in ((6, 7), (4, 5))]
        at = 4
        for extents in (sorted(data), *indexes):
            for start, length in extents:
                assert start == at
                at += length
        assert at == self.footer_at

    def bloom(self, group, column):
        meta = self.groups[group][1][column][3]
        return Bloom(self.data, meta[14], meta[15]) if 14 in meta else None

    def check_bloom(self, group, column, at):
        """Behind the row group's pages; holds every value, whichever way an equal one may be spelt."""
        leaf, _, meta, pages, _ = self.chunk(group, column)
        bloom = self.bloom(group, column)
        if bloom is None:
            assert 15 not in meta
            return at
        assert meta[14] == at and leaf.max_rep == 0 and leaf.physical != BOOLEAN
        present = {leaf.encode(v) for page in pages for v in page.values}
        assert present and all(bloom.may_hold(v) for v in present)
        if leaf.physical in (FLOAT, DOUBLE):
            code = "<f" if leaf.physical == FLOAT else "<d"
            for v in [v for v in present if struct.unpack(code, v)[0] == 0]:
                assert bloom.may_hold(struct.pack(code, 0.0)) and bloom.may_hold(struct.pack(code, -0.0)), v
            if any(struct.unpack(code, v)[0] != struct.unpack(code, v)[0] for v in present):
                assert bloom.may_hold(struct.pack(code, float("nan")))
        return at + meta[15]

    def check_chunk(self, group, column, at):
        leaf, chunk, meta, pages, dictionary = self.chunk(group, column)
        assert meta.get(11, meta[9]) == at
        counts = {}
        for page in pages:
            counts[0, page.encoding] = counts.get((0, page.encoding), 0) + 1
        if dictionary is not None:
            counts[2, PLAIN] = 1
        assert [(s[1], s[2], s[3]) for s in meta[13]] == [(*k, v) for k, v in sorted(counts.items())]
        assert meta[2] == sorted({e for _, e in counts} | {RLE})
        self.check_statistics(leaf, meta, pages)
        self.check_distinct(leaf, meta, pages, dictionary)
        self.check_sizes(leaf, chunk, meta, pages)
        self.check_index(leaf, chunk, pages)
        self.check_bloom_bits(leaf, meta, pages)
        return at + meta[7]

    def check_bloom_bits(self, leaf, meta, pages):
        assert (14 in meta) == (15 in meta)
        if 14 not in meta:
            return
        reader = Thrift(self.data, meta[14])
        header = reader.struct()
        end = meta[14] + meta[15]
        oracle_meta.check_bloom(header, bytes(self.data[reader.at : end]), [leaf.encode(v) for p in pages for v in p.values])

    @staticmethod
    def bounds(leaf, values):
        """Smallest and largest value by the logical order, none where there is a NaN; and how many NaN."""
        key = leaf.key()
        if leaf.physical in (FLOAT, DOUBLE):
            n_nan = sum(key(v) != key(v) for v in values)
            return (None, None, n_nan) if n_nan or not values else (min(values, key=key), max(values, key=key), 0)
        return (min(values, key=key), max(values, key=key), 0) if values else (None, None, 0)

    def check_bound(self, leaf, values, low, high, low_exact=None, high_exact=None):
        key = leaf.key()
        smallest, largest, _ = self.bounds(leaf, values)
        if leaf.physical != BYTE_ARRAY:
            assert low_exact in (None, True) and high_exact in (None, True)
            if leaf.physical in (FLOAT, DOUBLE):
                assert key(low) == key(smallest) and key(high) == key(largest)
                assert key(low) != 0 or low[-1] == 0x80, "a lower bound of zero must be -0.0"
                assert key(high) != 0 or high[-1] == 0, "an upper bound of zero must be +0.0"
                return
            assert leaf.decode(low) == smallest and leaf.decode(high) == largest
            return
        assert len(low) <= MAX_BOUND and len(high) <= MAX_BOUND
        if low_exact is not None:
            assert low_exact == (low == smallest) and high_exact == (high == largest)
            assert low_exact == (len(smallest) <= MAX_BOUND) and high_exact == (len(largest) <= MAX_BOUND)
        assert smallest.startswith(low) and low <= smallest and high >= largest
        assert len(low) >= min(len(smallest), MAX_BOUND - 3)
        if leaf.is_text():
            low.decode(), high.decode()

    def check_statistics(self, leaf, meta, pages):
        stats = meta[12]
        assert 1 not in stats and 2 not in stats, "legacy bounds"
        values = [v for p in pages for v in p.values]
        assert stats[3] == sum(p.n - len(p.values) for p in pages)
        smallest, largest, n_nan = self.bounds(leaf, values)
        assert stats.get(9) == (n_nan if leaf.physical in (FLOAT, DOUBLE) else None)
        if smallest is None or not self.can_bound(leaf, largest):
            assert 5 not in stats and 6 not in stats
            return
        self.check_bound(leaf, values, stats[6], stats[5], stats[8], stats[7])

    @staticmethod
    def can_bound(leaf, largest):
        """Whether the largest value has an upper bound of at most MAX_BOUND bytes."""
        if leaf.physical != BYTE_ARRAY or len(largest) <= MAX_BOUND:
            return True
        kept = largest[:MAX_BOUND]
        if not leaf.is_text():
            return kept.strip(b"\xff") != b""
        text = kept.decode(errors="ignore").rstrip("\U0010ffff")
        return text != ""

    @staticmethod
    def check_distinct(leaf, meta, pages, dictionary):
        if 4 in meta[12]:
            assert leaf.physical not in (FLOAT, DOUBLE), "two zeros are one value of two entries"
            assert all(p.encoding == RLE_DICTIONARY or not p.values for p in pages)
            assert meta[12][4] == len({v for p in pages for v in p.values}) == len(dictionary)

    def check_sizes(self, leaf, chunk, meta, pages):
        sizes, index = meta.get(16, {}), self.offset_index(chunk)
        if leaf.physical == BYTE_ARRAY:
            assert sizes[1] == sum(len(v) for p in pages for v in p.values)
            assert index[2] == [sum(len(v) for v in p.values) for p in pages]
        else:
            assert 1 not in sizes and 2 not in index
        if leaf.max_rep:
            assert sizes[2] == [sum(p.rep.count(i) for p in pages) for i in range(leaf.max_rep + 1)]
            assert sizes[3] == [sum(p.defs.count(i) for p in pages) for i in range(leaf.max_def + 1)]

    def check_index(self, leaf, chunk, pages):
        index = self.column_index(chunk)
        bounds = [self.bounds(leaf, p.values) for p in pages]
        indexable = all(
            not p.values or (b[0] is not None and self.can_bound(leaf, b[1])) for p, b in zip(pages, bounds)
        )
        assert (index is not None) == indexable
        if index is None:
            return
        assert index[1] == [not p.values for p in pages]
        assert index[5] == [p.n - len(p.values) for p in pages]
        for page, low, high in zip(pages, index[2], index[3]):
            if page.values:
                self.check_bound(leaf, page.values, low, high)
            else:
                assert low == high == b""
        self.check_order(leaf, index)
        if leaf.physical in (FLOAT, DOUBLE):
            assert index[8] == [b[2] for b in bounds]
        if leaf.max_rep:
            assert index[6] == [p.rep.count(i) for p in pages for i in range(leaf.max_rep + 1)]
            assert index[7] == [p.defs.count(i) for p in pages for i in range(leaf.max_def + 1)]

    @staticmethod
    def check_order(leaf, index):
        key = leaf.key()
        pairs = [
            (key(leaf.decode(low)), key(leaf.decode(high)))
            for null, low, high in zip(index[1], index[2], index[3])
            if not null
        ]
        ascending = all(a[0] <= b[0] and a[1] <= b[1] for a, b in zip(pairs, pairs[1:]))
        descending = all(a[0] >= b[0] and a[1] >= b[1] for a, b in zip(pairs, pairs[1:]))
        assert index[4] == (1 if ascending else 2 if descending else 0)
