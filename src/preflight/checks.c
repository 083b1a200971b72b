#include "rivet/preflight.h"

#include "rivet/dest.h"
#include "rivet/plan.h"
#include "rivet/state.h"

#include <inttypes.h>
#include <stdio.h>

enum { ARENA_BYTES = 16 << 20 };

typedef struct preflight {
    const rv_config *config;
    const char *state_path;
    const rv_clock *clock;
    rv_cancel *cancel;
    rv_check_fn fn;
    void *context;
    rv_arena *arena;
    rv_source *source; /* NULL: it could not be opened */
    rv_error first;    /* failure */
} preflight;

static void report(preflight *p, const char *name, const char *detail, const rv_error *err)
{
    rv_check_result result = {.name = name, .ok = err->code == RV_OK, .error = *err};
    (void)snprintf(result.detail, sizeof result.detail, "%s", detail);
    if (!result.ok && p->first.code == RV_OK)
        p->first = *err;
    p->fn(p->context, &result);
}

static void check_source(preflight *p)
{
    rv_error err = {0};
    rv_server_info server = {0};
    char detail[256] = "";
    rv_code rc = rv_source_open(&p->source, &p->config->source, p->cancel, &err);
    if (rc == RV_OK)
        rc = rv_source_server(p->source, &server, &err);
    if (rc == RV_OK)
        (void)snprintf(detail, sizeof detail, "%s %s%s%s%s", server.product, server.version,
                       server.tls ? ", " : "", server.tls ? server.tls_detail : "",
                       server.pooled ? ", behind a transaction pooler" : "");
    report(p, "source", detail, &err);
}

/* What a run would do first: describe the relation and plan it. */
static rv_code try_plan(preflight *p, const rv_export_config *e, rv_plan *plan, rv_error *err)
{
    rv_read_options options = {.snapshot = e->consistency == RV_CONSISTENCY_SNAPSHOT,
                               .statement_timeout_ms = e->tuning.statement_timeout_s * 1000,
                               .lock_timeout_ms = e->tuning.lock_timeout_s * 1000,
                               .accept_row_security = e->row_security_acknowledged};
    rv_relation_info info;
    RV_TRY(rv_source_begin(p->source, &options, err));
    rv_code rc = rv_source_describe(p->source, &e->relation, p->arena, &info, err);
    if (rc == RV_OK)
        rc = rv_plan_make(p->arena, e, &info, p->source->ops->caps, plan, err);
    rv_source_end(p->source);
    return rc;
}

static void check_export(preflight *p, const rv_export_config *e)
{
    rv_error err = {0};
    rv_plan plan = {0};
    char name[192], detail[256] = "";
    (void)snprintf(name, sizeof name, "export %s", e->name);
    if (try_plan(p, e, &plan, &err) == RV_OK)
        (void)snprintf(detail, sizeof detail, "%s %s, %d columns, %s", plan.info.kind, plan.schema.origin,
                       plan.schema.n_fields, plan.strategy);
    report(p, name, detail, &err);
}

static void check_destination(preflight *p, const rv_export_config *e)
{
    rv_error err = {0};
    rv_dest *dest = NULL;
    rv_bytes path = RV_BYTES_INIT(64 << 10);
    char name[192], date[RV_TIME_TEXT_BYTES];
    const char *expanded = "";
    rv_placeholders values = {date, e->name, e->relation.table != NULL ? e->relation.table : "query",
                              "doctor"};
    rv_time_date(date, p->clock->now_us(p->clock));
    (void)snprintf(name, sizeof name, "destination of %s", e->name);
    rv_code rc = rv_dest_expand(e->dest.path != NULL ? e->dest.path : "", &values, &path, &err);
    if (rc == RV_OK)
        rc = rv_bytes_cstr(&path, &expanded, &err);
    if (rc == RV_OK)
        rc = rv_dest_open(&dest, &e->dest, expanded, p->cancel, &err);
    if (rc == RV_OK)
        rc = rv_dest_check(dest, &err);
    report(p, name, dest != NULL ? rv_dest_uri(dest) : "", &err);
    rv_dest_close(dest);
    rv_bytes_deinit(&path);
}

static void check_state(preflight *p)
{
    rv_error err = {0};
    rv_state *state = NULL;
    (void)(rv_state_open(&state, p->state_path, RV_STATE_READ, p->clock, &err) == RV_OK);
    report(p, "state", p->state_path, &err);
    rv_state_close(state);
}

rv_code rv_preflight_run(const rv_config *config, const char *state_path, const rv_clock *clock,
                         rv_cancel *cancel, rv_check_fn fn, void *context, rv_error *err)
{
    preflight p = {.config = config,
                   .state_path = state_path,
                   .clock = clock,
                   .cancel = cancel,
                   .fn = fn,
                   .context = context};
    RV_TRY(rv_arena_new(&p.arena, ARENA_BYTES, err));
    check_state(&p);
    check_source(&p);
    for (int i = 0; i < config->n_exports; i++) {
        if (p.source != NULL)
            check_export(&p, &config->exports[i]);
        check_destination(&p, &config->exports[i]);
    }
    rv_source_close(p.source);
    rv_arena_free(p.arena);
    if (p.first.code != RV_OK && err != NULL)
        *err = p.first;
    return p.first.code;
}
