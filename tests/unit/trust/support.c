#include "support.h"

#include <string.h>

const char sample_text[] =
    "{\n"
    "  \"manifest_version\": 1,\n"
    "  \"run_id\": \"orders_20261121T093000.123\",\n"
    "  \"export_name\": \"orders\",\n"
    "  \"started_at\": \"2026-11-21T09:30:00.123Z\",\n"
    "  \"finished_at\": \"2026-11-21T09:30:05.123Z\",\n"
    "  \"status\": \"success\",\n"
    "  \"source\": {\"engine\": \"postgres\", \"version\": \"15.8\", \"schema\": \"public\", \"table\": "
    "\"orders\","
    " \"extraction\": {\"strategy\": \"ctid\", \"consistency\": \"snapshot\"}},\n"
    "  \"destination\": {\"kind\": \"local\", \"uri\": \"file:///data/orders\"},\n"
    "  \"format\": \"parquet\",\n"
    "  \"compression\": \"zstd\",\n"
    "  \"schema_fingerprint\": \"xxh3:0123456789abcdef\",\n"
    "  \"row_count\": 60,\n"
    "  \"part_count\": 3,\n"
    "  \"columns\": [\n"
    "    {\"name\": \"id\", \"type\": \"int64\", \"native_type\": \"bigint\", \"nullable\": false,"
    " \"fidelity\": \"exact\", \"checksum\": \"0000000000000002\"},\n"
    "    {\"name\": \"caf\xc3\xa9 \\\"x\\\"\", \"type\": \"timestamp\", \"native_type\": \"timestamp\","
    " \"nullable\": true, \"fidelity\": \"exact\", \"checksum\": \"000000000000003c\","
    " \"policy_uses\": {\"infinity\": 3}}\n"
    "  ],\n"
    "  \"parts\": [\n"
    "    {\"part_id\": 1, \"path\": \"orders_chunk0_part0.parquet\", \"rows\": 10, \"size_bytes\": 1000,"
    " \"content_fingerprint\": \"xxh3:fedcba9876543210\", \"content_md5\": \"AAECAwQFBgcICQoLDA0ODw==\","
    " \"status\": \"committed\", \"chunk\": 0, \"sequence\": 0,"
    " \"column_checksums\": [\"ffffffffffffffff\", \"000000000000000a\"]},\n"
    "    {\"part_id\": 2, \"path\": \"orders_chunk0_part1.parquet\", \"rows\": 20, \"size_bytes\": 2000,"
    " \"content_fingerprint\": \"xxh3:fedcba9876543211\", \"content_md5\": \"AQECAwQFBgcICQoLDA0ODw==\","
    " \"status\": \"committed\", \"chunk\": 0, \"sequence\": 1,"
    " \"column_checksums\": [\"0000000000000001\", \"0000000000000014\"]},\n"
    "    {\"part_id\": 3, \"path\": \"orders_chunk1.parquet\", \"rows\": 30, \"size_bytes\": 3000,"
    " \"content_fingerprint\": \"xxh3:fedcba9876543212\", \"content_md5\": \"AgECAwQFBgcICQoLDA0ODw==\","
    " \"status\": \"committed\", \"chunk\": 1, \"sequence\": 0,"
    " \"column_checksums\": [\"0000000000000002\", \"000000000000001e\"]}\n"
    "  ]\n"
    "}\n";

static void make_part(rv_part *out, int i)
{
    static const char *const names[] = {
        "orders_chunk0_part0.parquet",
        "orders_chunk0_part1.parquet",
        "orders_chunk1.parquet",
    };
    static const char *const digests[] = {
        "[\"ffffffffffffffff\",\"000000000000000a\"]",
        "[\"0000000000000001\",\"0000000000000014\"]",
        "[\"0000000000000002\",\"000000000000001e\"]",
    };
    *out = (rv_part){.name = names[i], .chunk_index = i / 2, .sequence = i % 2, .column_digests = digests[i]};
    out->rows = 10 * (i + 1);
    out->bytes = 1000 * ((uint64_t)i + 1);
    out->xxh3 = UINT64_C(0xfedcba9876543210) + (uint64_t)i;
    for (size_t k = 0; k < sizeof out->md5; k++)
        out->md5[k] = (uint8_t)k;
    out->md5[0] = (uint8_t)i;
}

void make_sample(sample *out)
{
    memset(out, 0, sizeof *out);
    out->columns[0] =
        (rv_manifest_column){.name = "id", .type = "int64", .native_type = "bigint", .digest = 2};
    out->columns[0].fidelity = "exact";
    out->columns[1] = (rv_manifest_column){.name = "caf\xc3\xa9 \"x\"", .type = "timestamp", .digest = 60};
    out->columns[1].native_type = "timestamp";
    out->columns[1].fidelity = "exact";
    out->columns[1].nullable = true;
    out->columns[1].policy_uses[RV_INVALID_INFINITY] = 3;
    for (int i = 0; i < SAMPLE_PARTS; i++)
        make_part(&out->parts[i], i);
    out->manifest = (rv_manifest){
        .run_id = "orders_20261121T093000.123",
        .export_name = "orders",
        .started_us = INT64_C(1795253400123000),
        .finished_us = INT64_C(1795253405123000),
        .engine = "postgres",
        .engine_version = "15.8",
        .source_schema = "public",
        .source_table = "orders",
        .dest_kind = "local",
        .dest_uri = "file:///data/orders",
        .format = "parquet",
        .compression = "zstd",
        .strategy = "ctid",
        .consistency = "snapshot",
        .schema_fingerprint = UINT64_C(0x0123456789abcdef),
        .rows = 60,
        .columns = out->columns,
        .n_columns = SAMPLE_COLUMNS,
        .parts = out->parts,
        .n_parts = SAMPLE_PARTS,
    };
}
