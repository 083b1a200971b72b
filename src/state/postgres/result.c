/* result.c - values as PostgreSQL sends and takes them in binary form: bigint, int, boolean, text and bytea. */
#include "state/postgres/internal.h"

#include <assert.h>
#include <limits.h>

enum { OID_BOOL = 16, OID_BYTEA = 17, OID_INT8 = 20, OID_INT4 = 23, OID_TEXT = 25 }; /* pg_type.dat */

static void put_int64(uint8_t out[8], int64_t number)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)((uint64_t)number >> (56 - 8 * i));
}

static int64_t get_int(const uint8_t *bytes, int len)
{
    uint64_t bits = len > 0 && (bytes[0] & 0x80) ? UINT64_MAX : 0;
    for (int i = 0; i < len; i++)
        bits = bits << 8 | bytes[i];
    return (int64_t)bits;
}

static rv_code bind_one(rvi_state_pg_params *out, int i, const rvi_value *value, rv_error *err)
{
    if (value->kind != RVI_INT && value->kind != RVI_NULL && value->len > INT_MAX)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "a value of more than 2 GiB for the state store");
    out->formats[i] = 1;
    switch (value->kind) {
    case RVI_END:
    case RVI_NULL:
        out->types[i] = OID_TEXT;
        break;
    case RVI_INT:
        out->types[i] = OID_INT8;
        put_int64(out->numbers[i], value->number);
        out->values[i] = (const char *)out->numbers[i];
        out->lengths[i] = 8;
        break;
    case RVI_TEXT:
    case RVI_BLOB:
        out->types[i] = value->kind == RVI_TEXT ? OID_TEXT : OID_BYTEA;
        out->values[i] = value->bytes;
        out->lengths[i] = (int)value->len;
        break;
    }
    return RV_OK;
}

rv_code rvi_state_pg_bind(rvi_state_pg_params *out, const rvi_args *args, rv_error *err)
{
    *out = (rvi_state_pg_params){.n = 0};
    for (; args->v[out->n].kind != RVI_END; out->n++)
        RV_TRY(bind_one(out, out->n, &args->v[out->n], err));
    return RV_OK;
}

static rv_code copy_cell(const PGresult *result, int row, int column, rvi_rows *rows, rvi_value *out,
                         rv_error *err)
{
    if (PQgetisnull(result, row, column))
        return RV_OK;
    const char *bytes = PQgetvalue(result, row, column);
    const int len = PQgetlength(result, row, column);
    switch (PQftype(result, column)) {
    case OID_BOOL:
    case OID_INT4:
    case OID_INT8:
        *out = rvi_bind_int(PQftype(result, column) == OID_BOOL ? bytes[0]
                                                                : get_int((const uint8_t *)bytes, len));
        return RV_OK;
    case OID_TEXT:
        out->kind = RVI_TEXT;
        break;
    case OID_BYTEA:
        out->kind = RVI_BLOB;
        break;
    default:
        return rv_fail(err, RV_E_INTERNAL, "a column of the state store has the type %u",
                       (unsigned)PQftype(result, column));
    }
    out->len = (size_t)len;
    return rvi_rows_copy(rows, bytes, out->len, &out->bytes, err);
}

rv_code rvi_state_pg_copy(const PGresult *result, rvi_rows *rows, rv_error *err)
{
    const int n_columns = PQnfields(result);
    for (int i = 0; i < PQntuples(result); i++) {
        rvi_row *row;
        RV_TRY(rvi_rows_add(rows, n_columns, &row, err));
        for (int column = 0; column < n_columns; column++)
            RV_TRY(copy_cell(result, i, column, rows, &row->cells[column], err));
    }
    return RV_OK;
}
