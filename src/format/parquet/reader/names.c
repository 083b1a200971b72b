/* names.c - the specification's own words for the numbers in a file. */
#include "rivet/parquet_meta.h"

#define NAME_OF(table, number)                                                                       \
    ((number) >= 0 && (size_t)(number) < sizeof(table) / sizeof(table)[0] && (table)[number] != NULL \
         ? (table)[number]                                                                           \
         : "unknown")

const char *rv_parquet_physical_name(int32_t physical)
{
    static const char *const names[] = {"BOOLEAN", "INT32",  "INT64",      "INT96",
                                        "FLOAT",   "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"};
    return NAME_OF(names, physical);
}

const char *rv_parquet_repetition_name(int32_t repetition)
{
    static const char *const names[] = {"REQUIRED", "OPTIONAL", "REPEATED"};
    return NAME_OF(names, repetition);
}

const char *rv_parquet_encoding_id_name(int32_t encoding)
{
    static const char *const names[] = {[0] = "PLAIN",
                                        [2] = "PLAIN_DICTIONARY",
                                        [3] = "RLE",
                                        [4] = "BIT_PACKED",
                                        [5] = "DELTA_BINARY_PACKED",
                                        [6] = "DELTA_LENGTH_BYTE_ARRAY",
                                        [7] = "DELTA_BYTE_ARRAY",
                                        [8] = "RLE_DICTIONARY",
                                        [9] = "BYTE_STREAM_SPLIT",
                                        [10] = "ALP"};
    return NAME_OF(names, encoding);
}

const char *rv_parquet_codec_name(int32_t codec)
{
    static const char *const names[] = {"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO",
                                        "BROTLI",       "LZ4",    "ZSTD", "LZ4_RAW"};
    return NAME_OF(names, codec);
}

const char *rv_parquet_page_type_name(int32_t type)
{
    static const char *const names[] = {"DATA_PAGE", "INDEX_PAGE", "DICTIONARY_PAGE", "DATA_PAGE_V2"};
    return NAME_OF(names, type);
}

const char *rv_parquet_logical_name(int32_t logical)
{
    static const char *const names[] = {"none",    "STRING",  "MAP",      "LIST",      "ENUM",
                                        "DECIMAL", "DATE",    "TIME",     "TIMESTAMP", "INTERVAL",
                                        "INTEGER", "UNKNOWN", "JSON",     "BSON",      "UUID",
                                        "FLOAT16", "VARIANT", "GEOMETRY", "GEOGRAPHY"};
    return NAME_OF(names, logical);
}

const char *rv_parquet_converted_name(int32_t converted)
{
    static const char *const names[] = {"UTF8",
                                        "MAP",
                                        "MAP_KEY_VALUE",
                                        "LIST",
                                        "ENUM",
                                        "DECIMAL",
                                        "DATE",
                                        "TIME_MILLIS",
                                        "TIME_MICROS",
                                        "TIMESTAMP_MILLIS",
                                        "TIMESTAMP_MICROS",
                                        "UINT_8",
                                        "UINT_16",
                                        "UINT_32",
                                        "UINT_64",
                                        "INT_8",
                                        "INT_16",
                                        "INT_32",
                                        "INT_64",
                                        "JSON",
                                        "BSON",
                                        "INTERVAL"};
    return NAME_OF(names, converted);
}

const char *rv_parquet_boundary_name(int32_t order)
{
    static const char *const names[] = {"UNORDERED", "ASCENDING", "DESCENDING"};
    return NAME_OF(names, order);
}
