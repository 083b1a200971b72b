/* where.c - see where.h.
 *
 * Rows after a place of several columns are written as
 *
 *   (a > ? OR (a = ? AND b > ?) OR (a = ? AND b = ? AND c > ?))
 *
 * which the range optimizers of both servers read as two or three adjoining ranges of one index: the first is descended
 * to, and the rest follows without a sort, whatever the depth, also with columns that sort downwards. Other forms that
 * mean the same do worse: `(a, b) > (?, ?)` is no range at all and reads the index from its beginning; `a >= ? AND
 * (a > ? OR b > ?)` begins at the first row that has the same a. test_mysql_keyset.c counts what the servers read.
 *
 * Source: MySQL 8.0 manual, "Range Optimization", "Row Constructor Expression Optimization". */
#include "where.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Do n columns of both keys have the same names, and the same directions or all the opposite ones? */
static bool goes_along(const rv_key *index, const rv_key *key)
{
    if (index->n_columns < key->n_columns)
        return false;
    bool backwards = index->descending[0] != key->descending[0];
    for (int i = 0; i < key->n_columns; i++)
        if (strcmp(index->columns[i], key->columns[i]) != 0 ||
            (index->descending[i] != key->descending[i]) != backwards)
            return false;
    return true;
}

static const rv_index *index_along(const rv_relation_info *info, const rv_key *key)
{
    for (int i = 0; i < info->n_indexes; i++)
        if (goes_along(&info->indexes[i].key, key))
            return &info->indexes[i];
    return NULL;
}

const char *rvi_my_index_to_force(const rv_relation_info *info, const rv_key *key,
                                  const rv_range *const *ranges, int n)
{
    const rv_index *index = index_along(info, key);
    for (int i = 0; i < n; i++)
        if (strcmp(ranges[i]->key->columns[0], key->columns[0]) != 0)
            return NULL;
    return index != NULL ? index->name : NULL;
}

/* ---- a statement in the making ---- */

void rvi_my_query_init(rvi_my_query *query)
{
    query->sql = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    query->values = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    query->n_params = 0;
}

void rvi_my_query_deinit(rvi_my_query *query)
{
    rv_bytes_deinit(&query->sql);
    rv_bytes_deinit(&query->values);
    query->n_params = 0;
}

void rvi_my_query_clear(rvi_my_query *query)
{
    rv_bytes_clear(&query->sql);
    rv_bytes_clear(&query->values);
    query->n_params = 0;
}

rv_code rvi_my_query_finish(rvi_my_query *query, const char **sql, rv_error *err)
{
    for (int i = 0; i < query->n_params; i++)
        query->params[i].bytes =
            query->values.data != NULL ? (const char *)query->values.data + query->starts[i] : "";
    return rv_bytes_cstr(&query->sql, sql, err);
}

static rv_code append_literal(const rvi_my_query *query, int i, rv_bytes *out, rv_error *err)
{
    const rvi_my_param *param = &query->params[i];
    const char *bytes = (const char *)query->values.data + query->starts[i];
    if (param->type == MYSQL_TYPE_LONGLONG)
        return param->is_unsigned ? rv_bytes_printf(out, err, "%" PRIu64, (uint64_t)param->number)
                                  : rv_bytes_printf(out, err, "%" PRId64, param->number);
    if (param->len == 0)
        return rv_bytes_append_str(out, "''", err);
    if (param->type == MYSQL_TYPE_NEWDECIMAL) /* digits, a sign, a point */
        return rv_bytes_append(out, bytes, param->len, err);
    RV_TRY(rv_bytes_append_str(out, "_utf8mb4 X'", err));
    for (size_t b = 0; b < param->len; b++)
        RV_TRY(rv_bytes_printf(out, err, "%02x", (unsigned char)bytes[b]));
    return rv_bytes_append_str(out, "'", err);
}

