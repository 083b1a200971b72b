/* index.c - the indexes that pages and ranges can use.
 *
 * An index counts as far as its columns are whole, are ours to read, and have values that an index is read along by: a
 * prefix of a column, an expression, a SET, or an ENUM of very many labels ends the key that is offered, and what remains
 * of it is no longer complete. Indexes that the server hides from its own optimizer cannot be forced, and hashes have no
 * order.
 *
 * InnoDB appends the primary key's columns to every secondary index, and both servers know it (use_index_extensions,
 * extended_keys): pages can go along (updated_at, id) where only an index on updated_at is declared. Such a key is
 * offered beside the index's own. */
#include "where.h"

#include <string.h>
#include <strings.h>

enum {
    MAX_INDEXES = 16,         /* declared; each may be offered once more with the primary key behind it */
    MYSQL_INVISIBLE = 80000,  /* MySQL 8.0 release notes: invisible indexes, 8.0.0 */
    MARIADB_IGNORED = 100600, /* MariaDB release notes: ignored indexes, 10.6.0 */
};

enum index_column { IDX_NAME, IDX_NON_UNIQUE, IDX_COLUMN, IDX_DIRECTION, IDX_WHOLE, IDX_ENGINE, IDX_OPTIONS };

static const char *hidden_condition(const rvi_my *my)
{
    if (my->mariadb)
        return my->version >= MARIADB_IGNORED ? " AND s.IGNORED = 'NO'" : "";
    return my->version >= MYSQL_INVISIBLE ? " AND s.IS_VISIBLE = 'YES'" : "";
}

/* One row for each key column, in order; COLUMN_NAME of an expression is NULL. The names are said twice because both
 * servers look into one table only where they see them as constants.
 * Spec: MySQL 8.0 manual, "The INFORMATION_SCHEMA STATISTICS Table"; MariaDB, "Information Schema STATISTICS Table". */
static rv_code indexes_sql(const rvi_my *my, const char *schema, const char *table, rv_bytes *sql,
                           const char **out, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(
        sql,
        "SELECT s.INDEX_NAME, s.NON_UNIQUE, s.COLUMN_NAME, s.COLLATION, s.SUB_PART IS NULL,"
        " t.ENGINE, t.CREATE_OPTIONS FROM information_schema.STATISTICS s"
        " JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = ",
        err));
    RV_TRY(rvi_my_append_literal(sql, schema, err));
    RV_TRY(rv_bytes_append_str(sql, " AND t.TABLE_NAME = ", err));
    RV_TRY(rvi_my_append_literal(sql, table, err));
    RV_TRY(rv_bytes_append_str(sql, " WHERE s.TABLE_SCHEMA = ", err));
    RV_TRY(rvi_my_append_literal(sql, schema, err));
    RV_TRY(rv_bytes_append_str(sql, " AND s.TABLE_NAME = ", err));
    RV_TRY(rvi_my_append_literal(sql, table, err));
    RV_TRY(rv_bytes_printf(sql, err,
                           " AND s.INDEX_TYPE = 'BTREE'%s"
                           " ORDER BY s.INDEX_NAME <> 'PRIMARY', s.INDEX_NAME, s.SEQ_IN_INDEX",
                           hidden_condition(my)));
    return rv_bytes_cstr(sql, out, err);
}

static bool is(const char *text, const char *word)
{
    return text != NULL && strcasecmp(text, word) == 0;
}

/* The rows of one table's indexes. */
typedef struct index_rows {
    MYSQL_ROW *rows;
    int n;
    const rv_relation_info *info;
    rv_arena *arena;
} index_rows;

/* The field of a key column that an index can be read along; NULL: it cannot. */
static const rv_field *usable_field(const index_rows *from, MYSQL_ROW row)
{
    rvi_my_key_type type;
    const rv_field *field =
        row[IDX_COLUMN] != NULL ? rv_schema_field(&from->info->schema, row[IDX_COLUMN]) : NULL;
    if (field == NULL || row[IDX_DIRECTION] == NULL || !is(row[IDX_WHOLE], "1") ||
        !rvi_my_key_type_of(field, &type))
        return NULL;
    return type.form == RVI_MY_KEY_LABEL && type.n_labels == 0 ? NULL : field;
}

