/* plan.c - an export becomes a plan: the checks that come first, the mode, and what follows from its chunks. */
#include "rivet/plan.h"

#include "rivet/dest.h"
#include "rivet/format.h"

#include "internal.h"

#include <inttypes.h>

/* A stream takes one file, and a chunk is what becomes a file. */
static bool takes_one_stream(const rv_export_config *export_config)
{
    const rv_dest_ops *dest = rv_dest_driver(export_config->dest.kind);
    return dest != NULL && (dest->caps & RV_DEST_CAP_STREAM) != 0;
}

static rv_code check_relation(const rv_plan_input *input, rv_error *err)
{
    const rv_relation_info *info = input->info;
    if (info->row_security && !input->export_config->row_security_acknowledged) {
        rv_fail(err, RV_E_SOURCE_ROW_SECURITY, "row-level security would hide rows of %s from this user",
                info->schema.origin);
        rv_hint(err, "read as a user that bypasses row security, or accept what is left with `row_security: "
                     "acknowledge`");
        return RV_E_SOURCE_ROW_SECURITY;
    }
    if (info->schema.n_fields == 0)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "%s has no columns", info->schema.origin);
    return RV_OK;
}

/* Ranges are what every mode but `full` is made of. */
static rv_code check_ranges(const rvi_planner *p, rv_error *err)
{
    const rv_export_config *e = p->config;
    bool needed = e->mode == RV_MODE_INCREMENTAL || e->mode == RV_MODE_TIME_WINDOW ||
                  e->partition.column != NULL || e->chunk.column != NULL || e->chunk.count > 0 ||
                  e->chunk.by_days > 0 || e->chunk.dense;
    if (needed && (p->caps & RV_SOURCE_CAP_KEYS) == 0)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "mode %s: this source cannot read ranges of %s",
                       rv_mode_name(e->mode), p->info->schema.origin);
    return RV_OK;
}

static rv_code make_chunks(rvi_planner *p, rv_error *err)
{
    const rv_partition_config *partition = &p->config->partition;
    const rv_field *field = NULL;
    if (partition->column != NULL)
        RV_TRY(rvi_plan_field(p, "partition_by", partition->column, &field, err));
    if (partition->range != NULL)
        p->within[p->n_within++] = partition->range;
    switch (p->config->mode) {
    case RV_MODE_FULL:
        return partition->range != NULL ? rvi_plan_restricted(p, err) : rvi_plan_whole(p, err);
    case RV_MODE_CHUNKED:
        return rvi_plan_chunked(p, err);
    case RV_MODE_INCREMENTAL:
        return rvi_plan_increment(p, err);
    case RV_MODE_TIME_WINDOW:
        return rvi_plan_time_window(p, err);
    }
    return rv_fail(err, RV_E_INTERNAL, "a plan for no mode");
}

/* Sizes in rows need to know how many there are. */
static rv_code note_unknown_size(rvi_planner *p, rv_error *err)
{
    const rv_chunk_config *chunk = &p->config->chunk;
    bool by_width = p->plan->strategy == RV_STRATEGY_RANGE && chunk->size > 0;
    if ((chunk->size <= 0 && chunk->size_memory_mb <= 0) || p->info->est_rows >= 0 || by_width ||
        p->one_stream)
        return RV_OK;
    return rvi_plan_note(
        p, err, "the source has no estimate of the rows of %s, so the size of chunks is not followed",
        p->info->schema.origin);
}

static rv_code count_lanes(rvi_planner *p, rv_error *err)
{
    rv_plan *plan = p->plan;
    int64_t lanes = p->config->parallel > 1 ? p->config->parallel : 1;
    const uint32_t together = RV_SOURCE_CAP_SHARED_SNAPSHOT | RV_SOURCE_CAP_ALIGNED_SNAPSHOT;
    if (lanes > 1 && plan->snapshot && (p->caps & together) == 0) {
        lanes = 1;
        RV_TRY(rvi_plan_note(
            p, err,
            "one lane: this source cannot share a snapshot among several (consistency: statement "
            "needs none)"));
    }
    if (lanes > plan->n_chunks)
        lanes = plan->n_chunks > 0 ? plan->n_chunks : 1;
    plan->lanes = (int)lanes;
    return RV_OK;
}

static void begin_planner(rvi_planner *p, rv_arena *arena, const rv_plan_input *input, rv_plan *plan)
{
    *p = (rvi_planner){.arena = arena,
                       .input = input,
                       .config = input->export_config,
                       .info = input->info,
                       .plan = plan,
                       .caps = input->source->ops->caps,
                       .one_stream = takes_one_stream(input->export_config)};
}

rv_code rv_plan_make(rv_arena *arena, const rv_plan_input *input, rv_plan *out, rv_error *err)
{
    const rv_export_config *export_config = input->export_config;
    rv_plan plan = {.export_config = export_config, .info = *input->info, .lanes = 1};
    rvi_planner planner;
    begin_planner(&planner, arena, input, &plan);
    RV_TRY(check_relation(input, err));
    plan.snapshot =
        (planner.caps & RV_SOURCE_CAP_SNAPSHOT) != 0 && export_config->consistency == RV_CONSISTENCY_SNAPSHOT;
    RV_TRY(rv_schema_resolve(arena, &input->info->schema, &export_config->schema, &plan.schema, err));
    RV_TRY(rv_format_check(&export_config->format, &plan.schema, err));
    RV_TRY(check_ranges(&planner, err));
    RV_TRY(make_chunks(&planner, err));
    RV_TRY(note_unknown_size(&planner, err));
    RV_TRY(count_lanes(&planner, err));
    RV_TRY(rvi_plan_fingerprint(arena, &plan, err));
    *out = plan;
    return RV_OK;
}
