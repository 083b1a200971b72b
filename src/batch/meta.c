/* meta.c - the added columns, beside the source's without a copy of those.
 *
 * What rv_meta_extend() gives is a batch made of borrowed parts: the column heads of the page, copied, and then those of
 * a small batch of our own that holds the added values. Nothing in it may be freed or appended to, so it is only ever
 * handed out as const. */
#include "rivet/meta.h"

#include "rivet/row_hash.h"

#include <assert.h>
#include <stdlib.h>

struct rv_meta {
    rv_batch view;    /* what is handed out */
    rv_schema schema; /* of the added columns: the tail of the files' */
    rv_batch *added;
    rv_row_hasher *hasher; /* NULL: no row hash */
    bool *is_hashed;       /* by source column */
    int n_source;
    bool exported_at;
    int64_t exported_at_us;
};

static int count_added(const rv_meta_columns *columns)
{
    return columns->exported_at + columns->row_hash;
}

static rv_code refuse_unknown(rv_arena *arena, const rv_schema *source, const char *name, rv_error *err)
{
    const char **names = rv_arena_alloc(arena, (size_t)source->n_fields, sizeof *names);
    const char *near = NULL;
    for (int i = 0; names != NULL && i < source->n_fields; i++)
        names[i] = source->fields[i].name;
    if (names != NULL)
        near = rv_did_you_mean(name, names, (size_t)source->n_fields);
    rv_fail(err, RV_E_CONFIG_VALUE, "meta_columns.row_hash names '%s', which is no column of %s", name,
            source->origin);
    if (near != NULL)
        rv_hint(err, "did you mean '%s'?", near);
    return RV_E_CONFIG_VALUE;
}

static rv_code check_names(rv_arena *arena, const rv_schema *source, const rv_meta_columns *columns,
                           rv_error *err)
{
    const char *added[] = {columns->exported_at ? RV_META_EXPORTED_AT : NULL,
                           columns->row_hash ? RV_META_ROW_HASH : NULL};
    for (size_t i = 0; i < sizeof added / sizeof added[0]; i++) {
        if (added[i] == NULL || rv_schema_field(source, added[i]) == NULL)
            continue;
        rv_fail(err, RV_E_CONFIG_VALUE,
                "%s has a column '%s' already, and meta_columns adds one of that name", source->origin,
                added[i]);
        rv_hint(err, "turn that meta column off, or rename the source's in a query");
        return RV_E_CONFIG_VALUE;
    }
    for (int i = 0; columns->row_hash && i < columns->n_row_hash_columns; i++)
        if (rv_schema_field(source, columns->row_hash_columns[i]) == NULL)
            return refuse_unknown(arena, source, columns->row_hash_columns[i], err);
    return RV_OK;
}

/* Into room that is there. */
static void add_field(rv_schema *schema, const char *name, rv_type_id id)
{
    const rv_type type = {.id = id};
    const int n = schema->n_fields;
    schema->fields[n] = (rv_field){
        .name = name, .native_type = "rivet", .natural = type, .type = type, .ordinal = (int16_t)(n + 1)};
    schema->n_fields++;
}

rv_code rv_meta_schema(rv_arena *arena, const rv_schema *source, const rv_meta_columns *columns,
                       rv_schema *out, rv_error *err)
{
    const int n = source->n_fields;
    rv_schema files = *source;
    if (count_added(columns) == 0) {
        *out = files;
        return RV_OK;
    }
    RV_TRY(check_names(arena, source, columns, err));
    if (n + count_added(columns) > RV_MAX_FIELDS)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "%s has %d columns; with meta_columns that is more than %d",
                       source->origin, n, (int)RV_MAX_FIELDS);
    files.fields = rv_arena_alloc(arena, (size_t)n + (size_t)count_added(columns), sizeof *files.fields);
    if (files.fields == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "describing the files");
    memcpy(files.fields, source->fields, (size_t)n * sizeof *files.fields);
    if (columns->exported_at)
        add_field(&files, RV_META_EXPORTED_AT, RV_TYPE_TIMESTAMP_TZ);
    if (columns->row_hash)
        add_field(&files, RV_META_ROW_HASH, RV_TYPE_INT64);
    *out = files;
    return RV_OK;
}