rv_code rvi_my_query_literally(const rvi_my_query *query, rv_bytes *out, rv_error *err)
{
    size_t at = 0;
    for (int i = 0; i < query->n_params; i++) {
        RV_TRY(rv_bytes_append(out, query->sql.data + at, query->marks[i] - at, err));
        RV_TRY(append_literal(query, i, out, err));
        at = query->marks[i] + 1;
    }
    return query->sql.len > at ? rv_bytes_append(out, query->sql.data + at, query->sql.len - at, err) : RV_OK;
}

/* "?" for a value whose `len` bytes have just been appended to query->values. */
static rv_code add_param(rvi_my_query *query, rvi_my_param param, rv_error *err)
{
    if (query->n_params == RVI_MY_MAX_PARAMS)
        return rv_fail(err, RV_E_INTERNAL, "a statement with more values than ranges can have");
    query->marks[query->n_params] = query->sql.len;
    query->starts[query->n_params] = query->values.len - param.len;
    RV_TRY(rv_bytes_append_str(&query->sql, "?", err));
    query->params[query->n_params++] = param;
    return RV_OK;
}

/* Of a type that the server reads as text. */
static rv_code append_bytes(rvi_my_query *query, enum enum_field_types type, const char *bytes, size_t len,
                            rv_error *err)
{
    RV_TRY(rv_bytes_append(&query->values, bytes, len, err));
    return add_param(query, (rvi_my_param){.type = type, .len = len}, err);
}

rv_code rvi_my_append_number(rvi_my_query *query, int64_t number, rv_error *err)
{
    return add_param(query, (rvi_my_param){.type = MYSQL_TYPE_LONGLONG, .number = number}, err);
}

/* ---- what is read ---- */

rv_code rvi_my_append_from(const rvi_my_from *from, rv_bytes *sql, rv_error *err)
{
    if (from->relation->kind != RV_RELATION_TABLE) {
        RV_TRY(rv_bytes_append_str(sql, "(", err));
        RV_TRY(rv_bytes_append_str(sql, from->relation->query, err));
        return rv_bytes_append_str(sql, "\n) AS _rivet",
                                   err); /* the line ends a comment in the query's last one */
    }
    RV_TRY(rvi_my_append_name(sql, from->info->namespace, err));
    RV_TRY(rv_bytes_append_str(sql, ".", err));
    RV_TRY(rvi_my_append_name(sql, from->relation->table, err));
    if (from->partition != NULL) {
        RV_TRY(rv_bytes_append_str(sql, " PARTITION (", err));
        RV_TRY(rvi_my_append_name(sql, from->partition, err));
        RV_TRY(rv_bytes_append_str(sql, ")", err));
    }
    RV_TRY(rv_bytes_append_str(sql, " AS _rivet", err));
    if (from->index == NULL)
        return RV_OK;
    RV_TRY(rv_bytes_append_str(sql, " FORCE INDEX (", err));
    RV_TRY(rvi_my_append_name(sql, from->index, err));
    return rv_bytes_append_str(sql, ")", err);
}

rv_code rvi_my_append_column(const rvi_my_from *from, rv_bytes *sql, const char *name, rv_error *err)
{
    if (rv_schema_field(&from->info->schema, name) == NULL)
        return rv_fail(err, RV_E_SOURCE_NOT_FOUND, "%s has no column '%s'", from->info->schema.origin, name);
    RV_TRY(rv_bytes_append_str(sql, "_rivet.", err));
    return rvi_my_append_name(sql, name, err);
}

rv_code rvi_my_append_value(const rvi_my_from *from, rv_bytes *sql, const rvi_my_operand *operand, int i,
                            rv_error *err)
{
    if (operand->fallback == NULL)
        return rvi_my_append_column(from, sql, operand->key->columns[i], err);
    RV_TRY(rv_bytes_append_str(sql, "COALESCE(", err));
    RV_TRY(rvi_my_append_column(from, sql, operand->key->columns[i], err));
    RV_TRY(rv_bytes_append_str(sql, ", ", err));
    RV_TRY(rvi_my_append_column(from, sql, operand->fallback, err));
    return rv_bytes_append_str(sql, ")", err);
}

