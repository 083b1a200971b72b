/* value.c - see value.h. */
#include "source/sql/value.h"

#include "rivet/utf8.h"

#include <inttypes.h>

rv_code rvi_sql_malformed(const rvi_sql_column *plan, size_t len, rv_error *err)
{
    return rv_fail(err, RV_E_VALUE_MALFORMED,
                   "column '%s' (%s): the server sent %zu bytes that are no such value", plan->field->name,
                   plan->field->native_type, len);
}

rv_code rvi_sql_too_large(const rvi_sql_column *plan, size_t len, rv_error *err)
{
    rv_code rc =
        rv_fail(err, RV_E_VALUE_TOO_LARGE,
                "column '%s' (%s): a value of %zu bytes is larger than the limit of %" PRIu64 " bytes",
                plan->field->name, plan->field->native_type, len, plan->max_bytes);
    rv_hint(err, "raise tuning.max_value_mb");
    return rc;
}

rv_code rvi_sql_refuse(const rvi_sql_column *plan, rv_column *column, rv_invalid invalid_class,
                       const char *shown, size_t shown_len, rv_policy *applied, rv_error *err)
{
    const rv_field *field = plan->field;
    if (field->nullable || field->on_invalid[invalid_class] != RV_POLICY_NULL)
        return rv_column_refuse(column, field, invalid_class, shown, shown_len, applied, err);
    rv_field strict = *field;
    strict.on_invalid[invalid_class] = RV_POLICY_FAIL;
    return rv_column_refuse(column, &strict, invalid_class, shown, shown_len, applied, err);
}

rv_code rvi_sql_decode_text(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                            rv_error *err)
{
    rv_policy applied;
    RV_TRY(rvi_sql_check_size(plan, len, err));
    if (rv_utf8_valid(value, len))
        return rv_column_append_bytes(column, value, len, err);
    return rvi_sql_refuse(plan, column, RV_INVALID_ENCODING, (const char *)value, len, &applied, err);
}

rv_code rvi_sql_decode_as_text(const rvi_sql_column *plan, rv_column *column, const uint8_t *value,
                               size_t len, rv_error *err)
{
    RV_TRY(rvi_sql_check_size(plan, len, err));
    return rv_column_append_text(column, plan->field, (const char *)value, len, err);
}

rv_code rvi_sql_decode_bytes(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                             rv_error *err)
{
    RV_TRY(rvi_sql_check_size(plan, len, err));
    return rv_column_append_bytes(column, value, len, err);
}