static bool is_listed(const rv_meta_columns *columns, const char *name)
{
    if (columns->row_hash_columns == NULL)
        return true;
    for (int i = 0; i < columns->n_row_hash_columns; i++)
        if (strcmp(columns->row_hash_columns[i], name) == 0)
            return true;
    return false;
}

static rv_code prepare_hash(rv_meta *meta, const rv_schema *files, const rv_meta_columns *columns,
                            rv_error *err)
{
    meta->is_hashed = calloc((size_t)meta->n_source + 1, sizeof *meta->is_hashed);
    if (meta->is_hashed == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing the added columns");
    for (int i = 0; i < meta->n_source; i++)
        meta->is_hashed[i] = is_listed(columns, files->fields[i].name);
    return rv_row_hasher_new(&meta->hasher, err);
}

rv_code rv_meta_new(rv_meta **out, const rv_schema *files, const rv_meta_columns *columns,
                    int64_t exported_at_us, rv_budget *budget, rv_error *err)
{
    const int n_added = count_added(columns);
    RV_AUTO(rv_meta_free) rv_meta *meta = calloc(1, sizeof *meta);
    if (meta == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing the added columns");
    assert(files->n_fields >= n_added);
    meta->n_source = files->n_fields - n_added;
    meta->exported_at = columns->exported_at;
    meta->exported_at_us = exported_at_us;
    meta->schema =
        (rv_schema){.fields = files->fields + meta->n_source, .n_fields = n_added, .origin = files->origin};
    meta->view = (rv_batch){.schema = files, .n_columns = files->n_fields};
    if (n_added > 0) {
        meta->view.columns = calloc((size_t)files->n_fields, sizeof *meta->view.columns);
        if (meta->view.columns == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing the added columns");
        RV_TRY(rv_batch_new(&meta->added, &meta->schema, budget, err));
    }
    if (columns->row_hash)
        RV_TRY(prepare_hash(meta, files, columns, err));
    RV_MOVE(out, meta);
    return RV_OK;
}

void rv_meta_free(rv_meta *meta)
{
    if (meta == NULL)
        return;
    rv_row_hasher_free(meta->hasher);
    rv_batch_free(meta->added);
    free(meta->is_hashed);
    free(meta->view.columns);
    free(meta);
}

static int64_t row_hash(rv_meta *meta, const rv_batch *batch, int64_t row)
{
    for (int i = 0; i < meta->n_source; i++)
        if (meta->is_hashed[i])
            rv_row_hasher_add(meta->hasher, &batch->columns[i], row);
    return (int64_t)rv_row_hasher_take(meta->hasher).low;
}

static rv_code fill(rv_meta *meta, const rv_batch *batch, rv_error *err)
{
    rv_batch_reset(meta->added);
    for (int64_t row = 0; row < batch->rows; row++) {
        rv_column *column = meta->added->columns;
        RV_TRY(rv_batch_begin_row(meta->added, err));
        if (meta->exported_at)
            rv_column_append_i64(column++, meta->exported_at_us);
        if (meta->hasher != NULL)
            rv_column_append_i64(column, row_hash(meta, batch, row));
        rv_batch_end_row(meta->added);
    }
    return RV_OK;
}

rv_code rv_meta_extend(rv_meta *meta, const rv_batch *batch, const rv_batch **out, rv_error *err)
{
    assert(batch->n_columns == meta->n_source);
    if (meta->added == NULL) {
        *out = batch;
        return RV_OK;
    }
    RV_TRY_CTX(fill(meta, batch, err), err, "adding the meta columns");
    memcpy(meta->view.columns, batch->columns, (size_t)meta->n_source * sizeof *batch->columns);
    memcpy(meta->view.columns + meta->n_source, meta->added->columns,
           (size_t)meta->added->n_columns * sizeof *meta->added->columns);
    meta->view.rows = batch->rows;
    *out = &meta->view;
    return RV_OK;
}