rv_code rvi_my_append_cell(const rvi_my_from *from, rv_bytes *sql, const rvi_my_operand *operand, int i,
                           rvi_my_wire *wire, rv_error *err)
{
    const char *cast = rvi_my_key_cast(&operand->types[i], wire);
    const char *inside = cast != NULL ? strstr(cast, "%s") : NULL;
    if (inside == NULL)
        return rvi_my_append_value(from, sql, operand, i, err);
    RV_TRY(rv_bytes_append(sql, cast, (size_t)(inside - cast), err));
    RV_TRY(rvi_my_append_value(from, sql, operand, i, err));
    return rv_bytes_append_str(sql, inside + 2, err);
}

rv_code rvi_my_append_order(const rvi_my_from *from, rv_bytes *sql, const rvi_my_operand *operand,
                            rvi_sql_order order, rv_error *err)
{
    for (int i = 0; i < operand->key->n_columns; i++) {
        bool descending = operand->key->descending[i] != (order == RVI_SQL_BACKWARDS);
        RV_TRY(rv_bytes_append_str(sql, i > 0 ? ", " : "", err));
        RV_TRY(rvi_my_append_value(from, sql, operand, i, err));
        RV_TRY(rv_bytes_append_str(sql, descending ? " DESC" : "", err));
    }
    return RV_OK;
}

/* ---- values ---- */

static rv_code not_a_value(const rvi_my_operand *operand, int i, const char *text, rv_error *err)
{
    return rv_fail(err, RV_E_CONFIG_VALUE, "'%.80s' is no value of column '%s'",
                   text[0] == RV_KEY_OWN_FORM ? text + 1 : text, operand->key->columns[i]);
}

/* [-]digits[.digits] */
static bool is_decimal(const char *text)
{
    const char *whole = text + (text[0] == '-');
    size_t n = strspn(whole, "0123456789"), fraction = 0;
    const char *rest = whole + n;
    if (*rest == '.') {
        fraction = strspn(rest + 1, "0123456789");
        rest += 1 + fraction;
    }
    return n + fraction > 0 && *rest == '\0';
}

/* As a number of 64 bits if it is one, so that it is compared as the column's own integers are. */
static rv_code append_integer(rvi_my_query *query, const rvi_my_operand *operand, int i, const char *text,
                              rv_error *err)
{
    char *end = NULL;
    rvi_my_param param = {.type = MYSQL_TYPE_LONGLONG, .is_unsigned = text[0] != '-'};
    if (!is_decimal(text))
        return not_a_value(operand, i, text, err);
    errno = 0;
    param.number = param.is_unsigned ? (int64_t)strtoull(text, &end, 10) : strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return append_bytes(query, MYSQL_TYPE_NEWDECIMAL, text, strlen(text), err);
    return add_param(query, param, err);
}

static rv_code append_year(rvi_my_query *query, const rvi_my_operand *operand, int i, const char *text,
                           rv_error *err)
{
    size_t len = strlen(text);
    if (len == 0 || len > 4 || strspn(text, "0123456789") != len)
        return not_a_value(operand, i, text, err);
    char padded[] = "0000";
    for (size_t digit = 0; digit < len; digit++)
        padded[sizeof padded - 1 - len + digit] = text[digit];
    return append_bytes(query, MYSQL_TYPE_STRING, padded, 4, err);
}

static rv_code append_float(rvi_my_query *query, const rvi_my_operand *operand, int i, const char *text,
                            rv_error *err)
{
    char *end = NULL;
    strtod(text, &end);
    if (end == text || *end != '\0' || strspn(text, "+-.0123456789eE") != strlen(text))
        return not_a_value(operand, i, text, err);
    return append_bytes(query, MYSQL_TYPE_STRING, text, strlen(text), err);
}

