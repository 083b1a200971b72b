/* catalog.c - what the server's catalog says about relations: nothing here reads a table's rows.
 *
 * Whether this user may read a relation, the server alone knows, and information_schema hides what he may not: a
 * column that was not granted is simply not there. So the relation is first prepared as SELECT *, without being
 * executed, which fails just as reading it would; what information_schema says afterwards is complete.
 *
 * information_schema lists what SELECT * leaves out: invisible columns, the primary key that MySQL generates by
 * itself. They are columns of the table, and are exported.
 *
 * Spec: MySQL 8.0 manual, "INFORMATION_SCHEMA Tables"; MariaDB, "Information Schema Tables". Names are compared with
 * literals, which is what lets both servers look into one table only. */
#include "internal.h"

#include "rivet/utf8.h"

#include <stdlib.h>
#include <string.h>

enum {
    MYSQL_SRS_ID = 80003, /* COLUMNS.SRS_ID. MySQL 8.0.3 release notes */
    MYSQL_CACHED = 80000, /* TABLES shows statistics as they were up to information_schema_stats_expiry ago */
    MARIADB_CHECKS = 100310, /* CHECK_CONSTRAINTS with TABLE_NAME. MariaDB 10.3.10 release notes */
    NEAR_NAMES = 2000,
};
#define MOST_BYTES 1e18 /* what is said to be larger is not known: statistics can be wrong without bounds */

#define RELATION_COLUMNS                                                                   \
    "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, CREATE_OPTIONS, TABLE_ROWS, DATA_LENGTH" \
    " FROM information_schema.TABLES WHERE TABLE_SCHEMA = "

enum relation_column { REL_SCHEMA, REL_NAME, REL_TYPE, REL_OPTIONS, REL_ROWS, REL_BYTES };

enum column_column {
    COL_NAME,
    COL_TYPE,
    COL_FULL_TYPE,
    COL_CHARSET,
    COL_LENGTH,
    COL_PRECISION,
    COL_SCALE,
    COL_TIME_PRECISION,
    COL_NULLABLE,
    COL_KEY,
    COL_COLLATION,
    COL_SRID
};

static rv_code no_memory(rv_error *err)
{
    return rv_fail(err, RV_E_OUT_OF_MEMORY, "the description of a relation");
}

/* "" for a NULL, and for what the server did not send at all. */
static const char *text_of(MYSQL_ROW row, int column)
{
    return row[column] != NULL ? row[column] : "";
}

static int64_t number_of(MYSQL_ROW row, int column, int64_t unknown)
{
    return row[column] != NULL ? strtoll(row[column], NULL, 10) : unknown;
}

/* Names and rows of a look-up within one schema, or of one table in it. `table` NULL: all of them. */
static rv_code ask_about(rvi_my *my, const char *select, const char *schema, const char *table_column,
                         const char *table, const char *rest, MYSQL_RES **out, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    const char *text = NULL;
    RV_TRY(rv_bytes_append_str(&sql, select, err));
    RV_TRY(rvi_my_append_literal(&sql, schema, err));
    if (table != NULL) {
        RV_TRY(rv_bytes_printf(&sql, err, " AND %s = ", table_column));
        RV_TRY(rvi_my_append_literal(&sql, table, err));
    }
    RV_TRY(rv_bytes_append_str(&sql, rest, err));
    RV_TRY(rv_bytes_cstr(&sql, &text, err));
    return rvi_my_ask(my, text, out, err);
}

/* ---- kinds ---- */

