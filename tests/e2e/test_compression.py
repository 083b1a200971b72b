"""The `compression` keys, from the configuration to what independent readers find in the file."""

import pyarrow.parquet as pq
import pytest

from support.delivery import check_delivery, part_paths

ROWS = "SELECT id, n, price, at, name, note FROM t ORDER BY id"

CHOICES = {
    "default": ({}, "ZSTD"),
    "zstd 15": ({"compression": "zstd", "compression_level": 15}, "ZSTD"),
    "snappy": ({"compression": "snappy"}, "SNAPPY"),
    "gzip": ({"compression": "gzip"}, "GZIP"),
    "gzip 9": ({"compression": "gzip", "compression_level": 9}, "GZIP"),
    "lz4": ({"compression": "lz4"}, "LZ4"),
    "none": ({"compression": "none"}, "UNCOMPRESSED"),
    "fast": ({"compression_profile": "fast"}, "SNAPPY"),
    "balanced": ({"compression_profile": "balanced", "compression": "gzip"}, "ZSTD"),
    "compact": ({"compression_profile": "compact"}, "ZSTD"),
    "profile none": ({"compression_profile": "none"}, "UNCOMPRESSED"),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_every_codec_delivers_the_same_rows(program, pg15, shop, choice):
    keys, name = CHOICES[choice]
    program.configure(pg15.url(shop), program.export("t", **keys)).run().ok()
    [manifest] = check_delivery(program.out)
    [path] = part_paths(program.out, manifest)
    group = pq.ParquetFile(path).metadata.row_group(0)
    assert name in {group.column(i).compression for i in range(group.num_columns)} <= {name, "UNCOMPRESSED"}
    rows = [tuple(row.values()) for row in pq.read_table(path).to_pylist()]
    assert sorted(rows) == pg15.query(ROWS, shop)


@pytest.mark.parametrize(
    "keys, says",
    [
        ({"compression_level": 16}, "use 15"),
        ({"compression": "gzip", "compression_level": 10}, "1 to 9"),
        ({"compression": "snappy", "compression_level": 1}, "no levels"),
        ({"format": "csv", "compression": "lz4"}, "gzip, zstd or none"),
        ({"format": "csv", "compression_profile": "fast"}, "'balanced'"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(program, keys, says):
    result = program.configure("sqlite://a.db", program.export("t", **keys)).run()
    assert result.rc == 1 and result.code.startswith("RIVET_CONFIG_") and says in result.err