/* Dates, times and times of day. A zone can only be UTC, in which every session of ours reads TIMESTAMP columns. */
static rv_code append_time(rvi_my_query *query, const rvi_my_operand *operand, int i, const char *text,
                           rv_error *err)
{
    static const char *const zones[] = {"Z", "+00", "+00:00"};
    size_t len = strlen(text);
    for (size_t z = 0; z < sizeof zones / sizeof *zones; z++) {
        size_t n = strlen(zones[z]);
        if (len > n && strcmp(text + len - n, zones[z]) == 0) {
            len -= n;
            break;
        }
    }
    if (len == 0 || strspn(text, "0123456789-:. T") < len)
        return not_a_value(operand, i, text, err);
    return append_bytes(query, MYSQL_TYPE_STRING, text, len, err);
}

static bool is_hex(const char *digits)
{
    size_t len = strlen(digits);
    return len % 2 == 0 && strspn(digits, "0123456789abcdef") == len;
}

/* UNHEX(?): as a parameter of its own the bytes would be at the mercy of what the server takes the parameter for. */
static rv_code append_unhex(rvi_my_query *query, const char *digits, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(&query->sql, "UNHEX(", err));
    RV_TRY(append_bytes(query, MYSQL_TYPE_STRING, digits, strlen(digits), err));
    return rv_bytes_append_str(&query->sql, ")", err);
}

static rv_code append_unhex_of(rvi_my_query *query, const char *text, rv_error *err)
{
    size_t before = query->values.len;
    RV_TRY(rv_bytes_append_str(&query->sql, "UNHEX(", err));
    for (const char *at = text; *at != '\0'; at++)
        RV_TRY(rv_bytes_printf(&query->values, err, "%02x", (unsigned char)*at));
    RV_TRY(
        add_param(query, (rvi_my_param){.type = MYSQL_TYPE_STRING, .len = query->values.len - before}, err));
    return rv_bytes_append_str(&query->sql, ")", err);
}

/* CONVERT(bytes USING x) takes bytes as what they are in x, and converts texts. The collation is said because a
 * conversion has one of its own, which would stand against the column's. */
static rv_code append_chars(rvi_my_query *query, const rvi_my_operand *operand, int i, const char *text,
                            rv_error *err)
{
    const rvi_my_key_type *type = &operand->types[i];
    bool own = text[0] == RV_KEY_OWN_FORM;
    if (own && !is_hex(text + 1))
        return not_a_value(operand, i, text, err);
    RV_TRY(rv_bytes_append_str(&query->sql, "CONVERT(", err));
    if (own)
        RV_TRY(append_unhex(query, text + 1, err));
    else if (strcmp(type->charset, "utf8mb4") == 0) /* the same statement for both forms */
        RV_TRY(append_unhex_of(query, text, err));
    else
        RV_TRY(append_bytes(query, MYSQL_TYPE_STRING, text, strlen(text), err));
    return rv_bytes_printf(&query->sql, err, " USING %s) COLLATE %s", type->charset, type->collation);
}

static rv_code append_cell(rvi_my_query *query, const rvi_my_operand *operand, int i, const char *text,
                           rv_error *err)
{
    bool own = text[0] == RV_KEY_OWN_FORM;
    switch (operand->types[i].form) {
    case RVI_MY_KEY_NUMBER:
        return append_integer(query, operand, i, text, err);
    case RVI_MY_KEY_YEAR:
        return append_year(query, operand, i, text, err);
    case RVI_MY_KEY_DECIMAL:
        if (!is_decimal(text))
            return not_a_value(operand, i, text, err);
        return append_bytes(query, MYSQL_TYPE_NEWDECIMAL, text, strlen(text), err);
    case RVI_MY_KEY_FLOAT:
        return append_float(query, operand, i, text, err);
    case RVI_MY_KEY_DATE:
    case RVI_MY_KEY_INSTANT:
    case RVI_MY_KEY_TIME:
        return append_time(query, operand, i, text, err);
    case RVI_MY_KEY_CHARS:
        return append_chars(query, operand, i, text, err);
    case RVI_MY_KEY_BYTES:
        if (own && !is_hex(text + 1))
            return not_a_value(operand, i, text, err);
        return own ? append_unhex(query, text + 1, err) : append_unhex_of(query, text, err);
    case RVI_MY_KEY_TEXT:
        return append_bytes(query, MYSQL_TYPE_STRING, text, strlen(text), err);
    case RVI_MY_KEY_LABEL:
        break;
    }
    return rv_fail(err, RV_E_INTERNAL, "a value of a key of an unknown form");
}