static bool is_word(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

/* NULL: nothing that rows are read from. */
static const char *kind_of(MYSQL_ROW relation)
{
    const char *type = text_of(relation, REL_TYPE);
    bool partitioned = strstr(text_of(relation, REL_OPTIONS), "partitioned") != NULL;
    if (is_word(type, "BASE TABLE"))
        return partitioned ? "partitioned table" : "table";
    if (is_word(type, "SYSTEM VERSIONED"))
        return "system-versioned table";
    if (is_word(type, "VIEW"))
        return "view";
    if (is_word(type, "SYSTEM VIEW"))
        return "system view";
    return is_word(type, "TEMPORARY") ? "temporary table" : NULL;
}

static bool is_view(const char *kind)
{
    return is_word(kind, "view") || is_word(kind, "system view");
}

/* ---- finding ---- */

static rv_code default_schema(rvi_my *my, rv_arena *arena, const char **out, rv_error *err)
{
    RV_AUTO(mysql_free_result) MYSQL_RES *result = NULL;
    RV_TRY(rvi_my_ask(my, "SELECT DATABASE()", &result, err));
    MYSQL_ROW row = mysql_fetch_row(result);
    if (row == NULL || row[0] == NULL) {
        rv_fail(err, RV_E_SOURCE_NOT_FOUND, "the connection has no database to look in");
        rv_hint(err, "set source.database, or write table: database.table");
        return RV_E_SOURCE_NOT_FOUND;
    }
    *out = rv_arena_strdup(arena, row[0]);
    return *out != NULL ? RV_OK : no_memory(err);
}

/* Best effort: a hint that cannot be had is no failure. */
static void hint_near_name(rvi_my *my, const char *schema, const char *table, rv_error *err)
{
    static const char select[] = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ";
    RV_AUTO(mysql_free_result) MYSQL_RES *result = NULL;
    if (ask_about(my, select, schema, NULL, NULL, " ORDER BY TABLE_NAME LIMIT 2000", &result, NULL) != RV_OK)
        return;
    const char *names[NEAR_NAMES];
    size_t n = 0;
    for (MYSQL_ROW row = mysql_fetch_row(result); row != NULL && n < NEAR_NAMES;
         row = mysql_fetch_row(result))
        names[n++] = text_of(row, 0);
    const char *near = rv_did_you_mean(table, names, n);
    if (near != NULL)
        rv_hint(err, "did you mean '%s'?", near);
}

/* What reading the whole relation needs, the server finds out now: that it is there, that this user may read every
 * column of it, that a view's tables and its definer are still there. */
static rv_code prepare_relation(rvi_my *my, const char *schema, const char *table, rvi_my_statement **out,
                                rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    const char *text = NULL;
    RV_TRY(rv_bytes_append_str(&sql, "SELECT * FROM ", err));
    RV_TRY(rvi_my_append_name(&sql, schema, err));
    RV_TRY(rv_bytes_append_str(&sql, ".", err));
    RV_TRY(rvi_my_append_name(&sql, table, err));
    RV_TRY(rv_bytes_cstr(&sql, &text, err));
    rv_code rc = rvi_my_prepare(my, text, out, err);
    if (rc == RV_E_SOURCE_NOT_FOUND)
        hint_near_name(my, schema, table, err);
    return rc;
}

/* Where names are compared without regard to case (lower_case_table_names), the catalog may spell this one otherwise;
 * where they are not, its collation may find others beside it. */
static MYSQL_ROW best_match(MYSQL_RES *result, const char *table)
{
    MYSQL_ROW first = NULL;
    for (MYSQL_ROW row = mysql_fetch_row(result); row != NULL; row = mysql_fetch_row(result)) {
        if (is_word(text_of(row, REL_NAME), table))
            return row;
        first = first != NULL ? first : row;
    }
    return first;
}

/* ---- fields ---- */

static rv_code check_name(const char *name, rv_error *err)
{
    if (rv_utf8_valid((const uint8_t *)name, strlen(name)))
        return RV_OK;
    return rv_fail(err, RV_E_VALUE_ENCODING, "the name of a column is not valid UTF-8");
}

/* The column of the prepared SELECT * that has this name; NULL: an invisible one, which is not in it. */
static const MYSQL_FIELD *find_result(const MYSQL_FIELD *fields, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (is_word(fields[i].name, name))
            return &fields[i];
    return NULL;
}

/* Does a CHECK say json_valid(`name`), which is how MariaDB writes down that a longtext was declared as JSON? */
static bool has_json_check(MYSQL_RES *checks, const char *name)
{
    static const char head[] = "json_valid(`";
    size_t len = strlen(name);
    if (checks == NULL)
        return false;
    mysql_data_seek(checks, 0);
    for (MYSQL_ROW row = mysql_fetch_row(checks); row != NULL; row = mysql_fetch_row(checks)) {
        const char *clause = text_of(row, 0);
        if (strncmp(clause, head, sizeof head - 1) == 0 &&
            strncmp(clause + sizeof head - 1, name, len) == 0 &&
            is_word(clause + sizeof head - 1 + len, "`)"))
            return true;
    }
    return false;
}

/* What information_schema declares, unless the protocol says that another form will arrive: it is the latter that is
 * read. */
static rvi_my_type type_of(MYSQL_ROW column, MYSQL_RES *checks, const MYSQL_FIELD *arriving)
{
    rvi_my_native native = {
        .data_type = text_of(column, COL_TYPE),
        .column_type = text_of(column, COL_FULL_TYPE),
        .charset = column[COL_CHARSET],
        .length = number_of(column, COL_LENGTH, -1),
        .precision = (int)number_of(column, COL_PRECISION, -1),
        .scale = (int)number_of(column, COL_SCALE, -1),
    };
    rvi_my_type type, seen;
    if (arriving != NULL && rvi_my_result_type(arriving, &seen))
        native.json_check = seen.natural.id == RV_TYPE_JSON; /* of a view's column, too */
    native.json_check = native.json_check || has_json_check(checks, text_of(column, COL_NAME));
    rvi_my_native_type(&native, &type);
    if (arriving == NULL || type.cast != NULL || rvi_my_type_arrives(&type, arriving))
        return type;
    rvi_my_result_type(arriving, &type);
    return type;
}

/* The decimals of a time, or the SRID that a geometry is bound to. */
static int32_t modifier_of(MYSQL_ROW column, const rvi_my_type *type)
{
    if (type->wire == RVI_MY_WIRE_GEOMETRY)
        return (int32_t)(uint32_t)number_of(column, COL_SRID, 0);
    return (int32_t)number_of(column, COL_TIME_PRECISION, -1);
}

static rv_code set_field(rv_field *out, MYSQL_ROW column, const rvi_my_type *type, bool of_view,
                         rv_arena *arena, rv_error *err)
{
    const char *full = text_of(column, COL_FULL_TYPE), *srid = text_of(column, COL_SRID);
    const char *collation = column[COL_COLLATION];
    RV_TRY(check_name(text_of(column, COL_NAME), err));
    *out = (rv_field){
        .name = rv_arena_strdup(arena, text_of(column, COL_NAME)),
        .native_type =
            *srid != '\0' ? rv_arena_printf(arena, "%s srid %s", full, srid) : rv_arena_strdup(arena, full),
        .collation = collation != NULL ? rv_arena_strdup(arena, collation) : NULL,
        /* Of a view's column the server only guesses. */
        .nullable = of_view || !is_word(text_of(column, COL_NULLABLE), "NO"),
        .is_key = is_word(text_of(column, COL_KEY), "PRI"),
    };
    rvi_my_set_field_type(out, type, modifier_of(column, type));
    bool complete =
        out->name != NULL && out->native_type != NULL && (collation == NULL) == (out->collation == NULL);
    return complete ? RV_OK : no_memory(err);
}

static rv_code ask_columns(rvi_my *my, MYSQL_ROW relation, MYSQL_RES **out, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes select = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    const char *text = NULL;
    bool has_srid = !my->mariadb && my->version >= MYSQL_SRS_ID;
    RV_TRY(rv_bytes_printf(&select, err,
                           "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, CHARACTER_SET_NAME,"
                           " CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION,"
                           " IS_NULLABLE, COLUMN_KEY, COLLATION_NAME, %s"
                           " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ",
                           has_srid ? "SRS_ID" : "NULL"));
    RV_TRY(rv_bytes_cstr(&select, &text, err));
    return ask_about(my, text, text_of(relation, REL_SCHEMA), "TABLE_NAME", text_of(relation, REL_NAME),
                     " ORDER BY ORDINAL_POSITION", out, err);
}

static rv_code ask_checks(rvi_my *my, MYSQL_ROW relation, MYSQL_RES **out, rv_error *err)
{
    static const char select[] =
        "SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = ";
    if (!my->mariadb || my->version < MARIADB_CHECKS)
        return RV_OK;
    return ask_about(my, select, text_of(relation, REL_SCHEMA), "TABLE_NAME", text_of(relation, REL_NAME), "",
                     out, err);
}

/* Every column of SELECT * is among the fields, or something hides it. */
static rv_code check_complete(const MYSQL_FIELD *seen, int n_seen, const rv_schema *schema, rv_error *err)
{
    for (int i = 0; i < n_seen; i++) {
        bool found = false;
        for (int f = 0; f < schema->n_fields && !found; f++)
            found = is_word(schema->fields[f].name, seen[i].name);
        if (!found)
            return rv_fail(err, RV_E_SOURCE_DENIED, "information_schema does not show column '%s' of %s",
                           seen[i].name, schema->origin);
    }
    return RV_OK;
}

static rv_code table_fields(rvi_my *my, MYSQL_ROW relation, const rvi_my_statement *prepared, rv_arena *arena,
                            rv_schema *out, rv_error *err)
{
    RV_AUTO(mysql_free_result) MYSQL_RES *columns = NULL;
    RV_AUTO(mysql_free_result) MYSQL_RES *checks = NULL;
    int n_seen = 0;
    const MYSQL_FIELD *seen = rvi_my_statement_fields(prepared, &n_seen);
    bool of_view = is_view(kind_of(relation));
    RV_TRY(ask_columns(my, relation, &columns, err));
    RV_TRY(ask_checks(my, relation, &checks, err));
    size_t n = (size_t)mysql_num_rows(columns);
    if (n > RV_MAX_FIELDS)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "%s has %zu columns", out->origin, n);
    out->fields = rv_arena_alloc(arena, n, sizeof *out->fields);
    if (out->fields == NULL)
        return no_memory(err);
    for (MYSQL_ROW row = mysql_fetch_row(columns); row != NULL; row = mysql_fetch_row(columns)) {
        rv_field *field = &out->fields[out->n_fields++];
        rvi_my_type type = type_of(row, checks, find_result(seen, n_seen, text_of(row, COL_NAME)));
        RV_TRY(set_field(field, row, &type, of_view, arena, err));
        field->ordinal = (int16_t)out->n_fields;
    }
    return check_complete(seen, n_seen, out, err);
}

