/* value_text.c - one value of a leaf as text, also where Rivet has no type for it. */
#include "reader.h"

#include "rivet/bytes.h"
#include "rivet/civil.h"
#include "rivet/utf8.h"

#include <inttypes.h>
#include <math.h>

static rv_code append_hex(const uint8_t *value, size_t len, rv_bytes *out, rv_error *err)
{
    static const char digits[] = "0123456789abcdef";
    RV_TRY(rv_bytes_reserve(out, len * 2, err)); /* a page has at most 2^31 bytes */
    for (size_t i = 0; i < len; i++) {
        out->data[out->len++] = (uint8_t)digits[value[i] >> 4];
        out->data[out->len++] = (uint8_t)digits[value[i] & 15];
    }
    return RV_OK;
}

/* Nanoseconds of the day, and the Julian day, whose number 2440588 is 1970-01-01. */
static rv_code append_int96(const uint8_t *value, rv_bytes *out, rv_error *err)
{
    enum { JULIAN_1970 = 2440588 };
    static const int64_t NS_PER_DAY = INT64_C(86400) * 1000000000;
    int64_t ns = 0;
    int32_t julian = 0;
    char date[RV_CIVIL_TEXT_BYTES], time[RV_CIVIL_TEXT_BYTES];
    memcpy(&ns, value, sizeof ns);
    memcpy(&julian, value + sizeof ns, sizeof julian);
    int64_t day = (int64_t)julian - JULIAN_1970;
    if (ns < 0 || ns >= NS_PER_DAY || day < INT32_MIN)
        return append_hex(value, 12, out, err);
    size_t date_len = rv_date_text(date, (int32_t)day);
    size_t time_len = rv_time_text(time, ns / 1000);
    RV_TRY(rv_bytes_append(out, date, date_len, err));
    RV_TRY(rv_bytes_append(out, "T", 1, err));
    RV_TRY(rv_bytes_append(out, time, time_len, err));
    return ns % 1000 != 0 ? rv_bytes_printf(out, err, "%03d", (int)(ns % 1000)) : RV_OK;
}

/* IEEE 754 binary16. */
static rv_code append_float16(const uint8_t *value, rv_bytes *out, rv_error *err)
{
    enum { BIAS = 15, FRACTION_BITS = 10, EXPONENT_ALL = 31 };
    unsigned bits = (unsigned)value[0] | (unsigned)value[1] << 8;
    int exponent = (int)(bits >> FRACTION_BITS & EXPONENT_ALL), fraction = (int)(bits & 0x3ff);
    double number = exponent == 0 ? ldexp(fraction, 1 - BIAS - FRACTION_BITS)
                                  : ldexp(fraction + (1 << FRACTION_BITS), exponent - BIAS - FRACTION_BITS);
    if (exponent == EXPONENT_ALL)
        number = fraction == 0 ? INFINITY : NAN;
    float narrow = (float)((bits & 0x8000) != 0 ? -number : number);
    rv_column column = {.type = {.id = RV_TYPE_FLOAT32}, .length = 1, .values = (uint8_t *)&narrow};
    return rv_column_text(&column, 0, out, err);
}

/* A type of Rivet's: a column of one value, on the stack, prints itself. */
static rv_code append_mapped(const rvi_pqr_mapping *mapping, const uint8_t *value, size_t len, rv_bytes *out,
                             rv_error *err)
{
    uint8_t fixed[32] = {0};
    int32_t offsets[2] = {0};
    rv_column column = {.type = mapping->type, .capacity = 1};
    if (rv_type_is_variable(mapping->type.id)) {
        column.offsets = offsets;
        column.data = (uint8_t *)(uintptr_t)value; /* read only */
        offsets[1] = (int32_t)len;
        column.length = 1;
    } else {
        column.values = fixed;
        RV_TRY(rvi_pqr_append_value(mapping, value, len, &column, err));
    }
    return rv_column_text(&column, 0, out, err);
}

/* Values come from pages, which have the width of their type, but also from statistics, which may not. */
static bool has_its_width(const rv_parquet_node *leaf, size_t len)
{
    if (leaf->physical < 0 || leaf->physical >= (int32_t)RV_PARQUET_PHYSICALS)
        return true;
    uint32_t fixed = leaf->type_length > 0 ? (uint32_t)leaf->type_length : 0;
    uint32_t width = rvi_pqr_value_width((rv_parquet_physical)leaf->physical, fixed);
    return width == 0 || len == width;
}

rv_code rv_parquet_value_text(const rv_parquet_node *leaf, const uint8_t *value, size_t len, rv_bytes *out,
                              rv_error *err)
{
    if (!has_its_width(leaf, len))
        return rv_fail(err, RV_E_FILE_DAMAGED, "a value of %zu bytes in a column of %s", len,
                       rv_parquet_physical_name(leaf->physical));
    rvi_pqr_mapping mapping = rvi_pqr_map_leaf(leaf);
    if (leaf->physical == RV_PARQUET_INT96 && len == 12)
        return append_int96(value, out, err);
    if (leaf->logical == RV_PARQUET_LOGICAL_FLOAT16 && len == 2)
        return append_float16(value, out, err);
    bool is_text = mapping.conversion == RVI_PQR_TEXT;
    if (mapping.type.id == RV_TYPE_INVALID || len > INT32_MAX || (is_text && !rv_utf8_valid(value, len)))
        return append_hex(value, len, out, err);
    return append_mapped(&mapping, value, len, out, err);
}