/* ---- comparisons ---- */

typedef enum comparison { LESS = 0, UP_TO, EQUAL, FROM, GREATER } comparison;
static const char *const operators[] = {" < ", " <= ", " = ", " >= ", " > "};

static comparison comparison_of(const rvi_my_operand *operand, int i, rvi_sql_side side, bool strict)
{
    bool greater = rvi_sql_is_greater(side, operand->key, i);
    return greater ? (strict ? GREATER : FROM) : (strict ? LESS : UP_TO);
}

/* An index on an ENUM is read for equality only, so what lies on one side is written out: `e IN (4, 5, 6)`. Numbers go
 * from 0, the mark of a value that was none, to the last label's. Where nothing lies there, one that no row has stands
 * for it: what is left of the condition, if this were left out, is an equality, of which MariaDB makes a sort.
 * Source: sql/opt_range.cc, get_mm_leaf(): "We can't use range of ENUM"; test_mysql_keyset.c. */
static rv_code append_labels(const rvi_my_from *from, rvi_my_query *query, const rvi_my_operand *operand,
                             comparison op, uint64_t number, int i, rv_error *err)
{
    uint64_t top = (uint64_t)operand->types[i].n_labels;
    uint64_t first = op == GREATER ? number + 1 : op == FROM ? number : 0;
    uint64_t last = op == LESS ? number - 1 : op == UP_TO ? number : top;
    if ((op == LESS && number == 0) || first > last)
        first = last = top + 1;
    RV_TRY(rvi_my_append_value(from, &query->sql, operand, i, err));
    for (uint64_t n = first; n <= last; n++)
        RV_TRY(rv_bytes_printf(&query->sql, err, "%s%" PRIu64, n == first ? " IN (" : ", ", n));
    return rv_bytes_append_str(&query->sql, ")", err);
}

static rv_code append_label_comparison(const rvi_my_from *from, rvi_my_query *query,
                                       const rvi_my_operand *operand, comparison op, const char *text, int i,
                                       rv_error *err)
{
    const char *digits = text + (text[0] == RV_KEY_OWN_FORM);
    uint64_t number = 0;
    int n_labels = operand->types[i].n_labels;
    errno = 0;
    number = strtoull(digits, NULL, 10);
    if (errno != 0 || digits[0] == '\0' || strspn(digits, "0123456789") != strlen(digits))
        return not_a_value(operand, i, text, err);
    if (n_labels > 0 && op != EQUAL && number <= (uint64_t)n_labels)
        return append_labels(from, query, operand, op, number, i, err);
    RV_TRY(rvi_my_append_value(from, &query->sql, operand, i, err));
    return rv_bytes_printf(&query->sql, err, "%s%" PRIu64, operators[op], number);
}

static rv_code append_comparison(const rvi_my_from *from, rvi_my_query *query, const rvi_my_operand *operand,
                                 comparison op, const rv_key_value *place, int i, rv_error *err)
{
    if (operand->types[i].form == RVI_MY_KEY_LABEL)
        return append_label_comparison(from, query, operand, op, place->cells[i], i, err);
    RV_TRY(rvi_my_append_value(from, &query->sql, operand, i, err));
    RV_TRY(rv_bytes_append_str(&query->sql, operators[op], err));
    return append_cell(query, operand, i, place->cells[i], err);
}

/* a = x AND b = y AND c > z: the rows that share all but one value and are beyond it there. */
static rv_code append_step(const rvi_my_from *from, rvi_my_query *query, const rvi_my_operand *operand,
                           comparison op, const rv_key_value *place, int last, rv_error *err)
{
    for (int i = 0; i < last; i++) {
        RV_TRY(append_comparison(from, query, operand, EQUAL, place, i, err));
        RV_TRY(rv_bytes_append_str(&query->sql, " AND ", err));
    }
    return append_comparison(from, query, operand, op, place, last, err);
}

