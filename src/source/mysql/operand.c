/* operand.c - what the values of a key are compared as, and whether that is still so.
 *
 * Character sets and collations only the catalog knows. A collation decides the order of a key, and so do the labels of
 * an ENUM. Without a snapshot both may change between two pages: then the place behind which the next page begins is
 * another one, and rows are passed over without a sign, for the server sorts by what the column has now. So what was
 * described is compared with what the catalog says when a scan begins and when it has come to its end. In between a
 * change cannot hide, unless it is taken back. */
#include "where.h"

#include <string.h>

enum operand_column { COL_NAME, COL_CHARSET, COL_COLLATION, COL_FULL_TYPE };

static rv_code without_order(const char *column, rv_error *err)
{
    return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "values of column '%s' have no order to read them in",
                   column);
}

/* Does the catalog decide how the values of this column sort? */
static bool sorts_by_catalog(const rvi_my_operand *operand, int i)
{
    rvi_my_key_form form = operand->types[i].form;
    return form == RVI_MY_KEY_CHARS || form == RVI_MY_KEY_LABEL;
}

/* Names of character sets and collations go into statements as they are. */
static bool is_word(const char *text)
{
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    return text[0] != '\0' && strspn(text, word) == strlen(text);
}

/* ---- asking ---- */

static rv_code columns_sql(const rvi_my_from *from, const rvi_my_operand *operands, int n, rv_bytes *sql,
                           bool *any, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(sql,
                               "SELECT COLUMN_NAME, CHARACTER_SET_NAME, COLLATION_NAME, COLUMN_TYPE"
                               " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ",
                               err));
    RV_TRY(rvi_my_append_literal(sql, from->info->namespace, err));
    RV_TRY(rv_bytes_append_str(sql, " AND TABLE_NAME = ", err));
    RV_TRY(rvi_my_append_literal(sql, from->relation->table, err));
    RV_TRY(rv_bytes_append_str(sql, " AND COLUMN_NAME IN (", err));
    for (int o = 0; o < n; o++)
        for (int i = 0; i < operands[o].key->n_columns; i++) {
            if (!sorts_by_catalog(&operands[o], i))
                continue;
            RV_TRY(rv_bytes_append_str(sql, *any ? ", " : "", err));
            RV_TRY(rvi_my_append_literal(sql, operands[o].key->columns[i], err));
            *any = true;
        }
    return rv_bytes_append_str(sql, ")", err);
}

/* *out NULL: nothing to ask about. */
static rv_code ask_columns(const rvi_my_from *from, const rvi_my_operand *operands, int n, MYSQL_RES **out,
                           rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    const char *text = NULL;
    bool any = false;
    *out = NULL;
    RV_TRY(columns_sql(from, operands, n, &sql, &any, err));
    if (!any)
        return RV_OK;
    RV_TRY(rv_bytes_cstr(&sql, &text, err));
    return rvi_my_ask(from->my, text, out, err);
}

/* The column's line; NULL: it is gone. */
static MYSQL_ROW find_column(MYSQL_RES *found, const char *name)
{
    if (found == NULL)
        return NULL;
    mysql_data_seek(found, 0);
    MYSQL_ROW row = mysql_fetch_row(found);
    while (row != NULL && strcmp(row[COL_NAME], name) != 0)
        row = mysql_fetch_row(found);
    return row;
}

/* ---- comparing ---- */

static bool is_same(const char *described, const char *now)
{
    return now != NULL && described != NULL && strcmp(described, now) == 0;
}

static rv_code sorts_otherwise(const rvi_my_from *from, const char *column, const char *described,
                               const char *now, rv_error *err)
{
    rv_code rc = rv_fail(err, RV_E_SOURCE_QUERY,
                         "column '%s' of %s, along which rows are read, is %s now instead of %s", column,
                         from->info->schema.origin, now != NULL ? now : "of another type", described);
    rv_hint(err, "run again: the table was altered meanwhile");
    return rc;
}

