/* changed.c - an open run that was begun by another plan than the one made now.
 *
 * Its chunks mean something else than those of the new plan would, so it is not gone on with. Nor is it given up by
 * itself when somebody may have meant to finish it: what changed is named, nothing is touched, and the user decides.
 * Three things pass without a question. What readers may have seen already is completed. Where the planner alone
 * chose another way (statistics have changed), or columns were only added, nobody has asked for anything else: the
 * run is begun anew, as it would be had there been nothing to keep. */
#include "internal.h"

#include <string.h>

enum { COLUMNS_TEXT_BYTES = 1 << 20, COLUMNS_NAMED = 8 };

/* The columns that an open run was begun with, beside those of now. */
typedef struct column_changes {
    rv_bytes text; /* "'id' was bigint and is text" */
    int n;         /* gone, or of another type; at most COLUMNS_NAMED of them are in the text */
} column_changes;

static rv_code compare_column(column_changes *out, const json_t *column, const rv_schema *now, rv_error *err)
{
    const char *name = json_string_value(json_object_get(column, "name"));
    const char *native = json_string_value(json_object_get(column, "native_type"));
    const char *type = json_string_value(json_object_get(column, "type"));
    if (name == NULL || native == NULL || type == NULL)
        return rv_fail(err, RV_E_STATE_CORRUPT, "the columns of an open run cannot be read");
    char type_now[RV_TYPE_TEXT_BYTES] = "";
    const rv_field *field = rv_schema_field(now, name);
    if (field != NULL)
        (void)rv_type_text(type_now, field->type);
    if (field != NULL && strcmp(field->native_type, native) == 0 && strcmp(type_now, type) == 0)
        return RV_OK;
    if (++out->n > COLUMNS_NAMED)
        return RV_OK;
    RV_TRY(rv_bytes_append_str(&out->text, out->n > 1 ? "; " : "", err));
    if (field == NULL)
        return rv_bytes_printf(&out->text, err, "'%s' is gone", name);
    if (strcmp(field->native_type, native) == 0)
        return rv_bytes_printf(&out->text, err, "'%s' was read as %s and is read as %s", name, type,
                               type_now);
    return rv_bytes_printf(&out->text, err, "'%s' was %s and is %s", name, native, field->native_type);
}

static rv_code compare_columns(column_changes *out, const rvi_run *run, const rv_open_run *open,
                               rv_error *err)
{
    json_t *then = json_loads(open->plan.schema_json, 0, NULL);
    rv_code rc = json_is_array(then) ? RV_OK
                                     : rv_fail(err, RV_E_STATE_CORRUPT, "the columns of %s cannot be read",
                                               open->plan.run_id);
    for (size_t i = 0; rc == RV_OK && i < json_array_size(then); i++)
        rc = compare_column(out, json_array_get(then, i), &run->plan.schema, err);
    json_decref(then);
    if (rc == RV_OK && out->n > COLUMNS_NAMED)
        rc = rv_bytes_printf(&out->text, err, "; and %d more", out->n - COLUMNS_NAMED);
    return rc;
}

static rv_code refuse(const rvi_run *run, const rv_open_run *open, const rv_plan_difference *found,
                      const char *columns, rv_error *err)
{
    const char *origin = run->plan.info.schema.origin, *sign = found->keys[0] != '\0' ? ": " : "";
    if (!found->known)
        rv_fail(err, RV_E_RUN_CHANGED,
                "run '%s' is open, and was begun with another configuration, or by another version of Rivet; "
                "which keys have changed is not known",
                open->plan.run_id);
    else if (columns[0] != '\0')
        rv_fail(err, RV_E_RUN_CHANGED,
                "run '%s' is open, and since it was begun the columns of %s have changed: "
                "%s%s%s",
                open->plan.run_id, origin, columns, sign[0] != '\0' ? "; and the configuration: " : "",
                found->keys);
    else
        rv_fail(err, RV_E_RUN_CHANGED, "run '%s' is open, and was begun with another %s%s%s",
                open->plan.run_id, sign[0] != '\0' ? "configuration" : "plan", sign, found->keys);
    rv_hint(err,
            "nothing of it was touched. To go on with it, put back what has changed; to give it up (its "
            "files are "
            "removed, and everything is read anew) use 'rivet run --force' without --resume, 'rivet state "
            "reset-chunks -e %s', or on_interrupted: restart",
            open->plan.export_name);
    return RV_E_RUN_CHANGED;
}