/* ---- statistics ---- */

/* MySQL 8 shows statistics of up to a day ago, and none for a table that was never asked about. The optimizer's own
 * are newer, and EXPLAIN tells them without reading rows. *out -1: it did not. */
static rv_code explain_rows(rvi_my *my, const char *schema, const char *table, int64_t *out, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    RV_AUTO(mysql_free_result) MYSQL_RES *plan = NULL;
    const char *text = NULL;
    *out = -1;
    RV_TRY(rv_bytes_append_str(&sql, "EXPLAIN FORMAT=TRADITIONAL SELECT 1 FROM ", err));
    RV_TRY(rvi_my_append_name(&sql, schema, err));
    RV_TRY(rv_bytes_append_str(&sql, ".", err));
    RV_TRY(rvi_my_append_name(&sql, table, err));
    RV_TRY(rv_bytes_cstr(&sql, &text, err));
    rv_error failure = {0};
    rv_code rc = rvi_my_ask(my, text, &plan, &failure);
    if (rc == RV_E_SOURCE_DENIED || rc == RV_E_SOURCE_QUERY || rc == RV_E_SOURCE_UNSUPPORTED)
        return RV_OK; /* an estimate is no reason to fail */
    if (rc != RV_OK && err != NULL)
        *err = failure;
    RV_TRY(rc);
    const MYSQL_FIELD *fields = mysql_fetch_fields(plan);
    MYSQL_ROW row = mysql_fetch_row(plan);
    for (unsigned i = 0; row != NULL && i < mysql_num_fields(plan); i++)
        if (is_word(fields[i].name, "rows"))
            *out = number_of(row, (int)i, -1);
    return RV_OK;
}

