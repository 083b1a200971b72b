/* copy.c - the stream of COPY … TO STDOUT (FORMAT binary), from bytes cut anywhere.
 *
 * Spec: PostgreSQL 15 documentation, COPY, "Binary Format": an 11-byte signature, flags, an extension to be skipped,
 * then tuples (int16 field count; per field an int32 length, -1 for NULL, and the bytes), then int16 -1.
 *
 * Usually a message holds exactly one tuple, which is parsed where it lies. What is incomplete is kept in `rest` and
 * parsed again when more has come. Invariant: `rest` is empty, or starts at a header or tuple boundary and holds
 * less than the whole header or tuple. */
#include "internal.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SIGNATURE_BYTES = 11,
    HEADER_BYTES = SIGNATURE_BYTES + 8, /* flags, length of the extension */
    EXTENSION_MAX = 1 << 20,            /* none exists yet */
};
/* Bits 16 to 31 of the flags change the format; bit 16 (OIDs) is gone since PostgreSQL 12. */
#define CRITICAL_FLAGS UINT32_C(0xFFFF0000)
/* No message, so no tuple, is longer. PostgreSQL source, pqformat.c: StringInfo is limited to MaxAllocSize. */
#define TUPLE_MAX ((size_t)1 << 30)

static const uint8_t signature[SIGNATURE_BYTES] = {'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xFF, '\r', '\n', 0};

void rvi_pg_copy_init(rvi_pg_copy *copy, rvi_sql_rows *rows)
{
    *copy = (rvi_pg_copy){.rows = rows, .rest = RV_BYTES_INIT(TUPLE_MAX)};
}

void rvi_pg_copy_deinit(rvi_pg_copy *copy)
{
    rv_bytes_deinit(&copy->rest);
}

static int16_t load_i16(const uint8_t *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return (int16_t)be16toh(value);
}

static int32_t load_i32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return (int32_t)be32toh(value);
}

static rv_code broken(rv_error *err, const char *what)
{
    return rv_fail(err, RV_E_SOURCE_PROTOCOL, "the server's COPY data is not in the binary format: %s", what);
}

/* Each parser below takes [at, end), returns in *taken how many bytes it used, 0 when it needs more. */

static rv_code parse_header(rvi_pg_copy *copy, const uint8_t *at, const uint8_t *end, size_t *taken,
                            rv_error *err)
{
    size_t len = (size_t)(end - at);
    *taken = 0;
    if (memcmp(at, signature, len < SIGNATURE_BYTES ? len : SIGNATURE_BYTES) != 0)
        return broken(err, "it does not start with the signature");
    if (len < HEADER_BYTES)
        return RV_OK;
    if (((uint32_t)load_i32(at + SIGNATURE_BYTES) & CRITICAL_FLAGS) != 0)
        return broken(err, "its flags ask for something unknown");
    int32_t extension = load_i32(at + SIGNATURE_BYTES + 4);
    if (extension < 0 || extension > EXTENSION_MAX)
        return broken(err, "its header extension has an impossible length");
    if (len < HEADER_BYTES + (size_t)extension)
        return RV_OK;
    copy->state = RVI_PG_COPY_TUPLES;
    *taken = HEADER_BYTES + (size_t)extension;
    return RV_OK;
}

/* Find the fields of one tuple; *taken 0: it is not complete. */
static rv_code find_cells(rvi_sql_rows *rows, const uint8_t *start, const uint8_t *end, size_t *taken,
                          rv_error *err)
{
    const uint8_t *at = start + 2;
    *taken = 0;
    for (int i = 0; i < rows->n_cells; i++) {
        if (end - at < 4)
            return RV_OK;
        int32_t len = load_i32(at);
        at += 4;
        if (len < -1)
            return broken(err, "a field has a negative length");
        if (len == -1) {
            rows->cells[i] = (rvi_sql_cell){0};
            continue;
        }
        if (len > end - at)
            return (size_t)len <= TUPLE_MAX ? RV_OK : broken(err, "a field has an impossible length");
        rows->cells[i] = (rvi_sql_cell){at, (size_t)len};
        at += len;
    }
    *taken = (size_t)(at - start);
    return RV_OK;
}

static rv_code parse_tuple(rvi_pg_copy *copy, const uint8_t *at, const uint8_t *end, size_t *taken,
                           rv_error *err)
{
    rvi_sql_rows *rows = copy->rows;
    *taken = 0;
    if (end - at < 2)
        return RV_OK;
    int16_t n_fields = load_i16(at);
    if (n_fields == -1) {
        copy->state = RVI_PG_COPY_END;
        *taken = 2;
        return RV_OK;
    }
    if (n_fields != rows->n_cells)
        return broken(err, "a row has another number of fields than was asked for");
    RV_TRY(find_cells(rows, at, end, taken, err));
    if (*taken == 0)
        return RV_OK;
    if (!rvi_sql_rows_has_room(rows, *taken))
        return rvi_sql_rows_full(rows, err);
    copy->n_rows++;
    return rvi_sql_rows_append(rows, err);
}

/* Parse all that is complete; *used says how much that was. */
static rv_code parse(rvi_pg_copy *copy, const uint8_t *bytes, size_t len, size_t *used, rv_error *err)
{
    const uint8_t *end = bytes + len;
    *used = 0;
    while (*used < len) {
        size_t taken = 0;
        if (copy->state == RVI_PG_COPY_END)
            return broken(err, "something follows its end");
        if (copy->state == RVI_PG_COPY_HEADER)
            RV_TRY(parse_header(copy, bytes + *used, end, &taken, err));
        else
            RV_TRY(parse_tuple(copy, bytes + *used, end, &taken, err));
        if (taken == 0)
            return RV_OK;
        *used += taken;
    }
    return RV_OK;
}

rv_code rvi_pg_copy_feed(rvi_pg_copy *copy, const uint8_t *bytes, size_t len, rv_error *err)
{
    size_t used = 0;
    rv_bytes *rest = &copy->rest;
    if (rest->len == 0) {
        RV_TRY(parse(copy, bytes, len, &used, err));
        return used == len ? RV_OK : rv_bytes_append(rest, bytes + used, len - used, err);
    }
    RV_TRY(rv_bytes_append(rest, bytes, len, err));
    RV_TRY(parse(copy, rest->data, rest->len, &used, err));
    memmove(rest->data, rest->data + used, rest->len - used);
    rest->len -= used;
    return RV_OK;
}

rv_code rvi_pg_copy_finish(const rvi_pg_copy *copy, const char *server_count, rv_error *err)
{
    char ours[24];
    if (copy->state != RVI_PG_COPY_END || copy->rest.len > 0)
        return broken(err, "it ends without its trailer");
    snprintf(ours, sizeof ours, "%" PRId64, copy->n_rows);
    if (strcmp(ours, server_count) != 0)
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "the server says it sent '%s' rows, but %s arrived",
                       server_count, ours);
    return RV_OK;
}