/* The rows [row, end) of one index. An index without any usable column keeps a key of none. */
static rv_code read_index(const index_rows *from, int row, int end, rv_index *out, rv_error *err)
{
    MYSQL_ROW first = from->rows[row];
    int n_columns = end - row;
    rv_index index = {
        .name = rv_arena_strdup(from->arena, first[IDX_NAME]),
        .unique = is(first[IDX_NON_UNIQUE], "0"),
        .primary = is(first[IDX_NAME], "PRIMARY"),
        .not_null = true,
    };
    if (index.name == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the indexes of a relation");
    for (; row < end && index.key.n_columns < RV_MAX_KEY_COLUMNS; row++) {
        const rv_field *field = usable_field(from, from->rows[row]);
        if (field == NULL)
            break;
        index.key.columns[index.key.n_columns] = field->name;
        index.key.descending[index.key.n_columns++] = is(from->rows[row][IDX_DIRECTION], "D");
        index.not_null = index.not_null && !field->nullable;
    }
    index.complete = index.key.n_columns == n_columns;
    *out = index;
    return RV_OK;
}

static int end_of_index(const index_rows *from, int row)
{
    int end = row + 1;
    while (end < from->n && strcmp(from->rows[end][IDX_NAME], from->rows[row][IDX_NAME]) == 0)
        end++;
    return end;
}

/* ---- what the storage engine adds ---- */

static bool has_column(const rv_key *key, const char *name)
{
    for (int i = 0; i < key->n_columns; i++)
        if (strcmp(key->columns[i], name) == 0)
            return true;
    return false;
}

/* `index` with the primary key behind it; false: that is no key of its own, or too long for one. */
static bool extend(const rv_index *index, const rv_index *primary, rv_index *out)
{
    if (index->unique || !index->complete || !rv_index_is_key(primary))
        return false;
    *out = *index;
    out->unique = true;
    for (int i = 0; i < primary->key.n_columns; i++) {
        if (has_column(&out->key, primary->key.columns[i]))
            continue;
        if (out->key.n_columns == RV_MAX_KEY_COLUMNS)
            return false;
        out->key.descending[out->key.n_columns] = primary->key.descending[i];
        out->key.columns[out->key.n_columns++] = primary->key.columns[i];
    }
    return true;
}

/* A partitioned table's index is merged from those of its partitions, by the declared columns only. */
static bool appends_primary(const index_rows *from)
{
    const char *options = from->n > 0 ? from->rows[0][IDX_OPTIONS] : NULL;
    return from->n > 0 && is(from->rows[0][IDX_ENGINE], "InnoDB") &&
           (options == NULL || strstr(options, "partitioned") == NULL);
}

static int extend_all(const index_rows *from, rv_index *indexes, int n)
{
    int n_declared = n;
    if (n == 0 || !indexes[0].primary || !appends_primary(from))
        return n;
    for (int i = 1; i < n_declared; i++)
        n += extend(&indexes[i], &indexes[0], &indexes[n]);
    return n;
}

/* InnoDB and MyRocks store rows along the primary key; InnoDB, where there is none, along the first unique key without
 * NULLs, which is certain where there is only one. */
static void find_clustered(const index_rows *from, rv_index *indexes, int n)
{
    const char *engine = from->n > 0 ? from->rows[0][IDX_ENGINE] : NULL;
    rv_index *clustered = NULL;
    if (!is(engine, "InnoDB") && !is(engine, "ROCKSDB"))
        return;
    for (int i = 0; i < n; i++) {
        if (!indexes[i].primary && !(indexes[i].unique && indexes[i].not_null))
            continue;
        if (clustered != NULL && !clustered->primary)
            return;
        if (clustered == NULL)
            clustered = &indexes[i];
    }
    if (clustered != NULL)
        clustered->correlation = clustered->key.descending[0] ? -1.0 : 1.0;
}

static rv_code read_all(const index_rows *from, rv_relation_info *out, rv_error *err)
{
    rv_index *indexes = rv_arena_alloc(from->arena, 2 * MAX_INDEXES, sizeof *indexes);
    int n = 0;
    if (indexes == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the indexes of a relation");
    for (int row = 0, end = 0; row < from->n && n < MAX_INDEXES; row = end) {
        end = end_of_index(from, row);
        RV_TRY(read_index(from, row, end, &indexes[n], err));
        n += indexes[n].key.n_columns > 0;
    }
    find_clustered(from, indexes, n);
    out->n_indexes = extend_all(from, indexes, n);
    out->indexes = indexes;
    return RV_OK;
}

rv_code rvi_my_describe_indexes(rvi_my *my, const char *schema, const char *table, rv_arena *arena,
                                rv_relation_info *out, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    RV_AUTO(mysql_free_result) MYSQL_RES *found = NULL;
    const char *text = NULL;
    RV_TRY(indexes_sql(my, schema, table, &sql, &text, err));
    RV_TRY(rvi_my_ask(my, text, &found, err));
    int n = (int)mysql_num_rows(found); /* at most 64 indexes of 32 columns */
    index_rows from = {.n = n, .info = out, .arena = arena};
    from.rows = rv_arena_alloc(arena, (size_t)n, sizeof *from.rows);
    if (from.rows == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the indexes of a relation");
    for (int i = 0; i < n; i++)
        from.rows[i] = mysql_fetch_row(found);
    return read_all(&from, out, err);
}
