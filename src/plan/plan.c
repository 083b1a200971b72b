#include "rivet/plan.h"

#include "rivet/bytes.h"
#include "rivet/dest.h"
#include "rivet/format.h"
#include "rivet/hash.h"

#include "internal.h"

#include <inttypes.h>
#include <stdio.h>

static rv_code one_chunk(rv_arena *arena, rv_plan *plan, rv_error *err)
{
    plan->chunks = rv_arena_alloc(arena, 1, sizeof *plan->chunks);
    if (plan->chunks == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "planning the chunks of %s", plan->info.schema.origin);
    plan->n_chunks = 1;
    plan->chunks[0] = (rv_chunk){.bounds = {.kind = RV_BOUNDS_ALL}, .status = RV_CHUNK_PENDING};
    return RV_OK;
}

/* A stream takes one file, and a chunk is what becomes a file. */
static bool takes_one_stream(const rv_export_config *export_config)
{
    const rv_dest_ops *dest = rv_dest_driver(export_config->dest.kind);
    return dest != NULL && (dest->caps & RV_DEST_CAP_STREAM) != 0;
}

static rv_code physical_chunks(rv_arena *arena, rv_plan *plan, rv_error *err)
{
    const rv_physical *physical = &plan->info.physical;
    int64_t n = rvi_chunk_count(plan->info.est_bytes, &plan->export_config->format);
    if (takes_one_stream(plan->export_config))
        n = 1;
    rv_bounds *bounds = rv_arena_alloc(arena, (size_t)n, sizeof *bounds);
    plan->chunks = rv_arena_alloc(arena, (size_t)n, sizeof *plan->chunks);
    if (bounds == NULL || plan->chunks == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "planning %" PRId64 " chunks of %s", n,
                       plan->info.schema.origin);
    plan->n_chunks = rv_plan_tile(physical->first, physical->last, n, bounds);
    for (int64_t i = 0; i < plan->n_chunks; i++)
        plan->chunks[i] = (rv_chunk){.index = i, .bounds = bounds[i], .status = RV_CHUNK_PENDING};
    return RV_OK;
}

static rv_code choose_strategy(rv_arena *arena, uint32_t caps, rv_plan *plan, rv_error *err)
{
    const rv_physical *physical = &plan->info.physical;
    bool by_storage = (caps & RV_SOURCE_CAP_PHYSICAL) != 0 && physical->available;
    /* No ranges are no chunks, and no file: but whoever reads the stream waits for one, be it without rows. */
    if (physical->first > physical->last && takes_one_stream(plan->export_config))
        by_storage = false;
    if (by_storage && physical->needs_snapshot && !plan->snapshot) {
        plan->reason = "ranges in storage order are only correct under one snapshot (consistency: snapshot)";
    } else if (by_storage) {
        plan->strategy = RV_STRATEGY_PHYSICAL;
        plan->strategy_name = physical->strategy;
        plan->reason =
            rv_arena_printf(arena, "%s ranges in storage order need no index and no sort", physical->unit);
        return plan->reason == NULL
                   ? rv_fail(err, RV_E_OUT_OF_MEMORY, "planning %s", plan->info.schema.origin)
                   : physical_chunks(arena, plan, err);
    } else {
        plan->reason = physical->why_not != NULL ? physical->why_not : "this relation is read as one stream";
    }
    if ((caps & RV_SOURCE_CAP_STREAM) == 0)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "no way to read %s: %s", plan->info.schema.origin,
                       plan->reason);
    plan->strategy = RV_STRATEGY_STREAM;
    plan->strategy_name = "stream";
    return one_chunk(arena, plan, err);
}

/* Everything in the export that decides which rows land in which files. The destination's path goes in as it was
 * written: what its placeholders stood for is recorded with the run. Where the relation lies, the plan does not know:
 * run.c adds it. */