static rv_code set_estimates(rvi_my *my, MYSQL_ROW relation, rv_relation_info *info, rv_error *err)
{
    int64_t rows = number_of(relation, REL_ROWS, -1), bytes = number_of(relation, REL_BYTES, -1), now = -1;
    if (is_view(info->kind))
        return RV_OK;
    info->est_rows = rows;
    info->est_bytes = bytes;
    if (my->mariadb || my->version < MYSQL_CACHED)
        return RV_OK;
    RV_TRY(explain_rows(my, text_of(relation, REL_SCHEMA), text_of(relation, REL_NAME), &now, err));
    if (now < 0)
        return RV_OK;
    info->est_rows = now;
    if (rows > 0 && bytes > 0) { /* as old as the rows that were shown with it */
        double scaled = (double)bytes / (double)rows * (double)now;
        info->est_bytes = scaled < MOST_BYTES ? (int64_t)scaled : -1;
    } else if (now > 1) {
        info->est_bytes = -1;
    }
    return RV_OK;
}

/* ---- a table ---- */

static rv_code describe_found(rvi_my *my, MYSQL_ROW found, const rvi_my_statement *prepared, rv_arena *arena,
                              rv_relation_info *out, rv_error *err)
{
    const char *schema = text_of(found, REL_SCHEMA), *table = text_of(found, REL_NAME);
    if (kind_of(found) == NULL)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "'%s.%s' is no table or view but a %s", schema, table,
                       text_of(found, REL_TYPE));
    rv_relation_info info = {
        .kind = kind_of(found),
        .namespace = rv_arena_strdup(arena, schema),
        .est_rows = -1,
        .est_bytes = -1,
        .physical = {.why_not = "MySQL reads rows along keys only"},
        .schema = {.origin = rv_arena_printf(arena, "%s.%s", schema, table)},
    };
    if (info.namespace == NULL || info.schema.origin == NULL)
        return no_memory(err);
    RV_TRY(table_fields(my, found, prepared, arena, &info.schema, err));
    RV_TRY(set_estimates(my, found, &info, err));
    if (!is_view(info.kind))
        RV_TRY(rvi_my_describe_indexes(my, schema, table, arena, &info, err));
    *out = info;
    return RV_OK;
}