static rv_code check_column(const rvi_my_from *from, const rvi_my_operand *operand, int i, MYSQL_ROW now,
                            rv_error *err)
{
    const char *name = operand->key->columns[i];
    const rv_field *field = rv_schema_field(&from->info->schema, name);
    if (now == NULL || field == NULL)
        return rv_fail(err, RV_E_SOURCE_NOT_FOUND, "%s has no column '%s' any more",
                       from->info->schema.origin, name);
    if (operand->types[i].form == RVI_MY_KEY_LABEL)
        return is_same(field->native_type, now[COL_FULL_TYPE])
                   ? RV_OK
                   : sorts_otherwise(from, name, field->native_type, now[COL_FULL_TYPE], err);
    if (field->collation == NULL || is_same(field->collation, now[COL_COLLATION]))
        return RV_OK;
    return sorts_otherwise(from, name, field->collation, now[COL_COLLATION], err);
}

/* ---- both ---- */

static rv_code take_charset(rvi_my_operand *operand, int i, MYSQL_ROW now, rv_arena *arena, rv_error *err)
{
    rvi_my_key_type *type = &operand->types[i];
    const char *charset = now[COL_CHARSET], *collation = now[COL_COLLATION];
    if (type->form != RVI_MY_KEY_CHARS)
        return RV_OK;
    if (charset == NULL || collation == NULL) { /* the server's text of something that is no string */
        type->form = RVI_MY_KEY_TEXT;
        return RV_OK;
    }
    if (!is_word(charset) || !is_word(collation))
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "column '%s' has a character set named '%s'",
                       operand->key->columns[i], charset);
    type->charset = rv_arena_strdup(arena, charset);
    type->collation = rv_arena_strdup(arena, collation);
    return type->charset != NULL && type->collation != NULL
               ? RV_OK
               : rv_fail(err, RV_E_OUT_OF_MEMORY, "the types of a key");
}

/* `arena` NULL: the operands are bound, and stay as they are. */
static rv_code look_at_columns(const rvi_my_from *from, rvi_my_operand *operands, int n, rv_arena *arena,
                               rv_error *err)
{
    RV_AUTO(mysql_free_result) MYSQL_RES *found = NULL;
    RV_TRY(ask_columns(from, operands, n, &found, err));
    for (int o = 0; o < n; o++)
        for (int i = 0; i < operands[o].key->n_columns; i++) {
            if (!sorts_by_catalog(&operands[o], i))
                continue;
            MYSQL_ROW now = find_column(found, operands[o].key->columns[i]);
            RV_TRY(check_column(from, &operands[o], i, now, err));
            if (arena != NULL)
                RV_TRY(take_charset(&operands[o], i, now, arena, err));
        }
    return RV_OK;
}

rv_code rvi_my_bind_operands(const rvi_my_from *from, rvi_my_operand *operands, int n, rv_arena *arena,
                             rv_error *err)
{
    bool is_table = from->relation->kind == RV_RELATION_TABLE;
    for (int o = 0; o < n; o++)
        for (int i = 0; i < operands[o].key->n_columns; i++) {
            const rv_field *field = rv_schema_field(&from->info->schema, operands[o].key->columns[i]);
            if (field == NULL)
                return rv_fail(err, RV_E_SOURCE_NOT_FOUND, "%s has no column '%s'", from->info->schema.origin,
                               operands[o].key->columns[i]);
            if (!rvi_my_key_type_of(field, &operands[o].types[i]))
                return without_order(operands[o].key->columns[i], err);
            /* COALESCE may have another character set than the column; what a query's strings are is not known. */
            if (operands[o].types[i].form == RVI_MY_KEY_CHARS && (!is_table || operands[o].fallback != NULL))
                operands[o].types[i].form = RVI_MY_KEY_TEXT;
        }
    return is_table ? look_at_columns(from, operands, n, arena, err) : RV_OK;
}

rv_code rvi_my_check_operands(const rvi_my_from *from, rvi_my_operand *operands, int n, rv_error *err)
{
    if (from->relation->kind != RV_RELATION_TABLE)
        return RV_OK;
    return look_at_columns(from, operands, n, NULL, err);
}