/* Is everything of it written, and named by its manifest? Only looks. */
static rv_code is_whole(rvi_run *run, const rv_open_run *open, bool *out, rv_error *err)
{
    const rv_dest_config cfg = {.kind = open->plan.dest_kind, .path = open->plan.dest_path};
    RV_AUTO(rv_dest_close) rv_dest *dest = NULL;
    rv_manifest manifest;
    rvi_index_list damaged;
    rvi_name_list strays = {.arena = run->arena};
    RV_TRY(rv_dest_open(&dest, &cfg, cfg.path, run->cancel, err));
    const rvi_place place = {dest, open->plan.run_id, run->arena};
    RV_TRY(rvi_read_published(&place, &manifest, out, err));
    if (!*out)
        return RV_OK;
    const rvi_part_list parts = {.parts = (rv_part *)manifest.parts, .n = manifest.n_parts}; /* only read */
    RV_TRY(rvi_survey_objects(&place, &parts, &strays, &damaged, err));
    *out = damaged.n == 0;
    return RV_OK;
}

/* It failed before it had a destination, or wrote to a stream: nothing can be kept of it. */
static bool left_nothing(const rv_open_run *open)
{
    const rv_dest_ops *dest = rv_dest_driver(open->plan.dest_kind);
    return open->plan.dest_path[0] == '\0' || (dest != NULL && (dest->caps & RV_DEST_CAP_OBJECTS) == 0);
}

static bool changed_by_itself(const rvi_run *run, const rv_plan_difference *found, const char *columns)
{
    bool columns_may_be_added = run->export_config->on_schema_drift != RV_DRIFT_FAIL;
    return found->known && found->keys[0] == '\0' && columns[0] == '\0' &&
           (!found->columns || columns_may_be_added);
}

/* columns: those that are gone or of another type, in words; "": none. */
static rv_code judge(rvi_run *run, const rv_open_run *open, const rv_plan_difference *found,
                     const char *columns, rv_error *err)
{
    bool whole = false;
    if (run->context->resume)
        return refuse(run, open, found, columns, err);
    RV_TRY(is_whole(run, open, &whole, err));
    if (whole)
        return RV_OK;
    if (!run->context->force && !changed_by_itself(run, found, columns))
        return refuse(run, open, found, columns, err);
    bool renamed = strcmp(open->plan.export_name, run->export_config->name) != 0;
    rvi_run_note(run, "the open run %s is given up, and everything read anew: %s", open->plan.run_id,
                 run->context->force ? "--force"
                 : found->columns    ? "columns have changed since it was begun"
                 : renamed           ? "its partition is not there any more"
                                     : "the planner chose another way by now");
    return RV_OK;
}

static rv_code compare_and_judge(rvi_run *run, const rv_open_run *open, column_changes *columns,
                                 rv_error *err)
{
    rv_plan_difference found;
    const char *text = "";
    RV_TRY(rv_plan_compare(run->arena, open->plan.config_fingerprint, run->plan.ingredients, &found, err));
    if (found.known && found.columns)
        RV_TRY(compare_columns(columns, run, open, err));
    if (columns->n > 0)
        RV_TRY(rv_bytes_cstr(&columns->text, &text, err));
    return judge(run, open, &found, text, err);
}

static bool needs_no_question(const rvi_run *run, const rv_open_run *open)
{
    return !run->context->resume &&
           (run->export_config->on_interrupted == RV_INTERRUPTED_RESTART || left_nothing(open));
}

rv_code rvi_run_may_give_up_changed(rvi_run *run, const rv_open_run *open, rv_error *err)
{
    column_changes columns = {.text = RV_BYTES_INIT(COLUMNS_TEXT_BYTES)};
    if (needs_no_question(run, open))
        return RV_OK;
    rv_code rc = compare_and_judge(run, open, &columns, err);
    rv_bytes_deinit(&columns.text);
    return rc;
}

rv_code rvi_run_may_give_up_renamed(rvi_run *run, const rv_open_run *open, const rv_plan_difference *found,
                                    rv_error *err)
{
    return needs_no_question(run, open) ? RV_OK : judge(run, open, found, "", err);
}

/* Trying again later, which is what the exit code asks for, helps only when both are one export. */
void rvi_run_explain_held(const rv_plan_difference *found, rv_error *err)
{
    if (!found->known || found->keys[0] == '\0')
        return;
    rv_wrap(err, RV_E_RUN_LEASE_HELD,
            "a run of another configuration (%s); exports that share a state store need names of their own",
            found->keys);
}