static rv_code describe_table(rvi_my *my, const rv_relation *relation, rv_arena *arena, rv_relation_info *out,
                              rv_error *err)
{
    RV_AUTO(mysql_free_result) MYSQL_RES *result = NULL;
    RV_AUTO(rvi_my_statement_close) rvi_my_statement *prepared = NULL;
    const char *schema = relation->schema;
    if (schema == NULL)
        RV_TRY(default_schema(my, arena, &schema, err));
    RV_TRY(prepare_relation(my, schema, relation->table, &prepared, err));
    RV_TRY(ask_about(my, RELATION_COLUMNS, schema, "TABLE_NAME", relation->table, "", &result, err));
    MYSQL_ROW found = best_match(result, relation->table);
    if (found == NULL)
        return rv_fail(err, RV_E_SOURCE_NOT_FOUND, "information_schema does not show '%s.%s'", schema,
                       relation->table);
    return describe_found(my, found, prepared, arena, out, err);
}

/* ---- a query ---- */

static rv_code query_field(const MYSQL_FIELD *seen, rv_field *out, rv_arena *arena, rv_error *err)
{
    char native[RVI_MY_NAME_BYTES];
    rvi_my_type type;
    bool timed = seen->decimals <= 6;
    RV_TRY(check_name(seen->name, err));
    rvi_my_result_type(seen, &type);
    rvi_my_result_name(native, seen);
    *out = (rv_field){
        .name = rv_arena_strdup(arena, seen->name),
        .native_type = rv_arena_strdup(arena, native),
        .nullable = true,
    };
    rvi_my_set_field_type(out, &type,
                          type.wire == RVI_MY_WIRE_GEOMETRY ? 0
                          : timed                           ? (int32_t)seen->decimals
                                                            : -1);
    return out->name != NULL && out->native_type != NULL ? RV_OK : no_memory(err);
}

static rv_code query_fields(const rvi_my_statement *prepared, rv_arena *arena, rv_schema *out, rv_error *err)
{
    int n = 0;
    const MYSQL_FIELD *seen = rvi_my_statement_fields(prepared, &n);
    if (n == 0)
        return rv_fail(err, RV_E_SOURCE_QUERY, "the query has no columns");
    out->fields = rv_arena_alloc(arena, (size_t)n, sizeof *out->fields);
    if (out->fields == NULL)
        return no_memory(err);
    for (int i = 0; i < n; i++) {
        RV_TRY(query_field(&seen[i], &out->fields[i], arena, err));
        out->fields[i].ordinal = (int16_t)(i + 1);
    }
    out->n_fields = n;
    return RV_OK;
}

