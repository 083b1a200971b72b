/* refuse.c - the one place that decides about a cell that its column cannot hold. */
#include "rivet/batch.h"

#include <stdio.h>

enum { SHOWN_BYTES = 64 };

static rv_code refusal_code(rv_invalid invalid_class)
{
    switch (invalid_class) {
    case RV_INVALID_ZERO_DATE:
    case RV_INVALID_TIME:
    case RV_INVALID_RANGE:
        return RV_E_VALUE_OUT_OF_RANGE;
    case RV_INVALID_INFINITY:
        return RV_E_VALUE_INFINITE;
    case RV_INVALID_NAN:
        return RV_E_VALUE_NAN;
    case RV_INVALID_ENCODING:
        return RV_E_VALUE_ENCODING;
    case RV_INVALID_UNPARSEABLE:
        return RV_E_VALUE_UNPARSEABLE;
    case RV_INVALID_CLASSES:
        break;
    }
    return RV_E_INTERNAL;
}

/* Is there a value nearest to one of this class? */
static bool has_nearest(rv_invalid invalid_class)
{
    return invalid_class != RV_INVALID_NAN && invalid_class != RV_INVALID_ENCODING &&
           invalid_class != RV_INVALID_UNPARSEABLE;
}

/* Can the exact text stand for one? Not where it is the text itself that is wrong. */
static bool has_text(const rv_column *column, rv_invalid invalid_class)
{
    bool no_json = column->type.id == RV_TYPE_JSON && invalid_class == RV_INVALID_UNPARSEABLE;
    return no_json || (invalid_class != RV_INVALID_ENCODING && !rv_type_is_text(column->type.id));
}

/* The start of the value in printable ASCII; other bytes as \xHH, because the value may be no valid text. */
static void printable(char *out, size_t out_bytes, const char *shown, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t cut = len > SHOWN_BYTES ? SHOWN_BYTES : len, n = 0;
    for (size_t i = 0; i < cut && n + 8 < out_bytes; i++) {
        unsigned char c = (unsigned char)shown[i];
        if (c >= 0x20 && c < 0x7f) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '\\';
        out[n++] = 'x';
        out[n++] = hex[c >> 4];
        out[n++] = hex[c & 15];
    }
    for (int dots = 0; cut < len && dots < 3; dots++)
        out[n++] = '.';
    out[n] = '\0';
}

static rv_code fail(const rv_column *column, const rv_field *field, rv_invalid invalid_class,
                    const char *shown, size_t shown_len, rv_error *err)
{
    char value[4 * SHOWN_BYTES + 8], type[RV_TYPE_TEXT_BYTES];
    const char *name = rv_invalid_name(invalid_class);
    printable(value, sizeof value, shown, shown_len);
    rv_type_text(type, column->type);
    rv_code rc = rv_fail(err, refusal_code(invalid_class),
                         "column '%s' (%s): the value '%s' does not fit %s (%s)", field->name,
                         field->native_type != NULL ? field->native_type : "type unknown", value, type, name);
    rv_hint(err, "set on_invalid: {%s: null%s%s} for the column or the export", name,
            has_nearest(invalid_class) ? "|clamp" : "", has_text(column, invalid_class) ? "|text" : "");
    return rc;
}

rv_code rv_column_refuse(rv_column *column, const rv_field *field, rv_invalid invalid_class,
                         const char *shown, size_t shown_len, rv_policy *applied, rv_error *err)
{
    rv_policy policy = field->on_invalid[invalid_class];
    if (policy == RV_POLICY_NULL) {
        RV_TRY(rv_column_count_use(column, invalid_class, err));
        RV_TRY(rv_column_append_null(column, err));
    } else if (policy != RV_POLICY_CLAMP || !has_nearest(invalid_class)) {
        /* RV_POLICY_TEXT made the whole column text when the schema was resolved; a text column that comes here
         * all the same holds bytes that are no text. */
        return fail(column, field, invalid_class, shown, shown_len, err);
    } else {
        RV_TRY(rv_column_count_use(column, invalid_class, err));
    }
    *applied = policy;
    return RV_OK;
}