rv_code rvi_my_append_side(const rvi_my_from *from, rvi_my_query *query, const rvi_my_operand *operand,
                           rvi_sql_side side, const rv_key_value *place, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(&query->sql, "(", err));
    for (int i = 0; i < place->n; i++) {
        bool last = i + 1 == place->n;
        RV_TRY(rv_bytes_append_str(&query->sql, i > 0 ? " OR (" : "", err));
        RV_TRY(append_step(from, query, operand,
                           comparison_of(operand, i, side, !last || rvi_sql_is_strict(side)), place, i, err));
        RV_TRY(rv_bytes_append_str(&query->sql, i > 0 ? ")" : "", err));
    }
    return rv_bytes_append_str(&query->sql, ")", err);
}

/* ---- ranges ---- */

/* Further columns are looked at only where the first ones are equal, so their NULLs must be said. */
static rv_code append_not_null(const rvi_my_from *from, rv_bytes *sql, const rvi_my_operand *operand,
                               rv_error *err)
{
    for (int i = 1; i < operand->key->n_columns; i++) {
        const rv_field *field = rv_schema_field(&from->info->schema, operand->key->columns[i]);
        if (field != NULL && !field->nullable)
            continue;
        RV_TRY(rv_bytes_append_str(sql, " AND ", err));
        RV_TRY(rvi_my_append_value(from, sql, operand, i, err));
        RV_TRY(rv_bytes_append_str(sql, " IS NOT NULL", err));
    }
    return RV_OK;
}

/* A NOT NULL date column that holds 0000-00-00 IS NULL as far as both servers are concerned, for the sake of ODBC;
 * `<=>` has no such exception.
 * Source: MySQL 8.0 manual, "Comparison Functions and Operators", IS NULL. */
static rv_code append_null_only(const rvi_my_from *from, rv_bytes *sql, const rvi_my_operand *operand,
                                rv_error *err)
{
    for (int i = 0; i < operand->key->n_columns; i++) {
        RV_TRY(rv_bytes_append_str(sql, i == 0 ? " AND (" : " OR ", err));
        RV_TRY(rvi_my_append_column(from, sql, operand->key->columns[i], err));
        RV_TRY(rv_bytes_append_str(sql, " <=> NULL", err));
    }
    if (operand->fallback != NULL) { /* as two conditions, which indexes know; COALESCE(…) <=> NULL is none */
        RV_TRY(rv_bytes_append_str(sql, " AND ", err));
        RV_TRY(rvi_my_append_column(from, sql, operand->fallback, err));
        RV_TRY(rv_bytes_append_str(sql, " <=> NULL", err));
    }
    return rv_bytes_append_str(sql, ")", err);
}

static rv_code append_sides(const rvi_my_from *from, rvi_my_query *query, const rvi_my_operand *operand,
                            const rv_range *range, rvi_sql_start start, rv_error *err)
{
    if (range->lo.n > 0 && start == RVI_SQL_WITH_START) {
        RV_TRY(rv_bytes_append_str(&query->sql, " AND ", err));
        RV_TRY(rvi_my_append_side(from, query, operand, range->lo_inclusive ? RVI_SQL_FROM : RVI_SQL_AFTER,
                                  &range->lo, err));
    }
    if (range->hi.n > 0) {
        RV_TRY(rv_bytes_append_str(&query->sql, " AND ", err));
        RV_TRY(rvi_my_append_side(from, query, operand, range->hi_inclusive ? RVI_SQL_UP_TO : RVI_SQL_BEFORE,
                                  &range->hi, err));
    }
    return range->lo.n > 0 || range->hi.n > 0 ? append_not_null(from, &query->sql, operand, err) : RV_OK;
}

rv_code rvi_my_append_range(const rvi_my_from *from, rvi_my_query *query, const rvi_my_operand *operand,
                            const rv_range *range, rvi_sql_start start, rv_error *err)
{
    if (range->null_only)
        return append_null_only(from, &query->sql, operand, err);
    return append_sides(from, query, operand, range, start, err);
}