static rv_code fingerprint(rv_plan *plan, rv_error *err)
{
    const rv_export_config *e = plan->export_config;
    const rv_format_config *f = &e->format;
    const rv_relation *r = &e->relation;
    rv_bytes text = RV_BYTES_INIT((size_t)64 << 20);
    rv_code rc = rv_bytes_printf(
        &text, err, "%s\n%s\n%s\n%s\n%s\n%016" PRIx64 "\n%d %d %d\n%d\"%s\"%d\"%s\"\n%s\n%s\n%d\n", e->name,
        r->schema != NULL ? r->schema : "", r->table != NULL ? r->table : "",
        r->query != NULL ? r->query : "", plan->strategy_name, rv_schema_fingerprint(&plan->schema),
        (int)f->kind, (int)f->codec, f->level, f->csv.delimiter,
        f->csv.null_text != NULL ? f->csv.null_text : "", (int)f->csv.header,
        f->csv.line_ending != NULL ? f->csv.line_ending : "", e->dest.kind,
        e->dest.path != NULL ? e->dest.path : "", (int)plan->snapshot);
    if (rc == RV_OK)
        rc = rv_bytes_printf(&text, err, "%" PRIu64 " %d %" PRId64 " %" PRIu64 " %" PRIu64 "\n",
                             f->max_file_bytes, (int)f->parquet.row_groups, f->parquet.rows,
                             f->parquet.target_bytes, f->parquet.max_bytes);
    if (rc == RV_OK && f->parquet.compat != RV_PARQUET_DEFAULT)
        rc = rv_bytes_printf(&text, err, "\nparquet %d", (int)f->parquet.compat);
    for (int i = 0; rc == RV_OK && i < f->parquet.n_columns; i++)
        rc = rv_bytes_printf(&text, err, "\n%s: %d", f->parquet.columns[i].column,
                             (int)f->parquet.columns[i].encoding);
    for (int i = 0; rc == RV_OK && i < f->parquet.n_bloom; i++)
        rc = rv_bytes_printf(&text, err, "\nbloom %s", f->parquet.bloom[i]);
    for (int i = 0; rc == RV_OK && i < plan->schema.n_fields; i++)
        rc = rv_bytes_append(&text, plan->schema.fields[i].on_invalid,
                             sizeof plan->schema.fields[i].on_invalid, err);
    if (rc == RV_OK)
        rv_xxh3_text(plan->fingerprint, rv_xxh3(text.data, text.len, 0));
    rv_bytes_deinit(&text);
    return rc;
}

rv_code rv_plan_make(rv_arena *arena, const rv_plan_input *input, rv_plan *out, rv_error *err)
{
    const rv_export_config *export_config = input->export_config;
    const rv_relation_info *info = input->info;
    const uint32_t caps = input->source->ops->caps;
    rv_plan plan = {.export_config = export_config, .info = *info, .lanes = 1};
    if (info->row_security && !export_config->row_security_acknowledged) {
        rv_fail(err, RV_E_SOURCE_ROW_SECURITY, "row-level security would hide rows of %s from this user",
                info->schema.origin);
        rv_hint(err, "read as a user that bypasses row security, or accept what is left with `row_security: "
                     "acknowledge`");
        return RV_E_SOURCE_ROW_SECURITY;
    }
    if (info->schema.n_fields == 0)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "%s has no columns", info->schema.origin);
    plan.snapshot =
        (caps & RV_SOURCE_CAP_SNAPSHOT) != 0 && export_config->consistency == RV_CONSISTENCY_SNAPSHOT;
    RV_TRY(rv_schema_resolve(arena, &info->schema, &export_config->schema, &plan.schema, err));
    RV_TRY(rv_format_check(&export_config->format, &plan.schema, err));
    RV_TRY(choose_strategy(arena, caps, &plan, err));
    if (plan.strategy != RV_STRATEGY_STREAM && export_config->parallel > 1 &&
        (!plan.snapshot || (caps & RV_SOURCE_CAP_SHARED_SNAPSHOT) != 0))
        plan.lanes = export_config->parallel;
    RV_TRY(fingerprint(&plan, err));
    *out = plan;
    return RV_OK;
}
