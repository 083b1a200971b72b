/* fingerprint.c - everything that decides which rows land in which files, as a number. A run is only resumed, and only
 * shared between machines, under the same one. How fast it is read, how often it is tried, and what it is judged by
 * do not belong to it. */
#include "rivet/format.h"
#include "rivet/hash.h"

#include "internal.h"

#include <inttypes.h>

enum { TEXT_BYTES = 64 << 20 };

static const char *or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static rv_code put_key(rv_bytes *text, const char *what, const rv_key *key, rv_error *err)
{
    RV_TRY(rv_bytes_printf(text, err, "%s %d", what, key->n_columns));
    for (int i = 0; i < key->n_columns; i++)
        RV_TRY(rv_bytes_printf(text, err, " \"%s\"", key->columns[i]));
    return rv_bytes_append_str(text, "\n", err);
}

/* The destination's path goes in as it was written: what its placeholders stood for is recorded with the run. */
static rv_code put_relation(rv_bytes *text, const rv_export_config *e, rv_error *err)
{
    const rv_relation *r = &e->relation;
    return rv_bytes_printf(text, err, "%s\n%s\n%s\n%s\n%s\n%s\n%d %d\n", e->name, or_empty(r->schema),
                           or_empty(r->table), or_empty(r->query), e->dest.kind, or_empty(e->dest.path),
                           (int)e->consistency, (int)e->row_security_acknowledged);
}

static rv_code put_format(rv_bytes *text, const rv_format_config *f, rv_error *err)
{
    RV_TRY(rv_bytes_printf(text, err, "%d %d %d\n%d\"%s\"%d\"%s\"\n", (int)f->kind, (int)f->codec, f->level,
                           f->csv.delimiter, or_empty(f->csv.null_text), (int)f->csv.header,
                           or_empty(f->csv.line_ending)));
    RV_TRY(rv_bytes_printf(text, err, "%" PRIu64 " %d %" PRId64 " %" PRIu64 " %" PRIu64 " %d\n",
                           f->max_file_bytes, (int)f->parquet.row_groups, f->parquet.rows,
                           f->parquet.target_bytes, f->parquet.max_bytes, (int)f->parquet.compat));
    for (int i = 0; i < f->parquet.n_columns; i++)
        RV_TRY(rv_bytes_printf(text, err, "%s: %d\n", f->parquet.columns[i].column,
                               (int)f->parquet.columns[i].encoding));
    for (int i = 0; i < f->parquet.n_bloom; i++)
        RV_TRY(rv_bytes_printf(text, err, "bloom %s\n", f->parquet.bloom[i]));
    return RV_OK;
}

static rv_code put_mode(rv_bytes *text, const rv_export_config *e, rv_error *err)
{
    const rv_chunk_config *c = &e->chunk;
    RV_TRY(rv_bytes_printf(text, err, "%s\n%s %" PRId64 " %" PRId64 " %d\n", rv_mode_name(e->mode),
                           or_empty(e->cursor.fallback), e->cursor.lookback_us, e->cursor.lookback_units,
                           (int)e->cursor.by_key));
    RV_TRY(put_key(text, "cursor", &e->cursor.key, err));
    RV_TRY(rv_bytes_printf(text, err, "%s\n%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %d\n",
                           or_empty(c->column), c->size, c->size_memory_mb, c->count, c->by_days,
                           (int)c->dense));
    RV_TRY(put_key(text, "by", &c->by_key, err));
    RV_TRY(rv_bytes_printf(text, err, "%s\n%d %" PRId64 "\n", or_empty(e->time_window.column),
                           (int)e->time_window.unix_seconds, e->time_window.days));
    return rv_bytes_printf(text, err, "%s\n%s\n%s\n%d\n", or_empty(e->partition.column),
                           or_empty(e->partition.label), or_empty(e->partition.parent),
                           (int)e->partition.granularity);
}

static rv_code put_columns(rv_bytes *text, const rv_export_config *e, rv_error *err)
{
    RV_TRY(rv_bytes_printf(text, err, "%d %d %d\n", (int)e->meta.exported_at, (int)e->meta.row_hash,
                           (int)e->schema.strict));
    for (int i = 0; i < e->meta.n_row_hash_columns; i++)
        RV_TRY(rv_bytes_printf(text, err, "hash %s\n", e->meta.row_hash_columns[i]));
    for (int i = 0; i < e->schema.n_overrides; i++) {
        const rv_column_override *o = &e->schema.overrides[i];
        char type[RV_TYPE_TEXT_BYTES] = "";
        if (o->type.id != RV_TYPE_INVALID)
            (void)rv_type_text(type, o->type);
        RV_TRY(rv_bytes_printf(text, err, "%s: %s", o->column, type));
        for (int c = 0; c < RV_INVALID_CLASSES; c++)
            RV_TRY(rv_bytes_printf(text, err, " %d", o->has_policy[c] ? (int)o->policy[c] : -1));
        RV_TRY(rv_bytes_append_str(text, "\n", err));
    }
    for (int c = 0; c < RV_INVALID_CLASSES; c++)
        RV_TRY(rv_bytes_printf(text, err, "%d ", (int)e->schema.on_invalid[c]));
    return RV_OK;
}

static rv_code put_config(rv_bytes *text, const rv_export_config *e, rv_error *err)
{
    RV_TRY(put_relation(text, e, err));
    RV_TRY(put_format(text, &e->format, err));
    RV_TRY(put_mode(text, e, err));
    return put_columns(text, e, err);
}

rv_code rv_plan_config_fingerprint(const rv_export_config *export_config, char out[RV_FINGERPRINT_BYTES],
                                   rv_error *err)
{
    rv_bytes text = RV_BYTES_INIT(TEXT_BYTES);
    rv_code rc = put_config(&text, export_config, err);
    if (rc == RV_OK)
        rv_xxh3_text(out, rv_xxh3(text.data, text.len, 0));
    rv_bytes_deinit(&text);
    return rc;
}

/* Where the relation lies, the plan does not know: the run adds it. */
static rv_code put_plan(rv_bytes *text, const rv_plan *plan, rv_error *err)
{
    RV_TRY(put_config(text, plan->export_config, err));
    RV_TRY(rv_bytes_printf(text, err, "\n%s %d\n%016" PRIx64 "\n", plan->strategy_name, (int)plan->snapshot,
                           rv_schema_fingerprint(&plan->schema)));
    for (int i = 0; i < plan->schema.n_fields; i++)
        RV_TRY(rv_bytes_append(text, plan->schema.fields[i].on_invalid,
                               sizeof plan->schema.fields[i].on_invalid, err));
    return RV_OK;
}

rv_code rvi_plan_fingerprint(rv_plan *plan, rv_error *err)
{
    rv_bytes text = RV_BYTES_INIT(TEXT_BYTES);
    rv_code rc = put_plan(&text, plan, err);
    if (rc == RV_OK)
        rv_xxh3_text(plan->fingerprint, rv_xxh3(text.data, text.len, 0));
    rv_bytes_deinit(&text);
    return rc;
}