/* Prepared in the form in which it will be read, so that what cannot be a subquery is refused here and now. */
static rv_code describe_query(rvi_my *my, const rv_relation *relation, rv_arena *arena, rv_relation_info *out,
                              rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    RV_AUTO(rvi_my_statement_close) rvi_my_statement *prepared = NULL;
    const char *text = NULL;
    RV_TRY(rv_bytes_append_str(&sql, "SELECT * FROM (", err));
    RV_TRY(rv_bytes_append_str(&sql, relation->query, err));
    RV_TRY(rv_bytes_append_str(&sql, "\n) AS _rivet", err)); /* the line ends a comment in its last one */
    RV_TRY(rv_bytes_cstr(&sql, &text, err));
    RV_TRY(rvi_my_prepare(my, text, &prepared, err));
    if (rvi_my_statement_params(prepared) > 0)
        return rv_fail(err, RV_E_SOURCE_QUERY, "the query has parameters (?), which nobody fills in");
    rv_relation_info info = {
        .kind = "query",
        .est_rows = -1,
        .est_bytes = -1,
        .physical = {.why_not = "a query has no storage of its own"},
        .schema = {.origin = "query"},
    };
    RV_TRY(query_fields(prepared, arena, &info.schema, err));
    *out = info;
    return RV_OK;
}

/* Look-ups need the settings that reads need: init_connect, or the server itself, may have limited how many rows a
 * SELECT returns or examines. Within a run they are made already. */
static rv_code enter(rvi_my *my, rv_error *err)
{
    static const rv_read_options options = {.statement_timeout_ms = RVI_MY_CONTROL_MS,
                                            .lock_timeout_ms = RVI_MY_CONTROL_MS};
    return my->begun ? RV_OK : rvi_my_txn_open(my, &options, err);
}

static void leave(rvi_my *my)
{
    if (my->begun)
        return;
    rvi_my_txn_end(my);
    my->options = (rv_read_options){0};
}

rv_code rvi_my_describe(rv_source *source, const rv_relation *relation, rv_arena *arena,
                        rv_relation_info *out, rv_error *err)
{
    rvi_my *my = (rvi_my *)source;
    RV_TRY(enter(my, err));
    rv_code rc = relation->kind == RV_RELATION_QUERY ? describe_query(my, relation, arena, out, err)
                                                     : describe_table(my, relation, arena, out, err);
    leave(my);
    return rc;
}

/* ---- list ---- */

static rv_code ask_tables(rvi_my *my, const char *schema, MYSQL_RES **out, rv_error *err)
{
    enum { NAME_BYTES = 4096 };
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    RV_TRY(rv_arena_new(&arena, NAME_BYTES, err));
    if (schema == NULL)
        RV_TRY(default_schema(my, arena, &schema, err));
    return ask_about(my, RELATION_COLUMNS, schema, NULL, NULL, " ORDER BY TABLE_NAME", out, err);
}

rv_code rvi_my_list(rv_source *source, const char *schema, rv_table_fn fn, void *context, rv_error *err)
{
    rvi_my *my = (rvi_my *)source;
    RV_AUTO(mysql_free_result) MYSQL_RES *result = NULL;
    RV_TRY(enter(my, err));
    rv_code rc = ask_tables(my, schema, &result, err);
    leave(my);
    RV_TRY(rc);
    for (MYSQL_ROW row = mysql_fetch_row(result); row != NULL; row = mysql_fetch_row(result)) {
        const char *kind = kind_of(row);
        if (kind == NULL) /* a sequence */
            continue;
        rv_table_entry entry = {
            .schema = text_of(row, REL_SCHEMA),
            .name = text_of(row, REL_NAME),
            .kind = kind,
            .est_rows = is_view(kind) ? -1 : number_of(row, REL_ROWS, -1),
            .est_bytes = is_view(kind) ? -1 : number_of(row, REL_BYTES, -1),
        };
        RV_TRY(fn(context, &entry, err));
    }
    return RV_OK;
}
