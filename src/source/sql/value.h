/* source/sql/value.h - what every decoder does with a value, whatever its engine: the ways it fails, and the forms whose
 * bytes are the value already. */
#ifndef SOURCE_SQL_VALUE_H
#define SOURCE_SQL_VALUE_H

#include "source/sql/rows.h"

/* Bytes that no server sends for such a column. VALUE_MALFORMED. */
rv_code rvi_sql_malformed(const rvi_sql_column *plan, size_t len, rv_error *err);
rv_code rvi_sql_too_large(const rvi_sql_column *plan, size_t len, rv_error *err); /* VALUE_TOO_LARGE */
/* Before a value is copied; inline because it is one comparison per cell of the row path. Fails VALUE_TOO_LARGE. */
static inline rv_code rvi_sql_check_size(const rvi_sql_column *plan, size_t len, rv_error *err)
{
    return len <= plan->max_bytes ? RV_OK : rvi_sql_too_large(plan, len, err);
}
/* rv_column_refuse(), where a policy may put NULL only if the file has room for one. */
rv_code rvi_sql_refuse(const rvi_sql_column *plan, rv_column *column, rv_invalid invalid_class,
                       const char *shown, size_t shown_len, rv_policy *applied, rv_error *err) RV_MUST_CHECK;

/* Decoders (rvi_sql_decode_fn): a text, which must be UTF-8 … */
rv_code rvi_sql_decode_text(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                            rv_error *err) RV_MUST_CHECK;
/* … the exact text of a value of another type, which the column is read from … */
rv_code rvi_sql_decode_as_text(const rvi_sql_column *plan, rv_column *column, const uint8_t *value,
                               size_t len, rv_error *err) RV_MUST_CHECK;
/* … and bytes as they are. */
rv_code rvi_sql_decode_bytes(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                             rv_error *err) RV_MUST_CHECK;

#endif
